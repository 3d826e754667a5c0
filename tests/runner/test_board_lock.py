"""A board is one process's at a time, whoever starts it; what holds it is named to the others."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ttci.errors import DeviceUnavailableError, MachineryError
from ttci.runner import board_lock
from ttci.runner.board_lock import boards_in_use, held_environment, hold_boards

HOLD = """
import sys, time
from ttci.runner.board_lock import hold_boards
what, seconds, log = sys.argv[1:]
with hold_boards(what, 60, lambda line: print(line, flush=True)):
    with open(log, "a") as file:
        file.write(f"{what} {time.monotonic()} ")
        file.flush()
        print("holding", flush=True)
        time.sleep(float(seconds))
        file.write(f"{time.monotonic()}\\n")
"""


@pytest.fixture(autouse=True)
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of locks of the test's own, on a host with boards 0 and 1 of which 0 is ours."""
    folder = tmp_path / "locks"
    folder.mkdir()
    monkeypatch.setenv("TTCI_LOCK_DIR", str(folder))
    monkeypatch.setenv("TT_VISIBLE_DEVICES", "0")
    monkeypatch.delenv("TTCI_BOARDS_HELD", raising=False)
    return folder


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a process that holds the board."""
    started: list[subprocess.Popen[str]] = []

    def start(what: str, seconds: float, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, what, str(seconds), str(tmp_path / "log.txt")],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | variables,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def said(timeout_s: float = 0.0) -> list[str]:
    """What is said while the board is waited for, and how that ended."""
    lines: list[str] = []
    try:
        with hold_boards("mine@n150", timeout_s, lines.append):
            lines.append("held")
    except DeviceUnavailableError as error:
        lines.append(str(error))
    return lines


def test_two_processes_never_hold_a_board_together(
    hold: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    for process in [hold(f"p{index}", 0.3) for index in range(4)]:
        assert process.wait(60) == 0
    intervals = [line.split()[1:] for line in (tmp_path / "log.txt").read_text().splitlines()]
    times = [float(time) for interval in intervals for time in interval]
    assert len(times) == 8
    assert times == sorted(times)


def test_who_waits_is_told_once_who_holds_the_board(hold: Callable[..., subprocess.Popen[str]]) -> None:
    holder = hold("llama3@n150", 30)
    assert line_of(holder) == "holding"
    waiting, gave_up = said(timeout_s=1.0)
    who = f"held by pid {holder.pid} (root) for llama3@n150 since 20".replace("root", board_lock._user())
    assert waiting.startswith(f"waiting for board 0: {who}")
    assert gave_up.startswith(f"board 0 is still {who}")


def test_a_killed_process_leaves_no_lock(hold: Callable[..., subprocess.Popen[str]]) -> None:
    holder = hold("llama3@n150", 60)
    assert line_of(holder) == "holding"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert said() == ["held"]


def test_what_a_holder_starts_does_not_wait_for_it(hold: Callable[..., subprocess.Popen[str]]) -> None:
    with hold_boards("mine@n150", 0, print):
        assert line_of(hold("child", 0, **held_environment())) == "holding"
        assert line_of(hold("other", 0)).startswith("waiting for board 0: held by ")


def test_another_board_is_not_waited_for(hold: Callable[..., subprocess.Popen[str]]) -> None:
    holder = hold("other@n150", 60, TT_VISIBLE_DEVICES="1")
    assert line_of(holder) == "holding"
    assert said() == ["held"]


@pytest.mark.parametrize("content", [b"", b"{torn", b"[]", b"\xff\xfe"])
def test_what_stands_in_the_file_does_no_harm(
    locks: Path, hold: Callable[..., subprocess.Popen[str]], content: bytes
) -> None:
    lock = locks / "ttci-board-0.lock"
    lock.write_bytes(content)
    assert said() == ["held"]
    holder = hold("llama3@n150", 60)
    assert line_of(holder) == "holding"
    lock.write_bytes(content)
    assert said()[0].startswith("board 0 is still held by another process")


def test_the_file_is_for_every_user_whatever_our_umask(locks: Path) -> None:
    before = os.umask(0o077)
    try:
        assert said() == ["held"]
    finally:
        os.umask(before)
    (lock,) = locks.iterdir()
    assert stat.S_IMODE(lock.stat().st_mode) == 0o666
    assert set(json.loads(lock.read_text())) == {"pid", "user", "what", "since"}


def test_a_lock_that_cannot_be_made_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TTCI_LOCK_DIR", str(tmp_path / "missing"))
    with pytest.raises(
        MachineryError, match=r"missing.* cannot be opened: .*; set TTCI_LOCK_DIR to a folder"
    ):
        said()


def test_the_boards_are_those_shown_else_those_of_the_host_else_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TT_VISIBLE_DEVICES", " 3,1 ,3")
    assert boards_in_use() == ["1", "3"]
    monkeypatch.delenv("TT_VISIBLE_DEVICES")
    monkeypatch.setattr(board_lock, "_BOARDS", tmp_path / "tenstorrent")
    assert boards_in_use() == ["all"]
    (tmp_path / "tenstorrent/by-id").mkdir(parents=True)
    for name in ("1", "0"):
        (tmp_path / "tenstorrent" / name).touch()
    assert boards_in_use() == ["0", "1"]


def test_two_that_want_the_same_boards_do_not_wait_for_each_other(
    hold: Callable[..., subprocess.Popen[str]],
) -> None:
    processes = [hold(f"p{order}", 0.1, TT_VISIBLE_DEVICES=order) for order in ("0,1", "1,0") * 2]
    begin = time.monotonic()
    assert [process.wait(60) for process in processes] == [0] * 4
    assert time.monotonic() - begin < 50


THEIRS = """
import os
from ttci.runner.board_lock import hold_boards
os.setuid(65534)
with hold_boards("theirs@n150", 0, print):
    print("held")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_lock_that_one_user_made_another_takes_also_in_a_sticky_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path, which is ours alone
        Path(folder).chmod(0o1777)
        monkeypatch.setenv("TTCI_LOCK_DIR", folder)
        assert said() == ["held"]
        monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # who that is may not write its figures
        done = subprocess.run([sys.executable, "-c", THEIRS], capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == ("held\n", "")
        assert said() == ["held"]
