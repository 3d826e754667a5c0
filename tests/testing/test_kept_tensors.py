"""`ttci run --keep-tensors failed`: what a wrong output, its inputs and its reference were."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import Project
from tests.root import ROOT
from ttci.checks.correctness import Observed
from ttci.testing.kept_tensors import keep, of_language_model, of_module

MODEL = """
from torch import nn
from ttci.testing import ModuleTest

class Doubles(nn.Module):
    hidden_dim = 8

    def forward(self, x):
        return 2 * x

class Model:
    def get_module_tests(self):
        only = ["correctness"]
        right = ModuleTest("right", module=Doubles(), input_shape=(1, 4, 8), test_cases=only)
        wrong = ModuleTest(
            "wrong / one", module=Doubles(), reference=lambda x: 3 * x, input_shape=(1, 4, 8), test_cases=only
        )
        return [right, wrong]
"""
MANIFEST = """
[devices.cpu]
backend = "torch"

[models.m]
source = "model.py::Model"
devices = ["cpu"]
"""
FILE = Path("reports/m@cpu/tensors/wrong%20%2F%20one.safetensors")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("model.py", MODEL)
    project.write("models_manifest.toml", MANIFEST)
    return project


def test_tensors_of_failed_checks_are_kept_and_the_message_loads_them(project: Project) -> None:
    done = project.ttci("run", "--keep-tensors", "failed")
    assert done.code == 1
    kept = load_file(project.path / FILE)
    assert set(kept) == {"input 0", "output 0", "reference 0"}
    assert torch.equal(kept["output 0"], 2 * kept["input 0"])
    assert torch.equal(kept["reference 0"], 3 * kept["input 0"])
    assert [file.name for file in (project.path / FILE.parent).iterdir()] == [FILE.name]
    lines = re.search(r"kept: load them by\n((?:    .*\n){5})", done.output)
    assert lines is not None
    loaded = project.python("-c", lines[1].replace("    ", "", 1).replace("\n    ", "\n"))
    assert loaded.code == 0, loaded.output
    assert loaded.output.startswith("tensor(")


def test_they_are_not_kept_unasked_and_go_with_the_next_run(project: Project) -> None:
    project.ttci("run", "--keep-tensors", "failed")
    assert (project.path / FILE).exists()
    assert "kept:" not in project.ttci("run").output
    assert not (project.path / FILE).exists()


def test_tensors_that_are_too_large_are_not_kept(tmp_path: Path) -> None:
    large = torch.zeros(1).expand(70_000_000)
    kept = of_module({"x": large}, Observed([large], [large], [large], [], []))
    said = keep(tmp_path / "tensors", "large", kept)
    assert said == "not kept: the tensors take 840 MB, at most 256 are kept"
    assert not (tmp_path / "tensors").exists()


def test_a_folder_that_cannot_be_written_is_told_and_hides_no_failure(tmp_path: Path) -> None:
    (tmp_path / "tensors").write_text("a file")
    x = torch.zeros(2)
    said = keep(tmp_path / "tensors", "small", of_module({"x": x}, Observed([x], [x], [x], [], [])))
    assert said.startswith("not kept: FileExistsError")


LANGUAGE_MODEL = """
from tests.language_models import hugging_face, language_model_test, off_by_one, ours

class Model:
    def get_module_tests(self):
        theirs = hugging_face("llama")
        wrong = off_by_one(ours(theirs))
        return [language_model_test("wrong", wrong, theirs, test_cases=["correctness"])]
"""


def test_of_a_language_model_its_tokens_and_logits_are_kept(project: Project) -> None:
    pytest.importorskip("transformers")
    project.write("model.py", f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{LANGUAGE_MODEL}")
    done = project.ttci("run", "--keep-tensors", "failed")
    assert done.code == 1
    kept = load_file(project.path / FILE.with_name("wrong.safetensors"))
    assert {name: tuple(tensor.shape) for name, tensor in kept.items()} == {
        "prompt tokens": (1, 32),
        "tokens given behind it": (1, 32),
        "logits": (1, 33, 512),
        "reference logits": (1, 33, 512),
    }
    assert kept["prompt tokens"].dtype is torch.int64
    off = (kept["logits"] - kept["reference logits"]).abs().amax((0, 2))
    assert off[0] < 1e-3 < off[1:].min()  # the prompt is right
    lines = re.search(r"kept: load them by\n((?:    .*\n){5})", done.output)
    assert lines is not None
    loaded = project.python("-c", lines[1].replace("    ", "", 1).replace("\n    ", "\n"))
    assert loaded.code == 0, loaded.output
    assert loaded.output.startswith("tensor([")


def test_logits_of_as_many_positions_are_kept_as_there_is_room_for() -> None:
    logits = torch.zeros(1, 1, 1).expand(16, 40, 100_000)
    tokens = torch.zeros(16, 71, dtype=torch.int64)
    kept = of_language_model(tokens, 32, Observed([logits], [logits], [logits], [], []))
    assert kept.note == ", of the first 19 of 40 positions"
    assert kept.tensors["logits"].shape == kept.tensors["reference logits"].shape == (16, 19, 100_000)
    assert kept.tensors["tokens given behind it"].shape == (16, 39)
