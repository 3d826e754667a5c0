"""What a device needs and has not: said at once, each thing with the command that gets it."""

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.installed_ttnn import InstalledTtnn
from tests.root import ROOT
from ttci.cli.main import main
from ttci.manifest import TorchDeviceEntry, TtnnDeviceEntry
from ttci.planning.needs import needs, package_needs
from ttci.planning.plan import missing
from ttci.toolchain import sfpi

SFPI_NEED = "SFPI 7.89.0 is not here; ttci toolchain install sfpi"
TTSIM_NEED = "ttsim v2.0.0 (wh) is not here; ttci toolchain install ttsim"
MANIFEST = """
[devices.mock]
backend = "ttnn"
target = "mock"
board = "n150"
[devices.compiled]
backend = "ttnn"
target = "mock"
board = "n150"
kernels = "compile"
[devices.sim]
backend = "ttnn"
target = "simulator"
board = "n150"
[models.tiny]
source = "model.py::Tiny"
devices = ["mock", "compiled", "sim"]
"""


def device(target: str, **options: Any) -> TtnnDeviceEntry:
    return TtnnDeviceEntry.model_validate({"backend": "ttnn", "target": target, "board": "n150"} | options)


def told(entry: TtnnDeviceEntry | TorchDeviceEntry) -> list[str]:
    return [str(need) for need in needs(entry)]


@pytest.fixture(autouse=True)
def ttnn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstalledTtnn:
    """A ttnn that `make` installs, and no tools."""
    site = tmp_path / "site"
    settings = {
        "TTCI_CACHE": str(tmp_path / "cache"),
        "TTCI_SFPI_PLATFORM": "x86_64_debian",
        "TTCI_TTSIM_VERSION": "2.0.0",
        "PYTHONPATH": f"{site}{os.pathsep}{ROOT}",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for name in ("TT_METAL_MOCK_CLUSTER_DESC_PATH", "TT_METAL_SIMULATOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sfpi, "SYSTEM_FOLDER", tmp_path / "opt")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.delitem(sys.modules, "ttnn", raising=False)
    monkeypatch.setattr(sys, "path", [str(site), *(path for path in sys.path if not _has_ttnn(path))])
    return InstalledTtnn(site)


def _has_ttnn(path: str) -> bool:
    return Path(path or ".", "ttnn", "__init__.py").exists()


@pytest.mark.parametrize(
    ("python", "need"),
    [
        ("3.10.4", "ttnn is not installed in this Python; python -m pip install 'ttci[ttnn]'"),
        (
            "3.11.7",
            "ttnn is not installed in this Python, 3.11; it has wheels for 3.10 and 3.12; "
            "python3.12 -m pip install 'ttci[ttnn]'",
        ),
    ],
)
def test_missing_ttnn_is_told_with_a_command_for_a_python_that_it_has_wheels_for(
    monkeypatch: pytest.MonkeyPatch, python: str, need: str
) -> None:
    monkeypatch.setattr(platform, "python_version_tuple", lambda: tuple(python.split(".")))
    for entry in (device("mock"), device("simulator"), device("mock", kernels="compile")):
        assert told(entry) == [need]


def test_plan_leaves_the_packages_to_the_environment_that_nox_makes() -> None:
    assert missing(device("mock")) is None
    assert missing(device("simulator")) is None  # which simulator is wanted is stated by ttnn


@pytest.mark.parametrize("version", ["0.76.0", "0.79.12.dev3", "0.9"])
def test_old_ttnn_is_told_without_importing_it(ttnn: InstalledTtnn, version: str) -> None:
    ttnn.make(version)
    assert told(device("mock")) == [
        f"ttnn {version} is installed, and ttci needs 0.80 or newer; "
        "python -m pip install --upgrade 'ttci[ttnn]'"
    ]


@pytest.mark.parametrize("version", ["0.80.0", "0.100.0rc1", "1.0", None])
def test_ttnn_that_is_new_enough_or_states_no_version_is_taken(
    ttnn: InstalledTtnn, version: str | None
) -> None:
    ttnn.make(version)
    assert told(device("mock")) == []


def test_simulator_needs_its_library_and_the_compiler(ttnn: InstalledTtnn) -> None:
    ttnn.make()
    assert told(device("simulator")) == [TTSIM_NEED, SFPI_NEED]
    assert missing(device("simulator")) == f"{TTSIM_NEED}; {SFPI_NEED}"
    ttnn.add_ttsim("wh")
    assert told(device("simulator")) == [SFPI_NEED]
    ttnn.add_sfpi()
    assert told(device("simulator")) == []
    assert told(device("simulator", board="p150")) == [TTSIM_NEED.replace("wh", "bh")]


def test_compiled_kernels_need_the_compiler_and_a_stand_in_does_not(ttnn: InstalledTtnn) -> None:
    ttnn.make()
    assert told(device("mock", kernels="compile")) == [SFPI_NEED]
    assert told(device("mock")) == []
    ttnn.add_sfpi()
    assert told(device("mock", kernels="compile")) == []


def test_tool_that_cannot_be_had_on_this_host_is_told_with_the_reason(
    ttnn: InstalledTtnn, monkeypatch: pytest.MonkeyPatch
) -> None:
    ttnn.make()
    monkeypatch.setenv("TTCI_SFPI_PLATFORM", "riscv64_debian")
    (need,) = told(device("mock", kernels="compile"))
    assert "there is no SFPI 7.89.0 for this host, riscv64_debian; there is: x86_64_debian" in need


@pytest.mark.parametrize(
    ("variable", "opened", "targets"),
    [
        ("TT_METAL_MOCK_CLUSTER_DESC_PATH", "mock", ("silicon", "simulator")),
        ("TT_METAL_SIMULATOR", "simulator", ("silicon", "mock")),
    ],
)
def test_variable_that_makes_ttnn_open_something_else_is_told(
    ttnn: InstalledTtnn, monkeypatch: pytest.MonkeyPatch, variable: str, opened: str, targets: tuple[str, ...]
) -> None:
    ttnn.make()
    monkeypatch.setenv(variable, "file")
    for target in targets:
        assert f"{variable} is set, so that ttnn would open a {opened}; unset {variable}" in told(
            device(target)
        )
    assert not any(variable in need for need in told(device(opened)))


@pytest.mark.usefixtures("_needs_torch")
def test_missing_torch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(TorchDeviceEntry(backend="torch")) == []
    monkeypatch.setattr("ttci.environment.installed_version", lambda _: None)
    (need,) = package_needs(TorchDeviceEntry(backend="torch"))
    assert str(need) == "torch is not installed in this Python; python -m pip install 'ttci[torch]'"


def test_doctor_tells_of_each_device_what_plan_tells_and_the_packages(
    ttnn: InstalledTtnn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models_manifest.toml").write_text(MANIFEST)
    (tmp_path / "model.py").touch()
    monkeypatch.chdir(tmp_path)
    ttnn.make("0.76.0")
    old = "ttnn 0.76.0 is installed, and ttci needs 0.80 or newer"
    upgrade = "python -m pip install --upgrade 'ttci[ttnn]'"

    assert main(["doctor", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["devices"]["sim"] == f"{old}; {upgrade}; {TTSIM_NEED}; {SFPI_NEED}"
    assert data["needs"]["mock"] == [{"what": old, "command": upgrade}]
    assert data["needs"]["compiled"][1] == {
        "what": "SFPI 7.89.0 is not here",
        "command": "ttci toolchain install sfpi",
    }
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = lines.index(f"sim       {old}; {upgrade}")
    assert [line.strip() for line in lines[first + 1 : first + 3]] == [TTSIM_NEED, SFPI_NEED]

    ttnn.add_sfpi()
    ttnn.add_ttsim()
    assert main(["plan", "tiny", "--json", "--device", "sim"]) == 0


@pytest.mark.parametrize("name", ["sim", "compiled"])
def test_device_whose_tools_are_missing_is_unavailable_with_the_commands(
    ttnn: InstalledTtnn, make_project: Any, name: str
) -> None:
    project = make_project(manifest=MANIFEST)
    ttnn.make()
    needed = [TTSIM_NEED, SFPI_NEED] if name == "sim" else [SFPI_NEED]
    options = ("--model", "model.py::Tiny", "--device", name)

    run = project.ttci("run", "tiny", "--device", name)
    module = project.python("-m", "ttci.testing.run_model_tests", *options)

    assert (run.code, module.code) == (3, 3)
    assert f"tiny@{name} is not run: {'; '.join(needed)}" in run.lines
    assert module.output == f"{name}: {'; '.join(needed)}\n"


def test_device_whose_ttnn_is_too_old_is_unavailable_in_one_line(
    ttnn: InstalledTtnn, make_project: Any
) -> None:
    project = make_project(manifest=MANIFEST)
    ttnn.make("0.76.0")
    for command in (
        ("-m", "ttci", "run", "tiny", "--device", "mock"),
        ("-m", "ttci.testing.run_model_tests", "--model", "model.py::Tiny", "--device", "mock"),
    ):
        done = project.python(*command)
        assert done.code == 3, done.output
        assert "mock: ttnn 0.76.0 is installed, and ttci needs 0.80 or newer; python -m pip" in done.output
        assert "Traceback" not in done.output
