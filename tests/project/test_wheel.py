"""The wheel, installed into an environment of its own: a user has that, and not the tree."""

from __future__ import annotations

import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.project.conftest import Installed
from tests.root import ROOT

MODEL = """
from torch import nn
from ttci.testing import ModuleTest

CHECKS = ["correctness", "memory"]
TESTS = [ModuleTest("linear", test_cases=CHECKS, input_shape=(4, 8), module=nn.Linear(8, 8))]
"""
MANIFEST = """
[devices.cpu]
backend = "torch"
[models.small]
source = "model.py"
devices = ["cpu"]
"""
# Building and installing takes as long as the whole quick lane.
pytestmark = pytest.mark.usefixtures("_needs_torch")


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project(MODEL, MANIFEST)


def test_it_holds_every_file_of_the_package_and_the_licences(installed: Installed) -> None:
    of_the_tree_alone = (".pyc", ".d.ts")  # what Python compiled, and types that lint reads
    files = [f for f in (ROOT / "ttci").rglob("*") if f.is_file() and not f.name.endswith(of_the_tree_alone)]
    package = {str(file.relative_to(ROOT)) for file in files}
    names = zipfile.ZipFile(installed.wheel).namelist()
    assert package == {name for name in names if ".dist-info/" not in name}
    for licence in ("LICENSE", "ttci/report/html/assets/uplot/LICENSE"):
        assert [name for name in names if name.endswith(f".dist-info/licenses/{licence}")]


def test_what_it_asks_for_is_enough_for_what_reads_manifests_and_results(
    installed: Installed, project: Project
) -> None:
    assert "usage: ttci" in installed.run(project.path, "ttci", "--help")
    assert "small@cpu" in installed.run(project.path, "ttci", "plan")


def test_a_pair_runs_with_it(installed: Installed, project: Project) -> None:
    torch = {"PYTHONPATH": sysconfig.get_path("purelib")}  # with pytest, as of the extra of that name
    place = installed.run(project.path, "python", "-c", "import ttci; print(ttci.__file__)", **torch)
    assert Path(place).is_relative_to(installed.folder.resolve())
    assert "1 test" in installed.run(project.path, "ttci", "check", **torch)
    output = installed.run(project.path, "ttci", "run", "small", **torch)
    assert project.outcomes("reports/small@cpu/run.json") == {
        "linear[correctness]": "passed",
        "linear[memory]": "passed",
    }, output
    installed.run(project.path, "ttci", "report", "reports", "--out", "out")
    assert "uPlot" in (project.path / "out" / "report.html").read_text(encoding="utf-8")
