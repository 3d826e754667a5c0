"""An implementation that takes its process along, on a mock board: every other check is judged."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ttci.results import Result, read_run

if TYPE_CHECKING:
    from tests.conftest import Done, Project

MODEL = """
import ctypes, os
from torch import nn
from ttci.testing import TestableModule, TestConfig

SHAPE = (1, 32, 32)
DEATHS = {
    "aborts": os.abort,
    "hangs": lambda: ctypes.PyDLL(None).sleep(600),
    "segfaults": lambda: ctypes.string_at(0),
    # As the simulator does where a kernel meets what it does not model.
    "exits": lambda: os.write(1, b"ERROR: not modelled\\n") and os._exit(0),
}


class Good(nn.Module):
    def forward(self, x):
        return x + x

    def to_ttnn(self, mesh):
        return lambda x: x + x


class Deadly(Good):
    def __init__(self, die):
        super().__init__()
        self.die = die

    def to_ttnn(self, mesh):
        return lambda x: self.die()


class Model(TestableModule):
    def get_test_configs(self):
        modules = {"first": Good(), "last": Good()} | {name: Deadly(die) for name, die in DEATHS.items()}
        order = ("first", *DEATHS, "last")
        return {
            name: (modules[name], TestConfig(name, SHAPE, test_cases=["correctness", "performance"]))
            for name in order
        }
"""

MANIFEST = """
[devices.n150-mock]
backend = "ttnn"
target = "mock"
board = "n150"
test-timeout-seconds = 15
reset = "sh reset.sh"

[models.deadly]
source = "model.py::Model"
devices = ["n150-mock"]
"""
HOW = {
    "aborts": "the process died of SIGABRT",
    "hangs": "timed out after 15 s",
    "segfaults": "the process died of SIGSEGV",
    "exits": "the process ended with exit code 0 before pytest did",
}


@pytest.fixture(scope="module")
def deadly(make_project: Callable[..., Project]) -> tuple[Project, Done]:
    """A pair of which four checks take their process along."""
    project = make_project(MODEL, MANIFEST)
    project.write("reset.sh", "echo reset >> resets.txt; echo is reset")
    return project, project.ttci("run", "deadly", "--device", "n150-mock")


def judged(project: Project) -> dict[str, Result]:
    """By identity without the pair."""
    run = read_run(project.path / "reports/deadly@n150-mock/run.json")
    assert run.finished is not None
    return {result.id.partition("/")[2]: result for result in run.results}


def test_every_other_check_is_judged(deadly: tuple[Project, Done]) -> None:
    project, done = deadly
    expected = {f"{name}[correctness]": "error" for name in HOW}
    expected |= {f"{name}[correctness]": "passed" for name in ("first", "last")}
    expected |= {f"{name}[performance]": "unavailable" for name in (*HOW, "first", "last")}
    assert {name: str(result.outcome) for name, result in judged(project).items()} == expected, done.output
    assert done.code == 4


@pytest.mark.parametrize("name", HOW)
def test_the_check_that_took_its_process_along_says_how(deadly: tuple[Project, Done], name: str) -> None:
    how, _, last_lines = judged(deadly[0])[f"{name}[correctness]"].message.partition("; its last output:\n")
    assert how == HOW[name]
    assert last_lines.strip()
    assert ("ERROR: not modelled" in last_lines) == (name == "exits")


def test_the_board_is_reset_once_after_the_hang(deadly: tuple[Project, Done]) -> None:
    project, _ = deadly
    assert (project.path / "resets.txt").read_text() == "reset\n"
    log = (project.path / "reports/deadly@n150-mock/log.txt").read_text()
    hang, reset = log.index("deadly@n150-mock: timed out"), log.index("\nis reset\n")
    assert hang < reset < log.index("test session starts", hang)


def test_benchmark_json_is_there_though_a_mock_times_nothing(deadly: tuple[Project, Done]) -> None:
    path = deadly[0].path / "reports/deadly@n150-mock/benchmark.json"
    assert json.loads(path.read_text())["benchmarks"] == []


OPENS = """
from ttci.devices.ttnn import device
from ttci.errors import DeviceUnavailableError
from ttci.manifest import TtnnDeviceEntry

device.needs = lambda entry: []  # as on a host that has boards
try:
    device.TtnnDevice("n150", TtnnDeviceEntry(backend="ttnn", target="silicon", board="n150"))
except DeviceUnavailableError as error:
    print(error)
"""


def without_a_mock() -> dict[str, str]:
    """The environment, less what a mock board that is open in this process set in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("TT_METAL", "TTNN_"))}


def test_who_opens_silicon_waits_for_the_process_that_holds_it(tmp_path: Path) -> None:
    lock = tmp_path / "ttci-board-0.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        opening = subprocess.Popen(
            [sys.executable, "-c", OPENS],
            cwd=tmp_path,
            env=without_a_mock() | {"TTCI_LOCK_DIR": str(tmp_path), "TT_VISIBLE_DEVICES": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert opening.stderr
        said = next((line for line in opening.stderr if line.startswith("waiting")), "nothing")
    output, _ = opening.communicate(timeout=120)
    assert said == "waiting for board 0: held by another process\n"
    assert "\nn150: the n150 does not open: " in f"\n{output}"  # there is none
    assert json.loads(lock.read_text())["what"] == "n150"
