"""A pair on silicon: its board is locked, and reset where it does not open."""

from __future__ import annotations

import fcntl
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ttci.errors import ExitCode, InputError
from ttci.manifest import Pair, load_manifest
from ttci.runner.pair import run_pair

if TYPE_CHECKING:
    from tests.conftest import Done, Project

MANIFEST = f"""
[devices.n150]
backend = "ttnn"
target = "silicon"
board = "n150"
reset = "{sys.executable} reset.py 'with a space'"

[devices.broken]
backend = "ttnn"
target = "silicon"
board = "n150"
reset = "{sys.executable} reset.py fails"

[devices.absent]
backend = "ttnn"
target = "silicon"
board = "n150"
reset = "no-such-command"

[models.tiny]
source = "model.py::Tiny"
devices = ["n150", "broken", "absent"]
"""
RESET = """
import os, sys
with open("resets.txt", "a") as file:
    print(sys.argv[1], file=file)
print("resetting")
sys.exit(sys.argv[1] == "fails")
"""


@pytest.fixture
def board(make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Project:
    """A project on a host whose board does not open: there is none."""
    project = make_project(manifest=MANIFEST)
    project.write("reset.py", RESET)
    monkeypatch.chdir(project.path)
    monkeypatch.setenv("TTCI_LOCK_DIR", str(tmp_path))
    monkeypatch.setenv("TT_VISIBLE_DEVICES", "0")
    return project


def run(device: str, timeout_s: float = 600.0) -> ExitCode:
    manifest = load_manifest(Path("models_manifest.toml"))
    return run_pair(manifest, Pair("tiny", device), Path("reports"), timeout_s=timeout_s)


def log_of(device: str) -> str:
    return Path(f"reports/tiny@{device}/log.txt").read_text()


def resets(project: Project) -> list[str]:
    file = project.path / "resets.txt"
    return file.read_text().splitlines() if file.exists() else []


def test_a_board_that_does_not_open_is_reset_once_and_tried_again(board: Project) -> None:
    assert run("n150") is ExitCode.UNAVAILABLE
    assert resets(board) == ["with a space"]
    log = log_of("n150")
    reason, _, after = log.partition("reset.py 'with a space'\"\nresetting\n")
    assert "n150: " in reason
    assert "n150: " in after
    assert "failed" not in log


@pytest.mark.parametrize(
    ("device", "failure"), [("broken", "exit code 1"), ("absent", "No such file or directory")]
)
def test_a_reset_that_fails_is_said(board: Project, device: str, failure: str) -> None:
    assert run(device) is ExitCode.UNAVAILABLE
    command = load_manifest(board.path / "models_manifest.toml").devices[device].model_dump()["reset"]
    assert f'tiny@{device}: reset "{command}" failed: {failure}\n' in log_of(device)


def test_a_board_that_another_holds_is_unavailable_with_its_holder(board: Project, tmp_path: Path) -> None:
    holder = {"pid": 4711, "user": "alice", "what": "llama3@n150", "since": "today"}
    lock = tmp_path / "ttci-board-0.lock"
    lock.write_text(json.dumps(holder))
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert run("n150", timeout_s=0.5) is ExitCode.UNAVAILABLE
    log = log_of("n150")
    held = "held by pid 4711 (alice) for llama3@n150 since today"
    assert f"waiting for board 0: {held}\n" in log
    assert f"tiny@n150: board 0 is still {held}" in log
    assert resets(board) == []


def test_a_lock_folder_that_is_not_there_is_said_without_a_traceback(
    board: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTCI_LOCK_DIR", str(board.path / "missing"))
    assert run("n150") is ExitCode.MACHINERY
    assert "set TTCI_LOCK_DIR to a folder" in log_of("n150")


def test_the_lock_is_held_over_the_processes_of_a_pair(board: Project, tmp_path: Path) -> None:
    board.write(
        "reset.py",
        """
        import fcntl, os, sys
        with open(os.environ["TTCI_LOCK_DIR"] + "/ttci-board-0.lock") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                print("free")
            except BlockingIOError:
                print("held")
        """,
    )
    run("n150")
    assert "\nheld\n" in log_of("n150")
    with (tmp_path / "ttci-board-0.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


WATCH = """
import os
from pathlib import Path
import ttci.tests.session as session
from ttci.results import Fidelity

choose = session.choose


def note(what):
    with Path("device.txt").open("a") as file:
        print(what, "worker" if "PYTEST_XDIST_WORKER" in os.environ else "controller", file=file)


def watched(request):
    choice = choose(request)
    note("opened")
    choice.device.close = lambda: note("closed")
    choice.device.fidelity = Fidelity(os.environ["FIDELITY"])
    return choice


session.choose = watched
"""


def with_workers(project: Project, fidelity: str) -> tuple[Done, list[str]]:
    """How a run with workers ends on a watched device, and what became of the device."""
    project.write("watch.py", WATCH)
    chosen = ("--test-model", "model.py::Tiny", "--test-check", "correctness")
    done = project.pytest("-p", "watch", "-n", "2", *chosen, FIDELITY=fidelity)
    return done, (project.path / "device.txt").read_text().splitlines()


def test_the_controller_of_workers_gives_the_device_back_before_they_open_it(project: Project) -> None:
    done, device = with_workers(project, "reference")
    assert done.code == 0, done.output
    assert device[:2] == ["opened controller", "closed controller"]
    assert device.count("opened worker") == 2


def test_workers_are_refused_a_board(project: Project) -> None:
    done, device = with_workers(project, "silicon")
    assert done.code == 2
    assert done.lines[-1] == "-n 2: cpu is a board, which is one process's; leave -n out"
    assert device == ["opened controller", "closed controller"]


MISTAKES = {
    "workers = 2": "2 processes cannot share a board, which is one process's; remove workers",
    "test-timeout-seconds = 0": "0 is not above 0",
    'test-timeout-seconds = "10"': '"10" is not a whole number',
    "measure-seconds = 0": "0 is not above 0",
    "measure-seconds = inf": "inf is not a finite number",
    'measure-seconds = "10 s"': '"10 s" is not a number',
    'reset = "tt-smi \'-r"': "is not a command: no closing quotation",
    'reset = " "': 'is empty; write reset = "tt-smi -r 0", say',
    'reset = ""': '"" is empty; write reset = "tt-smi -r 0", say',
    'reset = ["tt-smi"]': "an array is not a string",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_in_a_board_s_entry_is_told_with_its_line(project: Project, line: str) -> None:
    entry = f'[devices.n150]\nbackend = "ttnn"\ntarget = "silicon"\nboard = "n150"\n{line}\n'
    project.write("models_manifest.toml", entry)
    with pytest.raises(InputError) as mistake:
        load_manifest(project.path / "models_manifest.toml")
    key = line.partition(" ")[0]
    assert f"models_manifest.toml:5: devices.n150.{key}: " in str(mistake.value)
    assert MISTAKES[line] in str(mistake.value)


def test_a_torch_device_has_no_reset(project: Project) -> None:
    project.write("models_manifest.toml", '[devices.cpu]\nbackend = "torch"\nreset = "true"\n')
    with pytest.raises(InputError, match='unknown key "reset"'):
        load_manifest(project.path / "models_manifest.toml")
