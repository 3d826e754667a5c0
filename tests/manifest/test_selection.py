"""Names and globs choose pairs; what is left out is said, with the reason."""

from pathlib import Path

import pytest

from ttci.errors import ExitCode, InputError, NothingMatchedError
from ttci.manifest import Manifest, Selection, load_manifest, select

TEXT = """
[devices.cpu]
backend = "torch"
[devices.cpu32]
backend = "torch"
[devices.mock]
backend = "ttnn"
target = "mock"
board = "n150"
on-demand = true
[models.llama3]
source = "m.py"
devices = ["cpu", "mock", "cpu32"]
[models.qwen3]
source = "m.py"
devices = ["cpu"]
[models.slow]
source = "m.py"
devices = ["mock"]
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    (tmp_path / "m.py").touch()
    (tmp_path / "m.toml").write_text(TEXT)
    return load_manifest(tmp_path / "m.toml")


def names(selection: Selection) -> list[str]:
    return [str(pair) for pair in selection.pairs]


def test_no_name_means_every_model_on_every_device_but_those_on_demand(manifest: Manifest) -> None:
    selection = select(manifest, [])
    assert names(selection) == ["llama3@cpu", "llama3@cpu32", "qwen3@cpu"]
    assert [(str(pair), reason) for pair, reason in selection.left_out] == [
        ("llama3@mock", "on demand: name it with --device mock"),
        ("slow@mock", "on demand: name it with --device mock"),
    ]


@pytest.mark.parametrize("devices", [["mock"], ["m*"]])
def test_device_on_demand_runs_when_it_is_named(manifest: Manifest, devices: list[str]) -> None:
    selection = select(manifest, [], devices)
    assert names(selection) == ["llama3@mock", "slow@mock"]
    assert selection.left_out == ()


@pytest.mark.parametrize(
    ("models", "devices", "expected"),
    [
        (["qwen3"], [], ["qwen3@cpu"]),
        (["qwen3", "llama3"], ["cpu"], ["llama3@cpu", "qwen3@cpu"]),
        (["*3"], ["cpu"], ["llama3@cpu", "qwen3@cpu"]),
        (["llama3", "l*"], ["cpu", "c?u"], ["llama3@cpu"]),
        (["llama3"], ["cpu*"], ["llama3@cpu", "llama3@cpu32"]),
        (["[lq]*"], ["cpu32", "mock"], ["llama3@mock", "llama3@cpu32"]),
        (["*"], ["*"], ["llama3@cpu", "llama3@mock", "llama3@cpu32", "qwen3@cpu", "slow@mock"]),
    ],
)
def test_names_and_globs_choose_in_the_order_of_the_manifest(
    manifest: Manifest, models: list[str], devices: list[str], expected: list[str]
) -> None:
    assert names(select(manifest, models, devices)) == expected


def test_every_unknown_name_is_refused_with_what_there_is(manifest: Manifest) -> None:
    with pytest.raises(InputError) as caught:
        select(manifest, ["lama3", "zzz", "qwen3", "x*"])
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    assert str(caught.value).splitlines() == [
        'unknown model "lama3"; did you mean "llama3"?',
        'unknown model "zzz"; there is: llama3, qwen3, slow',
        'unknown model "x*"; there is: llama3, qwen3, slow',
    ]
    with pytest.raises(InputError, match=r'^unknown device "CPU"; did you mean "cpu"\?$'):
        select(manifest, [], ["CPU"])


def test_choice_of_nothing_says_where_the_model_runs(manifest: Manifest) -> None:
    with pytest.raises(NothingMatchedError, match=r"^nothing matched; qwen3 runs on cpu$") as caught:
        select(manifest, ["qwen3"], ["mock"])
    assert caught.value.exit_code is ExitCode.NOTHING_MATCHED


def test_choice_of_devices_on_demand_alone_says_how_to_name_them(manifest: Manifest) -> None:
    with pytest.raises(NothingMatchedError) as caught:
        select(manifest, ["slow"])
    assert str(caught.value) == "nothing matched\nslow@mock is on demand: name it with --device mock"


def test_manifest_without_models_matches_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.toml").touch()
    with pytest.raises(NothingMatchedError, match=r"m\.toml lists no models"):
        select(load_manifest(tmp_path / "m.toml"), [])
