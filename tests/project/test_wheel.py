"""What is released, and its wheel in an environment of its own: a user has that, and not the tree."""

from __future__ import annotations

import re
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Callable
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

import ttci
from tests.conftest import Project
from tests.project.conftest import Installed, run
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
REPOSITORY = "https://github.com/OWNER/ttci"
BESIDE = Path(sysconfig.get_path("scripts"))  # programs of the environment that the tests run in
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


def test_wheel_and_sdist_pass_the_checks_of_pypi(installed: Installed) -> None:
    checked = run(ROOT, sys.executable, "-m", "twine", "check", "--strict", installed.wheel, installed.sdist)
    assert checked.count("PASSED") == 2


def test_wheel_passes_check_wheel_contents(installed: Installed) -> None:
    assert run(ROOT, BESIDE / "check-wheel-contents", installed.wheel).endswith(": OK\n")


def test_sdist_holds_the_package_and_what_tells_of_it_and_nothing_else(installed: Installed) -> None:
    with tarfile.open(installed.sdist) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    beside = {name for name in files if not name.startswith("ttci/")}
    assert beside == {"PKG-INFO", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore"}
    assert "ttci/report/html/assets/uplot/uPlot.iife.min.js" in files


def test_long_description_is_the_readme_with_links_that_lead_somewhere_from_pypi(
    installed: Installed,
) -> None:
    text = str(metadata(installed).get_payload())
    assert text.startswith("# ttci\n")
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    start = f"{REPOSITORY}/blob/v{ttci.__version__}/"
    files = [link.removeprefix(start) for link in links if link.startswith(start)]
    assert "docs/explanation/drift.md" in files
    raw = f"{REPOSITORY.replace('//github.com', '//raw.githubusercontent.com')}/v{ttci.__version__}/"
    pictures = [link.removeprefix(raw) for link in links if link.startswith(raw)]
    assert pictures == ["docs/images/report.png"]
    assert [name for name in (*files, *pictures) if not (ROOT / name).is_file()] == []


def test_links_of_the_project_are_those_that_package_sites_know(installed: Installed) -> None:
    """https://packaging.python.org/en/latest/specifications/well-known-project-urls/ ."""
    lines = [line.partition(", ") for line in metadata(installed).get_all("Project-URL", [])]
    assert {name for name, _, _ in lines} == {
        "Homepage",
        "Documentation",
        "Repository",
        "Issues",
        "Changelog",
    }
    assert all(link.startswith(REPOSITORY) for _, _, link in lines)


@pytest.mark.parametrize("program", [("uvx", "--from"), ("pipx", "run", "--spec")], ids=["uvx", "pipx"])
def test_it_runs_without_being_installed(
    installed: Installed, project: Project, tmp_path: Path, program: tuple[str, ...]
) -> None:
    name, *options = program
    command: list[str | Path] = [BESIDE / name, *options, installed.wheel, "ttci"]
    # Else both would keep, and take again, the environment of another wheel of this version.
    own = {"UV_CACHE_DIR": str(tmp_path / "uv"), "PIPX_HOME": str(tmp_path / "pipx")}
    assert run(project.path, *command, "--version", **own) == f"ttci {ttci.__version__}\n"
    assert "small@cpu" in run(project.path, *command, "list", **own)


def metadata(installed: Installed) -> Message:
    """METADATA of the wheel."""
    with zipfile.ZipFile(installed.wheel) as wheel:
        [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_string(wheel.read(name).decode())
