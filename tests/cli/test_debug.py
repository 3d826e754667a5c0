"""`ttci debug ID`: what a user may have copied, and what is no test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Project
from ttci.cli.debug import identity_from
from ttci.errors import InputError
from ttci.manifest import Manifest, load_manifest

MANIFEST = """
[devices.cpu]
backend = "torch"

[devices.board]
backend = "ttnn"
target = "silicon"
board = "n150"

[models.tiny]
source = "model.py::Tiny"
devices = ["cpu", "board"]
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    (tmp_path / "model.py").write_text("")
    file = tmp_path / "models_manifest.toml"
    file.write_text(MANIFEST)
    return load_manifest(file)


@pytest.mark.parametrize(
    "text",
    [
        "tiny@cpu/a lin",
        "tiny@cpu/a lin[correctness]",
        "tiny@cpu/a lin[performance]",
        "ttci/tests/test_checks.py::tiny@cpu/a lin[correctness]",
        "/somewhere/ttci/tests/test_checks.py::tiny@cpu/a lin[gradients]\n",
    ],
)
def test_the_correctness_of_a_test_is_meant_by_whatever_names_it(manifest: Manifest, text: str) -> None:
    assert str(identity_from(text, manifest)) == "tiny@cpu/a lin[correctness]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lin", '"lin" names no test; write it as ttci run prints it'),
        ("tiny@cpu", '"tiny@cpu" names no test'),
        ("tiny@cup/lin", 'there is no pair "tiny@cup"; did you mean "tiny@cpu"?'),
        ("tinny@cpu/lin", 'there is no pair "tinny@cpu"; did you mean "tiny@cpu"?'),
        ("tiny@cpu/lin[corectness]", 'unknown check "corectness"; did you mean "correctness"?'),
    ],
)
def test_what_names_none_is_a_mistake_with_a_suggestion(manifest: Manifest, text: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        identity_from(text, manifest)
    assert said in str(raised.value)


def test_a_device_that_is_not_here_is_said_before_anything_runs(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("model.py", "")
    project.write("models_manifest.toml", MANIFEST)
    done = project.ttci("debug", "tiny@board/lin")
    assert done.code == 3
    assert done.output.startswith("tiny@board: ")
