"""What is seen of a running process: plain lines, and in a terminal the check that runs."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ttci.runner.progress import Progress

# Follows a child that begins a check, says so in the journal, prints what pytest does, and takes its time.
FOLLOW = """
import subprocess, sys, time
from datetime import date
from pathlib import Path
from ttci.results import JournalReader
from ttci.runner.expectation import Earlier, Expectation
from ttci.runner.progress import Progress

checks = ["tiny@cpu/lin[gradients]", "tiny@cpu/norm[gradients]"]
earlier = Earlier(date(2026, 11, 27), {checks[0]: 40.0, checks[1]: 20.0})
expectation = Expectation("tiny@cpu", earlier, lambda: checks)
journal = JournalReader(Path("run.json"))
begun = lambda: [result.id for result in journal.news() if result.is_running]
with open(sys.argv[1], "w") as log, Progress("tiny@cpu", log, expectation, begun) as progress:
    process = subprocess.Popen([sys.executable, "-uc", sys.argv[2]], stdout=subprocess.PIPE)
    progress.follow(process, time.monotonic() + 60)
    process.wait()
"""
BEGINS = """
import time
from pathlib import Path
from ttci.artifacts.unfinished import running
from ttci.results import Journal

Journal(Path("run.json")).append(running("tiny@cpu/lin[gradients]").model_dump_json())
time.sleep(0.2)
"""
ONE_PROCESS = f"""
print("collected 1 item")
{BEGINS}
print("ttci/tests/test_checks.py::tiny@cpu/lin[gradients] ", end="")
time.sleep(2.5)
print("PASSED [100%]")
"""
WITH_WORKERS = f"""
{BEGINS}
print("ttci/tests/test_checks.py::tiny@cpu/lin[gradients] ")
time.sleep(2.5)
print("[gw0] PASSED ttci/tests/test_checks.py::tiny@cpu/lin[gradients] ")
"""


def follow(script: str, log: io.StringIO, seconds: float = 60.0) -> tuple[Progress, bool]:
    with Progress("tiny@cpu", log) as progress:
        command = [sys.executable, "-uc", script]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            ended = progress.follow(process, time.monotonic() + seconds)
            process.kill()
    return progress, ended


def drawn_in_a_terminal(script: str, log: Path, **variables: str) -> str:
    """What a terminal is sent, escapes included."""
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "GITHUB_ACTIONS")}
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", FOLLOW, str(log), script],
        stdout=terminal,
        stderr=terminal,
        stdin=subprocess.DEVNULL,
        cwd=log.parent,
        env={**environment, "TERM": "xterm", "COLUMNS": "120", **variables},
    )
    os.close(terminal)
    seen = b""
    try:
        while chunk := os.read(controller, 65536):
            seen += chunk
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(controller)
        process.wait(60)
    return seen.decode()


def seen_in_a_terminal(script: str, log: Path) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn_in_a_terminal(script, log))


def test_lines_are_printed_plainly_and_kept_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    log = io.StringIO()
    _, ended = follow("print('one\\r\\ntwo'); print('caf\\u00e9 \\x00'); print('last', end='')", log)
    assert ended
    assert capsys.readouterr().out == log.getvalue() == "one\ntwo\ncafé \x00\nlast\n"


def test_without_a_terminal_there_is_no_live_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    follow(ONE_PROCESS.replace("2.5", "0.1"), io.StringIO())
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["collected 1 item", "ttci/tests/test_checks.py::tiny@cpu/lin[gradients] PASSED [100%]"]


@pytest.mark.parametrize("script", [ONE_PROCESS, WITH_WORKERS], ids=["one process", "workers"])
def test_a_terminal_shows_the_running_check_and_for_how_long(script: str, tmp_path: Path) -> None:
    seen = seen_in_a_terminal(script, tmp_path / "log.txt")
    assert re.search(r"\S tiny@cpu/lin\[gradients\] 0:00:01", seen), seen
    assert "0:00:02" in seen


def test_a_terminal_shows_which_of_how_many_checks_runs_and_the_time_left(tmp_path: Path) -> None:
    seen = seen_in_a_terminal(ONE_PROCESS, tmp_path / "log.txt")
    assert re.search(r"tiny@cpu/lin\[gradients\] 0:00:01 1/2, 0:00:5[89] left", seen), seen


ONE_CHECK = (
    "collected 1 item\n"
    "tiny@cpu: about 60 s, as the run of 2026-11-27 took\n"
    "ttci/tests/test_checks.py::tiny@cpu/lin[gradients] PASSED [100%]\n"
)


def test_the_live_line_stays_out_of_the_log(tmp_path: Path) -> None:
    seen_in_a_terminal(ONE_PROCESS, tmp_path / "log.txt")
    assert (tmp_path / "log.txt").read_text() == ONE_CHECK


@pytest.mark.parametrize("variable", ["CI", "GITHUB_ACTIONS"])
@pytest.mark.parametrize("value", ["true", "1", "yes"])
def test_in_ci_a_terminal_gets_plain_lines_only(variable: str, value: str, tmp_path: Path) -> None:
    script = ONE_PROCESS.replace("2.5", "0.7")
    drawn = drawn_in_a_terminal(script, tmp_path / "log.txt", **{variable: value})
    assert drawn.replace("\r\n", "\n") == ONE_CHECK


@pytest.mark.parametrize("value", ["", "0", "false", "False"])
def test_a_variable_of_ci_that_is_off_leaves_the_live_line(value: str, tmp_path: Path) -> None:
    script = ONE_PROCESS.replace("2.5", "0.7")
    drawn = drawn_in_a_terminal(script, tmp_path / "log.txt", CI=value, GITHUB_ACTIONS=value)
    assert "\x1b[" in drawn


def test_what_is_no_utf8_does_not_stop_it() -> None:
    log = io.StringIO()
    follow("import sys; sys.stdout.buffer.write(b'a\\xffb\\n')", log)
    assert log.getvalue() == "a\ufffdb\n"


def test_the_deadline_ends_it_and_what_was_printed_is_kept() -> None:
    log = io.StringIO()
    progress, ended = follow("import time; print('begun', end=''); time.sleep(60)", log, seconds=2)
    assert not ended
    assert progress.last_lines(1) == log.getvalue().strip() == "begun"


def test_a_child_that_holds_the_output_open_is_not_waited_for() -> None:
    script = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'])\n"
        "print(child.pid)"
    )
    begin = time.monotonic()
    progress, ended = follow(script, io.StringIO())
    os.kill(int(progress.last_lines(1)), 9)
    assert ended
    assert time.monotonic() - begin < 15


def test_the_last_lines_are_those_printed_last() -> None:
    progress, _ = follow("for i in range(200): print(i)", io.StringIO())
    assert progress.last_lines(3) == "197\n198\n199"
