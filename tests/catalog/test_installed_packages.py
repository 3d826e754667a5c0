"""Checks and backends that an installed package adds, by entry points, as a user meets them.

The package is that of docs/how-to/extend.md, installed as pip leaves one: its folder, and a .dist-info beside
it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomli

from tests.docs.pages import block_with
from tests.root import ROOT
from ttci.catalog.checks import BUILT_IN

if TYPE_CHECKING:
    from tests.conftest import Done, Project

PAGE = "how-to/extend.md"
CHECK = block_with(PAGE, "class Signs").text
PROJECT = tomli.loads(block_with(PAGE, "entry-points").text)["project"]
ENTRY_POINTS = "".join(
    f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in entries.items())
    for group, entries in PROJECT["entry-points"].items()
)
DEVICE = """
from ttci.devices.torch_device import TorchDevice
from ttci.manifest import TorchDeviceEntry


class Chip(TorchDevice):
    def __init__(self, name, entry):
        cut = {"backend": "torch", "max-tokens": entry.options["tokens"], "measure-seconds": 0.05}
        super().__init__(name, TorchDeviceEntry.model_validate(cut))
        self.notice = f"{name} computes on {self.max_tokens} tokens"
"""
MODEL = """
import torch
from torch import nn
from ttci.testing import TestableModule, TestConfig

torch.manual_seed(0)


class Tiny(TestableModule):
    def get_test_configs(self):
        modules = {"relu": nn.Sequential(nn.Linear(8, 8), nn.ReLU()), "lin": nn.Linear(8, 8)}
        return {name: (module, TestConfig(name, (1, 16, 8))) for name, module in modules.items()}
"""
MANIFEST = """
[devices.half]
backend = "my-chip"
workers = {workers}
options = {{ tokens = 8 }}

[models.tiny]
source = "model.py::Tiny"
devices = ["half"]
"""


def install(folder: Path, entry_points: str = ENTRY_POINTS, check: str = CHECK) -> str:
    """Install the package into `folder`; what to add to Python's path."""
    info, package = folder / "my_package-1.0.dist-info", folder / "my_package"
    files = {
        info / "METADATA": "Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n",
        info / "entry_points.txt": entry_points,
        package / "__init__.py": "",
        package / "signs.py": check,
        package / "chip.py": DEVICE,
    }
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return str(folder)


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project(MODEL, MANIFEST.format(workers=1))


def ttci(project: Project, *arguments: str, installed: str) -> Done:
    """Run the command in a Python that has ttci and the installed package."""
    return project.ttci(*arguments, PYTHONPATH=f"{ROOT}:{installed}")


def outcomes(run: dict[str, Any], test: str) -> dict[str, str]:
    return {result["check"]: result["outcome"] for result in run["results"] if result["test"] == test}


@pytest.mark.parametrize("workers", [1, 2])
def test_installed_check_and_device_are_used_like_ttcis_own(
    make_project: Callable[..., Project], tmp_path: Path, workers: int
) -> None:
    project = make_project(MODEL, MANIFEST.format(workers=workers))
    done = ttci(project, "run", "tiny", installed=install(tmp_path))
    assert done.code == 1, done.output
    run = project.run_json("reports/tiny@half/run.json")
    passed = dict.fromkeys([*BUILT_IN, "signs"], "passed")
    assert outcomes(run, "relu") == passed
    assert outcomes(run, "lin") == passed | {"signs": "failed"}
    (failed,) = [result for result in run["results"] if result["outcome"] == "failed"]
    assert failed["message"].endswith("End with a ReLU.")
    assert failed["config"]["cut_from"] == [1, 16, 8]
    assert failed["config"]["input_shape"] == [1, 8, 8]
    (figure,) = failed["measurements"]
    assert (figure["name"], figure["direction"], figure["verdict"]) == ("least", "higher", "no-target")
    assert "half computes on 8 tokens" in done.output


def test_installed_check_is_one_that_a_run_can_be_limited_to(project: Project, tmp_path: Path) -> None:
    done = ttci(project, "run", "tiny", "--", "--test-check", "signs", installed=install(tmp_path))
    assert done.code == 1, done.output
    run = project.run_json("reports/tiny@half/run.json")
    assert {result["id"] for result in run["results"]} == {"tiny@half/relu[signs]", "tiny@half/lin[signs]"}


def test_device_of_an_installed_package_is_listed_and_planned(project: Project, tmp_path: Path) -> None:
    installed = install(tmp_path)
    listed = json.loads(ttci(project, "list", "--json", installed=installed).output)
    assert listed["pairs"][0] | {"source": ""} == {
        "pair": "tiny@half",
        "source": "",
        "missing": None,
        "on-demand": False,
        "targets": {},
        "limits": {},
    }
    assert "my-chip device" in ttci(project, "list", installed=installed).output
    assert ttci(project, "check", installed=installed).lines == ["tiny: 2 tests, 10 checks"]


def test_backend_that_is_not_installed_is_told_of_beside_those_that_are(
    project: Project, tmp_path: Path
) -> None:
    unknown = 'models_manifest.toml:3: devices.half.backend: unknown backend "my-chip"; '
    assert ttci(project, "list", installed="").lines[0] == f"{unknown}there is: torch, ttnn"
    other = install(tmp_path, ENTRY_POINTS.replace("my-chip =", "chip ="))
    assert ttci(project, "list", installed=other).lines == [f'{unknown}did you mean "chip"?']


def test_key_that_no_backend_has_is_told_of_for_an_installed_one(project: Project, tmp_path: Path) -> None:
    project.write("models_manifest.toml", MANIFEST.format(workers=1).replace("options", "option"))
    done = ttci(project, "list", installed=install(tmp_path))
    place = "models_manifest.toml:5: devices.half.option"
    assert done.lines == [f'{place}: unknown key "option"; did you mean "options"?']
    assert done.code == 2


BROKEN = {
    "check_has_a_name_of_ttcis": (
        ENTRY_POINTS.replace("signs =", "memory ="),
        'check "memory" of an installed package: my_package.signs:Signs: ttci has one of this name; '
        "give it another",
    ),
    "check_has_a_name_that_an_identity_has_no_room_for": (
        ENTRY_POINTS.replace("signs =", "no-signs ="),
        'check "no-signs" of an installed package: my_package.signs:Signs: write its name in letters, '
        "digits and '_'",
    ),
    "check_is_not_there": (
        ENTRY_POINTS.replace(":Signs", ":Sign"),
        'check "signs" of an installed package: my_package.signs:Sign: AttributeError: module '
        "'my_package.signs' has no attribute 'Sign'; correct the package, or uninstall it",
    ),
    "check_is_no_check": (
        ENTRY_POINTS.replace("signs:Signs", "chip:Chip"),
        'check "signs" of an installed package: my_package.chip:Chip is no class derived from '
        "ttci.checks.protocol.Check",
    ),
    "backend_has_a_name_of_ttcis": (
        ENTRY_POINTS.replace("my-chip =", "torch ="),
        'backend "torch" of an installed package: my_package.chip:Chip: ttci has one of this name; '
        "give it another",
    ),
}


# With workers it is the process without torch that asks which checks there are.
@pytest.mark.parametrize(("case", "workers"), [*((case, 2) for case in BROKEN), ("check_is_not_there", 1)])
def test_package_that_cannot_be_used_is_a_mistake_told_in_a_line(
    make_project: Callable[..., Project], tmp_path: Path, case: str, workers: int
) -> None:
    entry_points, message = BROKEN[case]
    project = make_project(MODEL, MANIFEST.format(workers=workers))
    done = ttci(project, "run", "tiny", installed=install(tmp_path, entry_points))
    assert done.code == 2, done.output
    assert message in done.lines
    assert "Traceback" not in done.output


def test_what_a_package_raises_where_it_is_imported_is_told_too(
    make_project: Callable[..., Project], tmp_path: Path
) -> None:
    project = make_project(MODEL, MANIFEST.format(workers=2))
    installed = install(tmp_path, check="raise OSError('no licence')")
    done = ttci(project, "run", "tiny", installed=installed)
    assert done.code == 2
    what = 'check "signs" of an installed package: my_package.signs:Signs: OSError: no licence'
    assert f"{what}; correct the package, or uninstall it" in done.lines
