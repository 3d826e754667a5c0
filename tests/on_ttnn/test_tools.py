"""What real ttnn does with the tools that ttci gives it: the kernel compiler, and the simulator.

Neither is here: a compiler that records how it is called stands for the one, and a library
that cannot be loaded for the other.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ttci.devices.ttnn.standin import install_stand_in
from ttci.toolchain.sfpi import COMPILER, sfpi_release
from ttci.toolchain.ttsim import ttsim_release

MANIFEST = """
[devices.mock]
backend = "ttnn"
target = "mock"
board = "n150"
max-tokens = 32

[devices.compiled]
backend = "ttnn"
target = "mock"
board = "n150"
max-tokens = 32
kernels = "compile"

[devices.simulator]
backend = "ttnn"
target = "simulator"
board = "n150"

[models.tiny]
source = "model.py"
devices = ["mock", "compiled", "simulator"]
"""
MODEL = """
from torch import nn
from ttci.testing import ModuleTest

TESTS = [ModuleTest("linear", test_cases=["correctness"], module=nn.Linear(64, 64))]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a cache of its own."""
    monkeypatch.setenv("TTCI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TTCI_SFPI_PLATFORM", "x86_64_debian")
    (tmp_path / "models_manifest.toml").write_text(MANIFEST)
    (tmp_path / "model.py").write_text(MODEL)
    return tmp_path


def run(project: Path, device: str, route: str = "ttci") -> tuple[int, str]:
    """Run the pair: exit code and output."""
    options = ["run", "tiny"] if route == "ttci" else ["--model", "model.py"]
    own = ("PYTEST_", "TT_METAL_", "TTNN_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    done = subprocess.run(
        [sys.executable, "-m", route, *options, "--device", device],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def install_recording_compiler(project: Path) -> Path:
    """SFPI in ttci's cache; the file with a line for each call."""
    folder, record = sfpi_release().folder, project / "calls.txt"
    install_stand_in(folder)
    compiler = folder / COMPILER
    script = compiler.read_text().replace("#!/bin/sh\n", f'#!/bin/sh\necho "$0 $*" >> {record}\n', 1)
    compiler.write_text(script)
    return record


def test_kernels_are_compiled_by_sfpi_into_a_cache_of_their_own(project: Path) -> None:
    record = install_recording_compiler(project)

    code, output = run(project, "compiled")

    assert code == 0, output
    calls = record.read_text().splitlines()
    assert sum(" -c " in call for call in calls) > 5
    assert any("matmul" in call for call in calls)
    (root,) = (project / "cache").glob("kernels-*[!k]")
    assert list((root / "kernels").rglob("*.elf"))
    before = len(calls)
    code, output = run(project, "mock")
    assert code == 0, output
    later = record.read_text().splitlines()[before:]
    assert all(call.endswith(" --version") for call in later)


def test_compiler_that_is_not_here_makes_the_device_unavailable(project: Path) -> None:
    code, output = run(project, "compiled")
    assert code == 3
    assert "SFPI" in output
    assert "is not here; ttci toolchain install sfpi" in output


def test_cache_that_cannot_be_written_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "file").touch()
    monkeypatch.setenv("TTCI_CACHE", str(project / "file" / "cache"))
    code, output = run(project, "mock", "ttci.testing.run_model_tests")
    assert code == 4
    assert "cannot be written: Not a directory; set TTCI_CACHE to another folder" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("route", ["ttci", "ttci.testing.run_model_tests"])
def test_simulator_is_what_ttnn_opens(project: Path, route: str) -> None:
    install_recording_compiler(project)
    release, download = ttsim_release("wh"), project / "download"
    download.write_bytes(b"\x7fELF")
    release.fill(release.folder, download)

    code, output = run(project, "simulator", route)

    assert code == 3
    assert f"the n150 does not open: Failed to dlopen simulator library: {release.library}" in output
    assert "Location" not in output
    assert len(output.splitlines()) < 10


def test_simulator_that_is_not_here_is_unavailable_with_the_commands(project: Path) -> None:
    code, output = run(project, "simulator")
    assert code == 3
    for tool in ("ttsim", "sfpi"):
        assert f"is not here; ttci toolchain install {tool}" in output
