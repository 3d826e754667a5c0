"""A right manifest is read as it is meant."""

from pathlib import Path

import pytest

from tests.root import ROOT
from ttci.errors import InputError
from ttci.manifest import (
    Manifest,
    Target,
    TestTargets,
    TorchDeviceEntry,
    TtnnDeviceEntry,
    find_device,
    load_manifest,
)

FULL = """
[devices.cpu]
backend = "torch"
dtype = "bfloat16"
max-tokens = 128

[devices.n150]
backend = "ttnn"
target = "silicon"
board = "n150"
runs-on = ["self-hosted", "N150"]
timeout-minutes = 30

[devices.n150-mock]
backend = "ttnn"
target = "mock"
board = "n150"
on-demand = true

[models.llama3]
source = "model.py::LLaMA3Model"
devices = ["cpu", "n150-mock", "n150"]

[models.llama3.targets.n150.llama3_8b_attention]
latency_ms = 5.0
memory_mb = { value = 512, tolerance = 0.10 }
"""


def load(folder: Path, text: str | bytes) -> Manifest:
    (folder / "model.py").touch()
    path = folder / "models_manifest.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_manifest(path)


def test_every_key_of_a_device_is_read(tmp_path: Path) -> None:
    devices = load(tmp_path, FULL).devices
    assert devices["cpu"] == TorchDeviceEntry.model_validate(
        {"backend": "torch", "dtype": "bfloat16", "max-tokens": 128}
    )
    n150 = devices["n150"]
    assert isinstance(n150, TtnnDeviceEntry)
    assert (n150.target, n150.board, n150.runs_on) == ("silicon", "n150", ("self-hosted", "N150"))
    assert (n150.timeout_minutes, n150.on_demand) == (30, False)
    assert devices["n150-mock"].on_demand


def test_device_defaults_are_float32_on_one_worker_for_an_hour(tmp_path: Path) -> None:
    device = load(tmp_path, '[devices.cpu]\nbackend = "torch"').devices["cpu"]
    assert isinstance(device, TorchDeviceEntry)
    assert (device.target, device.dtype, device.max_tokens) == ("cpu", "float32", None)
    assert (device.workers, device.on_demand, device.timeout_minutes) == (1, False, 60)


def test_target_is_a_number_or_a_table_with_a_tolerance(tmp_path: Path) -> None:
    targets = load(tmp_path, FULL).models["llama3"].targets["n150"]["llama3_8b_attention"]
    assert targets.of("latency_ms") == Target(value=5.0)
    assert targets.of("memory_mb") == Target(value=512, tolerance=0.1)
    assert targets.accuracy is None


@pytest.mark.parametrize(
    "targets",
    [
        "[models.m.targets.cpu.t]\nlatency_ms = 2",
        "targets.cpu.t.latency_ms = 2",
        "targets = { cpu = { t = { latency_ms = 2 } } }",
        '[models.m.targets."cpu"]\n"t" = { latency_ms = { value = 2 } }',
    ],
)
def test_any_spelling_of_toml_gives_the_same_target(tmp_path: Path, targets: str) -> None:
    head = '[devices.cpu]\nbackend = "torch"\n[models.m]\nsource = "model.py"\ndevices = [\n  "cpu", # c\n]\n'
    read = load(tmp_path, head + targets).models["m"].targets["cpu"]["t"].of("latency_ms")
    assert read == Target(value=2)


def test_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf" + FULL.replace("\n", "\r\n").encode()
    assert list(load(tmp_path, text).models) == ["llama3"]


def test_empty_file_is_a_manifest_of_nothing(tmp_path: Path) -> None:
    manifest = load(tmp_path, "")
    assert (manifest.models, manifest.devices) == ({}, {})


def test_source_is_relative_to_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = load(tmp_path, FULL)
    monkeypatch.chdir("/")
    source = manifest.source("llama3")
    assert (source.file, source.attribute) == (tmp_path / "model.py", "LLaMA3Model")


@pytest.mark.parametrize(
    ("source", "module", "attribute"),
    [
        ("model.py", None, None),
        ("model.py::M", None, "M"),
        ("package.models:llama", "package.models", "llama"),
    ],
)
def test_source_has_three_forms(
    tmp_path: Path, source: str, module: str | None, attribute: str | None
) -> None:
    text = f'[devices.cpu]\nbackend = "torch"\n[models.m]\nsource = "{source}"\ndevices = ["cpu"]'
    read = load(tmp_path, text).source("m")
    assert (read.module, read.attribute) == (module, attribute)
    assert (read.file is None) == (module is not None)


def test_what_is_read_is_frozen(tmp_path: Path) -> None:
    manifest = load(tmp_path, FULL)
    with pytest.raises(ValueError, match="frozen"):
        manifest.devices["cpu"].workers = 2
    with pytest.raises(ValueError, match="frozen"):
        manifest.models["llama3"].source = "other.py"


def test_line_of_a_key_is_found_for_annotations(tmp_path: Path) -> None:
    manifest = load(tmp_path, FULL)
    assert manifest.line_of("models", "llama3") == 20
    assert manifest.line_of("models", "llama3", "targets", "n150", "llama3_8b_attention", "memory_mb") == 26
    assert manifest.line_of("models", "llama3", "targets", "n150", "not-there") == 24
    assert manifest.line_of("nowhere") is None


def test_mistake_at_a_key_has_file_line_and_dotted_key(tmp_path: Path) -> None:
    manifest = load(tmp_path, FULL)
    mistake = manifest.mistake(("models", "llama3", "targets", "n150", "t.x"), "no such test")
    assert str(mistake) == f'{manifest.path}:24: models.llama3.targets.n150."t.x": no such test'


def test_device_of_the_manifest_goes_before_a_built_in_one(tmp_path: Path) -> None:
    manifest = load(tmp_path, FULL)
    found = [find_device("cpu", known) for known in (manifest, None)]
    assert [getattr(device, "dtype", None) for device in found] == ["bfloat16", "float32"]
    assert find_device("cuda", manifest) == find_device("cuda", None)


def test_unknown_device_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'^unknown device "n15O"; did you mean "n150"\?$'):
        find_device("n15O", load(tmp_path, FULL))
    with pytest.raises(InputError, match="there is: cpu, cuda, wormhole_b0"):
        find_device("quantum", None)


def test_shipped_manifest_is_right() -> None:
    manifest = load_manifest(ROOT / "models_manifest.toml")
    layers, others = (
        ["llama3", "qwen3", "mistral", "bert"],
        ["resnet50", "whisper", "mixtral", "bert-tiny", "vit", "llama3-8b"],
    )
    assert list(manifest.models) == [*layers, *others]
    assert {device for model in manifest.models.values() for device in model.devices} <= set(manifest.devices)


def test_history_that_is_not_named_is_none_and_a_twentieth_matters(tmp_path: Path) -> None:
    history = load(tmp_path, FULL).history
    assert (history.store, history.default_branch) == (None, None)
    assert history.smallest_change("latency_ms") == 0.05


@pytest.mark.parametrize(
    "store", ["branch", "branch:figures", "folder:/srv/our figures", "folder:../kept", "off"]
)
def test_store_of_the_history_is_read(tmp_path: Path, store: str) -> None:
    history = load(tmp_path, f'{FULL}[history]\nstore = "{store}"\ndefault-branch = "trunk"').history
    assert (history.store, history.default_branch) == (store, "trunk")


def test_smallest_change_is_one_for_all_or_by_metric(tmp_path: Path) -> None:
    one = load(tmp_path, f"{FULL}[history]\nsmallest-change = 0.1").history
    assert (one.smallest_change("latency_ms"), one.smallest_change("ops_per_s")) == (0.1, 0.1)
    text = f"{FULL}[history]\nsmallest-change = {{ latency_ms = 0.1, memory_mb = 0.02 }}"
    by_metric = load(tmp_path, text).history
    changes = [
        by_metric.smallest_change(name) for name in ("latency_ms", "memory_mb", "dram_mb", "ops_per_s")
    ]
    assert changes == [0.1, 0.02, 0.05, 0.05]


def test_smallest_change_can_be_written_for_every_metric_that_ttci_measures(tmp_path: Path) -> None:
    measured = [*TestTargets.model_fields.keys() - {"accuracy"}, "correlation"]
    rows = "\n".join(f"{name} = 0.01" for name in measured)
    history = load(tmp_path, f"{FULL}[history.smallest-change]\n{rows}").history
    assert {history.smallest_change(name) for name in measured} == {0.01}
