"""Projects as a user has them: a model, a manifest, and real runs of pytest and ttci on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.node import install_node_packages

pytest_plugins = ["pytester"]

# Tiny modules: what a run costs is the import of torch.
MODEL = """
import torch
from torch import nn
from ttci.testing import ModuleTest, TestableModule, TestConfig

SHAPE = (1, 4, 8)
QUICK = ["correctness", "performance"]


class Tiny(TestableModule):
    def get_test_configs(self):
        return {
            "lin": (nn.Linear(8, 8), TestConfig("lin", SHAPE, test_cases=QUICK)),
            "norm": (nn.LayerNorm(8), TestConfig("norm", SHAPE, test_cases=QUICK)),
        }


class Nan(nn.Module):
    def forward(self, x):
        return x * float("nan")


class OneBad(TestableModule):
    def get_test_configs(self):
        return {
            "bad": (Nan(), TestConfig("bad", SHAPE, test_cases=QUICK)),
            "good": (nn.Linear(8, 8), TestConfig("good", SHAPE, test_cases=QUICK)),
        }


class Fast(TestableModule):
    def get_test_configs(self):
        targets = {"latency_ms": 1e-6}
        return {"lin": (nn.Linear(8, 8), TestConfig("lin", SHAPE, None, 1e-3, targets, QUICK))}
"""

MANIFEST = """
[devices.cpu]
backend = "torch"

[devices.two]
backend = "torch"
workers = 2

[models.tiny]
source = "model.py::Tiny"
devices = ["cpu", "two"]
"""

EACH = """
import contextlib, io, json, sys
import pytest

ended = []
for arguments in json.loads(sys.argv[1]):
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = pytest.main(arguments)
    ended.append((code, output.getvalue()))
print(json.dumps(ended))
"""


@dataclass(frozen=True)
class Done:
    """How a process ended and what it printed."""

    code: int
    output: str

    @property
    def lines(self) -> list[str]:
        """The lines of the output."""
        return self.output.splitlines()


@dataclass(frozen=True)
class Project:
    """A folder with a model, in which real processes run."""

    path: Path

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
        return file

    def pytest(self, *arguments: str | Path, **environment: str) -> Done:
        """Run ``pytest`` as a user does, warnings as errors."""
        return self.python("-m", "pytest", "-W", "error", *arguments, **environment)

    def pytest_each(self, runs: Iterable[tuple[str, ...]]) -> list[Done]:
        """Run pytest several times in one process, which imports torch only once."""
        done = self.python("-c", EACH, json.dumps([["-W", "error", *run] for run in runs]))
        assert done.code == 0, done.output
        return [Done(*entry) for entry in json.loads(done.output)]

    def ttci(self, *arguments: str | Path, **environment: str) -> Done:
        """Run ``ttci`` as a user does."""
        return self.python("-m", "ttci", *arguments, **environment)

    def python(self, *arguments: str | Path, **environment: str) -> Done:
        """Run Python to its end."""
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=self.path,
            env=clean_environment() | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=300,
        )
        return Done(done.returncode, done.stdout)

    def run_json(self, name: str = "run.json") -> Any:
        """What a run.json holds."""
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def outcomes(self, name: str = "run.json") -> dict[str, str]:
        """Outcomes in a run.json, by identity without the pair."""
        results = self.run_json(name)["results"]
        return {result["id"].partition("/")[2]: result["outcome"] for result in results}

    def junit(self, name: str = "junit.xml") -> ET.Element:
        """The root of a JUnit file."""
        return ET.parse(self.path / name).getroot()


def clean_environment() -> dict[str, str]:
    """This process's environment without what steers the pytest that is running now."""
    own = ("PYTEST_", "COV_", "COVERAGE_", "GITHUB_")
    kept = ("COVERAGE_PROCESS_CONFIG",)  # what measures which lines a process runs
    environment = {key: value for key, value in os.environ.items() if key in kept or not key.startswith(own)}
    return environment | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}


@pytest.fixture(scope="session")
def _needs_torch() -> None:
    """Keep a test out of the quick lane, which has no torch; tests whose file imports torch need not ask."""


@pytest.fixture(scope="session")
def _needs_node() -> None:
    """Keep a test out of the quick lane, which has no Node."""


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory: pytest.TempPathFactory, _needs_node: None) -> Path:
    """A folder with the scripts of `tests/github` and the packages that they need."""
    return install_node_packages(tmp_path_factory.mktemp("node"))


@pytest.fixture(scope="session")
def make_project(tmp_path_factory: pytest.TempPathFactory, _needs_torch: None) -> Callable[..., Project]:
    """Makes a project with the models and the manifest above."""

    def make(model: str = MODEL, manifest: str = MANIFEST) -> Project:
        project = Project(tmp_path_factory.mktemp("project"))
        project.write("model.py", model)
        project.write("models_manifest.toml", manifest)
        return project

    return make


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    """A project of the test's own."""
    return make_project()
