"""What makes the command pleasant: help, completion, loudness, tables that fit, open, watch."""

from __future__ import annotations

import argparse
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Project, clean_environment
from tests.pair_folders import leave, result_of, run_of
from ttci.cli.arguments import parser
from ttci.cli.parsers.examples import EXAMPLES

CHOSEN = ("tiny", "--device", "cpu", "--", "-k", "correctness")


def commands(of: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and those of its commands."""
    yield of
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for chosen in action.choices.values():
                yield from commands(chosen)


def arguments() -> list[tuple[str, argparse.Action]]:
    return [(of.prog, action) for of in commands(parser()) for action in of._actions]


def test_every_argument_has_a_sentence_of_help() -> None:
    without = [
        (command, action.dest)
        for command, action in arguments()
        if not action.help and not isinstance(action, argparse._SubParsersAction)
    ]
    assert without == []


def test_every_command_has_examples_and_no_example_is_of_none() -> None:
    assert {*EXAMPLES} == {of.prog for of in commands(parser())}


@pytest.mark.parametrize("example", [line for lines in EXAMPLES.values() for line in lines])
def test_examples_are_ones_that_the_command_takes(example: str) -> None:
    line = re.sub(r"^eval \"\$\((.*)\)\"$", r"\1", example)
    _, *words = shlex.split(re.split(r" [>|] ", line)[0])
    options = parser().parse_args(words[: words.index("--")] if "--" in words else words)
    assert callable(options.command)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_the_shell(project: Project, shell: str) -> None:
    done = project.ttci("completion", shell)
    assert done.code == 0
    assert "ttci" in done.output


def test_shell_completes_commands_options_and_the_models_of_the_manifest(project: Project) -> None:
    def completed(line: str) -> list[str]:
        asked = {
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(project.path / "completed"),
            "_ARGCOMPLETE_IFS": "\n",
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            "COMP_TYPE": "9",
        }
        program = [str(Path(sys.executable).parent / "ttci")]
        subprocess.run(program, cwd=project.path, env=clean_environment() | asked, check=False)
        return (project.path / "completed").read_text(encoding="utf-8").split()

    assert completed("ttci hist") == ["history"]
    assert completed("ttci run t") == ["tiny"]
    assert "--changed" in completed("ttci run --c")


def test_quiet_prints_how_each_pair_ended_and_one_line_last_and_the_log_has_all(
    project: Project,
) -> None:
    done = project.ttci("run", "-q", *CHOSEN)
    assert done.lines[0] == ""
    assert done.lines[1].split()[:3] == ["pair", "fidelity", "passed"]
    assert done.lines[2].split()[:3] == ["tiny@cpu", "reference", "2"]
    assert done.lines[-1] == "passed: 1 pair; 2 passed, 0 failed, 0 error, 0 unavailable, 2 met"
    assert len(done.lines) == 5
    assert "test session starts" in (project.path / "reports/tiny@cpu/log.txt").read_text(encoding="utf-8")


def test_verbose_is_that_of_pytest_and_goes_not_with_quiet(project: Project) -> None:
    done = project.ttci("run", "-v", *CHOSEN)
    assert done.code == 0
    assert "cachedir: " in done.output
    assert project.ttci("run", "-v", "-q", *CHOSEN).code == 2


def test_report_ends_with_its_verdict(tmp_path: Path) -> None:
    leave(tmp_path / "reports", run_of("m@cpu", result_of("m@cpu")))
    done = Project(tmp_path).ttci("report", "reports")
    assert done.lines[-1].startswith("passed: 1 pair; 1 passed, 0 failed")


def in_terminal(folder: Path, columns: int, *arguments: str, **environment: str) -> str:
    """What ttci prints in a terminal that is so wide."""
    ours, theirs = pty.openpty()
    outer = {key: value for key, value in clean_environment().items() if key not in ("CI", "COLUMNS")}
    process = subprocess.Popen(
        [sys.executable, "-m", "ttci", *arguments],
        cwd=folder,
        env=outer | {"COLUMNS": str(columns), "TERM": "xterm-256color"} | environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    printed = b""
    while True:
        try:
            printed += os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
    os.close(ours)
    process.wait(timeout=60)
    return printed.decode().replace("\r\n", "\n")


def test_table_is_broken_where_a_terminal_is_narrow_and_whole_in_a_pipe(tmp_path: Path) -> None:
    pair = f"{'long-' * 12}model@cpu"
    leave(tmp_path / "reports", run_of(pair, result_of(pair)))
    narrow = in_terminal(tmp_path, 110, "report", "reports")
    assert max(len(line) for line in narrow.splitlines() if not line.startswith("passed")) <= 110
    header, *rows = narrow.partition("\n\n")[0].splitlines()
    assert "".join(row[: header.index("fidelity")].strip() for row in rows) == pair
    assert pair in Project(tmp_path).ttci("report", "reports").output


def test_no_color_leaves_no_colors_in_a_terminal(project: Project) -> None:
    colored = in_terminal(project.path, 200, "run", *CHOSEN)
    plain = in_terminal(project.path, 200, "run", *CHOSEN, NO_COLOR="1")
    color = re.compile(r"\x1b\[[\d;]*[1-9][\d;]*m")
    assert color.search(colored)
    assert not color.search(plain)


def test_open_makes_the_page_where_it_is_missing_or_old_and_opens_it(tmp_path: Path) -> None:
    leave(tmp_path / "reports", run_of("m@cpu", result_of("m@cpu")))
    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "$1" >> opened\n', encoding="utf-8")
    browser.chmod(0o755)
    project = Project(tmp_path)
    done = project.ttci("open", BROWSER=str(browser))
    page = tmp_path / "reports" / "report.html"
    assert (done.code, done.lines) == (0, ["reports/report.html"])
    assert (tmp_path / "opened").read_text(encoding="utf-8").split() == [page.as_uri()]
    first = page.stat().st_mtime_ns
    project.ttci("open", BROWSER=str(browser))
    assert page.stat().st_mtime_ns == first
    os.utime(tmp_path / "reports" / "m@cpu" / "run.json", (time.time() + 10,) * 2)
    project.ttci("open", BROWSER=str(browser))
    assert page.stat().st_mtime_ns > first


def test_open_without_reports_says_what_leaves_some(tmp_path: Path) -> None:
    done = Project(tmp_path).ttci("open")
    assert (done.code, done.output) == (5, "there is no run.json in reports; `ttci run` leaves some\n")


def test_watch_runs_again_after_a_change_and_ends_with_ctrl_c(project: Project) -> None:
    project.write("model.py", "import beside\n" + (project.path / "model.py").read_text(encoding="utf-8"))
    project.write("beside.py", "")
    said = project.path / "said.txt"
    with said.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ttci", "watch", "-q", *CHOSEN],
            cwd=project.path,
            env=clean_environment(),
            stdout=output,
            stderr=output,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        try:
            wait_for(said, "Ctrl-C ends this", 1)
            project.write("beside.py", "# changed\n")
            wait_for(said, "Ctrl-C ends this", 2)
            project.write("models_manifest.toml", "[devices.cpu]\n")
            wait_for(said, '"backend" is missing', 1)
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=60)
    text = said.read_text(encoding="utf-8")
    assert code == 130
    assert "beside.py has changed" in text
    assert text.count("passed: 1 pair; 2 passed") == 2
    assert "Traceback" not in text


def wait_for(file: Path, text: str, count: int) -> None:
    deadline = time.monotonic() + 120
    while file.read_text(encoding="utf-8").count(text) < count:
        assert time.monotonic() < deadline, file.read_text(encoding="utf-8")
        time.sleep(0.2)
