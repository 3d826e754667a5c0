"""The diffs of CONTRIBUTING.md, applied to a copy of ttci: a metric, a check, an operation, a backend."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.root import ROOT

if TYPE_CHECKING:
    from tests.conftest import Done, Project

MODEL = """
from torch import nn
from ttci.testing import TestableModule, TestConfig


class Tiny(TestableModule):
    def get_test_configs(self):
        lin, broken = nn.Linear(8, 8), nn.Linear(8, 8)
        nn.init.constant_(broken.bias, float("inf"))
        modules = {"lin": lin, "broken": broken}
        return {name: (module, TestConfig(name, (1, 4, 8))) for name, module in modules.items()}
"""
MANIFEST = """
[devices.one-thread]
backend = "threads"
options = { count = 1 }
measure-seconds = 0.05

[models.tiny]
source = "model.py::Tiny"
devices = ["one-thread"]

[models.tiny.kernels.relu]
op = "relu"
shapes = [[1, 4, 8]]

[models.tiny.targets.one-thread.lin]
slowest_ms = 1e-9

[history.smallest-change]
slowest_ms = 0.2
"""


def apply_diffs(text: str, root: Path) -> list[str]:
    """Apply every diff of a Markdown text below `root`; the files that were changed."""
    changed = []
    for block in re.findall(r"^```diff\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for name, lines in re.findall(r"^--- (\S+)\n((?:(?!---).*\n)*)", block, re.MULTILINE):
            apply_one(root / name, lines.splitlines())
            changed.append(name)
    return changed


def apply_one(file: Path, lines: list[str]) -> None:
    before = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
    after = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
    if not before:
        assert not file.exists()
        file.write_text(after, encoding="utf-8")
        return
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{file}: the lines around the diff are there {text.count(before)} times"
    file.write_text(text.replace(before, after), encoding="utf-8")


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of ttci with all that the diffs add."""
    folder = tmp_path_factory.mktemp("extended")
    shutil.copytree(ROOT / "ttci", folder / "ttci", ignore=shutil.ignore_patterns("__pycache__"))
    assert len(apply_diffs((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), folder)) == 8
    return folder


@pytest.fixture(scope="module")
def project(make_project: Callable[..., Project]) -> Project:
    return make_project(MODEL, MANIFEST)


@pytest.fixture(scope="module")
def ran(project: Project, extended: Path) -> Done:
    return project.ttci("run", "tiny", PYTHONPATH=str(extended))


@pytest.fixture(scope="module")
def results(project: Project, ran: Done) -> dict[str, Any]:
    assert ran.code == 1, ran.output
    run = project.run_json("reports/tiny@one-thread/run.json")
    return {result["id"].partition("/")[2]: result for result in run["results"]}


def test_metric_is_a_row_and_a_figure(results: dict[str, Any]) -> None:
    figures = {figure["name"]: figure for figure in results["lin[performance]"]["measurements"]}
    assert figures["slowest_ms"]["value"] >= figures["latency_ms"]["value"]
    assert figures["slowest_ms"]["verdict"] == "missed"
    assert results["lin[performance]"]["message"].startswith("slowest_ms missed its target: ")


def test_check_is_a_row_and_a_class(results: dict[str, Any]) -> None:
    assert results["lin[weights]"]["outcome"] == "passed"
    assert results["broken[weights]"]["outcome"] == "failed"
    assert results["broken[weights]"]["message"] == "bias is not finite; Look at what loads them."


def test_operation_is_a_row_and_a_class(results: dict[str, Any]) -> None:
    assert results["relu[correctness]"]["outcome"] == "passed"
    assert results["relu[correctness]"]["config"]["kernel"]["op"] == "relu"


def test_backend_is_a_row_and_a_class(results: dict[str, Any], project: Project, extended: Path) -> None:
    assert {name.partition("[")[0] for name in results} == {"lin", "broken", "relu"}
    listed = project.ttci("list", PYTHONPATH=str(extended))
    assert "threads device" in listed.output


def test_published_schema_of_the_manifest_has_what_was_added(project: Project, extended: Path) -> None:
    schema = project.python("-m", "ttci.manifest.json_schema", PYTHONPATH=str(extended)).output
    assert {word for word in ("slowest_ms", "relu", "threads") if f'"{word}"' in schema} == {
        "slowest_ms",
        "relu",
        "threads",
    }
