"""Somebody's own repository, from nothing to a green workflow, with ttci's wheel and nothing else of it."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.action.act import Act
from tests.conftest import Project, clean_environment
from tests.docs.pages import FROM_NOTHING, to_do
from tests.docs.reader import Reader
from tests.project.conftest import Installed
from tests.repositories import GIT, git

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "mymodel"
version = "0.1"
dependencies = ["torch==2.13.0", "transformers>=5,<6"]
"""
LAYERS = '''\
"""Layers of the model."""

import torch
from torch import nn


class Scale(nn.Module):
    """A weight a channel, with a ttnn form of its own."""

    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.5, 1.5, dim))

    def forward(self, x):
        return x * self.weight

    def to_ttnn(self, device):
        import ttnn

        weight = device.vector(self.weight.reshape(1, -1))
        return lambda x: ttnn.multiply(x, weight)


class RunningMean(nn.Module):
    """The mean of the tokens so far, in a forward pass and in steps of one token."""

    def forward(self, x):
        return x.cumsum(1) / torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]

    def make_cache(self, batch, length):
        return torch.randn(batch, length, 64)

    def decode(self, x, cache):
        return torch.cat([cache, x], 1).mean(1, keepdim=True)
'''
# Beside the model itself: an import, and what wraps three of its modules.
MODEL = '''\
"""The model."""

from torch import nn
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaMLP

from ttci.testing import test_module

from .layers import RunningMean, Scale


class MyModel(nn.Module):
    def __init__(self):
        super().__init__()
        config = LlamaConfig(hidden_size=64, intermediate_size=128)
        self.mlp = test_module(LlamaMLP(config), "mlp", input_shape=(1, 32, 64))
        self.scale = test_module(Scale(64), "scale", input_shape=(1, 32, 64))
        self.mean = test_module(RunningMean(), "mean", input_shape=(1, 1, 64), decode_cache_length=31)
'''
CHECKS = {
    *(f"mlp[{check}]" for check in ("correctness", "gradients", "performance", "memory")),
    *(f"scale[{check}]" for check in ("correctness", "gradients", "performance", "memory")),
    *(f"mean[{check}]" for check in ("correctness", "performance", "memory")),
}
MOST_LINES_BY_HAND = 10


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A package in src layout with relative imports, which knows of ttci no more than `test_module`."""
    folder = tmp_path / "repository"
    files = {
        "pyproject.toml": PYPROJECT,
        "src/mymodel/__init__.py": "",
        "src/mymodel/layers.py": LAYERS,
        "src/mymodel/model.py": MODEL,
        ".gitignore": ".nox/\nreports/\n__pycache__/\n",
    }
    for name, text in files.items():
        Project(folder).write(name, text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "remote", "add", "origin", "https://github.com/somebody/models.git")
    return folder


def from_the_wheel(installed: Installed) -> Mapping[str, str]:
    """The variables of somebody whose package index has the wheel, and whose PATH leads to a bare Python."""
    outer = {name: value for name, value in clean_environment().items() if name != "PYTHONPATH"}
    path = os.pathsep.join([str(installed.programs), outer["PATH"]])
    return outer | {
        "PIP_FIND_LINKS": str(installed.folder),
        "UV_FIND_LINKS": str(installed.folder),
        "PATH": path,
    }


def lines_by_hand() -> int:
    """What of the model's file is ttci's: its import, and one more where a call wraps a module."""
    return sum("ttci" in line or "test_module" in line for line in MODEL.splitlines())


@pytest.mark.usefixtures("_needs_torch")
def test_a_stranger_comes_from_nothing_to_a_green_workflow(
    installed: Installed, repository: Path, tmp_path: Path
) -> None:
    said = installed.run(repository, "ttci", "init")
    assert "wrote models_manifest.toml" in said
    assert "mymodel: src/mymodel/model.py::MyModel on cpu, n150-mock" in said
    assert said.splitlines()[-2] == "next: nox -s models -- mymodel"
    assert lines_by_hand() <= MOST_LINES_BY_HAND
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "first")

    variables = from_the_wheel(installed)
    nox = [sys.executable, "-m", "nox", "-s", "models", "--", "mymodel"]
    done = subprocess.run(
        nox, cwd=repository, env=variables, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pair = Project(repository)
    assert pair.outcomes("reports/mymodel@cpu/run.json") == dict.fromkeys(CHECKS, "passed")
    ran_with = pair.run_json("reports/mymodel@cpu/run.json")["environment"]
    assert ran_with["torch"].startswith("2.13.0")

    actions = tmp_path / "actions"
    actions.mkdir()
    act = Act.prepare(actions)
    ran = act.pull_request(repository, ".github/workflows/models.yml", **variables, **GIT)
    assert (ran.code, ran.jobs) == (0, {"Models": "success"}), ran.log
    assert ran.summary.startswith("## ✅ ttci: passed\n")
    assert ran.uploaded["ttci-reports"] >= {"report.html", "mymodel@cpu/run.json"}
    assert not any("OWNER/ttci" in path.read_text(encoding="utf-8") for path in written_by_init(repository))


@pytest.mark.usefixtures("_needs_torch")
def test_ten_minute_start_of_the_documentation_begins_with_a_bare_python(
    installed: Installed, tmp_path: Path
) -> None:
    venv.create(tmp_path / "python", with_pip=True)
    variables = from_the_wheel(installed)
    path = os.pathsep.join([str(tmp_path / "python" / "bin"), variables["PATH"]])
    reader = Reader.begin(tmp_path, {**variables, "PATH": path})
    reader.read(to_do(FROM_NOTHING))
    assert not reader.problems, "\n\n".join(reader.problems)


def written_by_init(repository: Path) -> list[Path]:
    names = ("models_manifest.toml", "noxfile.py", ".github/workflows/models.yml")
    return [repository / name for name in names]
