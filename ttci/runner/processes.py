"""The pytest processes of a pair: one, and a fresh one for the rest where a check took one along."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from ttci.artifacts import names
from ttci.artifacts.ended import Ended, read_ended, write_ended
from ttci.artifacts.junit import write_junit
from ttci.artifacts.pair_folder import PairFolder
from ttci.artifacts.unfinished import explain_end, is_any_running, unfinished_in
from ttci.errors import ExitCode, worst
from ttci.manifest import DeviceEntry, Manifest, Pair
from ttci.results import Journal, JournalReader, Result, Run, exit_code, write_run
from ttci.runner.child import Ended as EndedProcess
from ttci.runner.child import run_child
from ttci.runner.ending import ended_by_itself, reason_in, timed_out
from ttci.runner.expectation import Earlier, Expectation
from ttci.runner.failure_limit import failures_left
from ttci.runner.progress import Progress
from ttci.runner.pytest_command import PytestCommand
from ttci.runner.settings import DEFAULT, RunnerSettings

_LAST_LINES = 100  # so many that the dump of a fatal error hides not what was printed before
_LISTING_S = 60.0  # for listing the checks that are not going to be run
_RESET_S = 120.0
_INTERRUPTED = 2  # pytest's own exit codes, where they mean another thing than ours
_USAGE_ERROR = 4
_WATCHDOG_CODE = 1  # faulthandler ends a process so, after a line that ends like this
_WATCHDOG_LINE = re.compile(r"Timeout \(\d+:\d\d:\d\d(\.\d+)?\)!$", re.MULTILINE)


@dataclass
class PairProcesses:
    """Runs pytest for one pair, as often as it takes to judge every check."""

    manifest: Manifest
    pair: Pair
    pytest_args: Sequence[str]
    log: IO[str]
    deadline: float
    timeout_s: float
    variables: Mapping[str, str] = field(default_factory=dict)  # for the processes, beside ours
    earlier: Earlier | None = None  # run of the pair
    settings: RunnerSettings = DEFAULT
    _has_reset: bool = False
    _ends: list[Ended] = field(default_factory=list)  # of processes that something else than a check ended

    def judge(self, folder: PairFolder, checks: Sequence[str] = (), workers: int = 1) -> ExitCode:
        """Judge the pair's checks of these kinds; the files go into `folder`.

        A check that kills its process, or hangs, is an error; the others are then
        judged in a fresh process, unless the pair's time is up, the user's arguments
        say to stop, or that process died before it began with any.
        """
        has_died = False
        try:
            while True:
                end = self._run_once(folder, checks, workers, died_before=has_died)
                has_died |= end.has_died
                if not end.goes_on:
                    return ExitCode.MACHINERY if has_died else end.code
        finally:
            self._leave_end()
            run = folder.read_run()
            if has_died and run:  # pytest knows only of its own process's checks
                write_junit(run, folder.junit)

    def list_only(self, folder: PairFolder, checks: Sequence[str], reason: str) -> None:
        """Record these checks as not judged."""
        with self._progress(str(self.pair)) as progress:
            progress.show(f"{self.pair}: {', '.join(checks)} is not judged: {reason}")
            command = self._pytest.listing(folder, checks)
            run_child(command, self._pytest.environment(), progress, time.monotonic() + _LISTING_S)

    def reason_to_stop(self, run: Run | None) -> str | None:
        """Why no more is to be judged after `run`; None where nothing is against it."""
        if run and failures_left(run, self.pytest_args) == 0:
            return "the run was to stop at a failure"
        return "the pair's time is up" if run and time.monotonic() >= self.deadline else None

    @property
    def _ended(self) -> Path:
        """Where a process says why it came to no result."""
        return Path(self.log.name).with_name(names.ENDED)

    def _progress(
        self,
        title: str,
        expectation: Expectation | None = None,
        begun: Callable[[], Iterable[str]] = tuple,
    ) -> Progress:
        return Progress(title, self.log, expectation, begun, is_quiet=self.settings.is_quiet)

    @property
    def _pytest(self) -> PytestCommand:
        return PytestCommand(self.manifest, self.pair, self.pytest_args, self.variables, self.settings.python)

    @property
    def _device(self) -> DeviceEntry:
        return self.manifest.devices[self.pair.device]

    def _run_once(
        self, folder: PairFolder, checks: Sequence[str], workers: int, *, died_before: bool
    ) -> _End:
        self._ended.unlink(missing_ok=True)
        before = folder.read_run() if died_before else None
        command = self._pytest.judging(folder, checks, workers, before)
        ended, last_lines = self._run_pytest(command, workers, folder)
        run = folder.read_run()
        said = read_ended(self._ended) if self._ended.exists() else None
        has_begun = _has_begun(run, before)
        if ended.code == ExitCode.UNAVAILABLE and not has_begun and self._reset():
            return _End(ExitCode.UNAVAILABLE, has_died=False, goes_on=True)
        what = self._bad_end(ended, run, last_lines, said)
        if what is not None:
            run = self._explain(folder, run, what, last_lines, has_begun=has_begun)
        elif ended.code == ExitCode.MACHINERY and run and has_begun:
            self._ends += [said] if said else []
            run = self._quote_workers(folder, run)  # of those that pytest-xdist has lost
        else:
            said = said or (None if has_begun else self._wrong_usage(ended.code, last_lines))
            code = self._code_of(ended.code, run, said)
            return _End(code, has_died=False, goes_on=False)
        is_over = ended.timed_out or ended.code == _INTERRUPTED or not has_begun
        goes_on = not is_over and self._is_worth_more(run)
        if goes_on and what == self._check_timed_out:
            self._reset()
        return _End(ExitCode.MACHINERY, has_died=True, goes_on=goes_on)

    def _run_pytest(
        self, command: Sequence[str], workers: int, folder: PairFolder
    ) -> tuple[EndedProcess, str]:
        """How it ended, and the end of what it printed."""

        def to_judge() -> list[str]:
            run = folder.read_run()
            return unfinished_in(run) if run else []

        journal = JournalReader(folder.run)

        def begun() -> list[str]:
            return [result.id for result in journal.news() if result.is_running]

        expectation = Expectation(str(self.pair), self.earlier, to_judge, workers)
        with self._progress(str(self.pair), expectation, begun) as progress:
            ended = run_child(command, self._pytest.environment(workers), progress, self.deadline)
            return ended, progress.last_lines(_LAST_LINES)

    @property
    def _check_timed_out(self) -> str:
        return timed_out(self._device.test_timeout_seconds)

    def _bad_end(
        self, ended: EndedProcess, run: Run | None, last_lines: str, said: Ended | None
    ) -> str | None:
        """How the process ended before pytest was done, None where pytest was."""
        if ended.timed_out:
            return f"timed out after {self.timeout_s / 60:g} minutes"
        if ended.code < 0:
            return ended_by_itself(ended.code)
        if run is None:
            return None
        if run.finished is None:
            is_watchdog = ended.code == _WATCHDOG_CODE and _WATCHDOG_LINE.search(last_lines)
            return self._check_timed_out if is_watchdog else ended_by_itself(ended.code)
        if said and is_any_running(run):
            return said.reason
        if ended.code == _INTERRUPTED and run.results:
            return "pytest was interrupted"
        return None

    def _code_of(self, code: int, run: Run | None, said: Ended | None) -> ExitCode:
        """Our exit code for pytest's, where pytest itself came to its end."""
        if said:
            self._ends.append(said)
            return ExitCode(said.exit_code)
        if run is None:
            # Nothing was judged: pytest met what its plugins did not foresee, or an argument like --help.
            known = {0: ExitCode.NOTHING_MATCHED, 1: ExitCode.MACHINERY}
            return known.get(code) or _known(code)
        if code in (ExitCode.OK, ExitCode.UNAVAILABLE):
            return exit_code(run.results)  # after --collect-only, say: what was not judged is not well
        return _known(code)

    def _wrong_usage(self, code: int, last_lines: str) -> Ended | None:
        """What pytest says of its arguments, its ini file or what a conftest.py takes for wrong usage."""
        if code != _USAGE_ERROR:
            return None
        reason = reason_in(last_lines)
        return Ended(pair=str(self.pair), exit_code=ExitCode.BAD_INPUT.value, reason=reason)

    def _leave_end(self) -> None:
        """Say for the report what ended processes; where it was several things, what most needs a person."""
        if self._ends:
            code = worst(ExitCode(end.exit_code) for end in self._ends)
            reasons = dict.fromkeys(end.reason for end in self._ends if end.exit_code == code)
            write_ended(self._ended.parent, str(self.pair), code, "\n".join(reasons))

    def _explain(
        self, folder: PairFolder, run: Run | None, what: str, last_lines: str, *, has_begun: bool
    ) -> Run | None:
        """Say in run.json what ended the process, at the check that was running."""
        self._show(f"{self.pair}: {what}")
        if run is None:
            return None
        explained = explain_end(run, _quoting(what, last_lines), began=has_begun)
        if unfinished_in(run) and not unfinished_in(explained):
            now = datetime.now(timezone.utc)
            explained = explained.model_copy(update={"finished": now})
        write_run(folder.run, explained)
        Journal.path_for(folder.run).unlink(missing_ok=True)
        return explained

    def _quote_workers(self, folder: PairFolder, run: Run) -> Run:
        """Add to what ended each worker of pytest-xdist the lines that were printed until then."""
        lines = Path(self.log.name).read_text(encoding="utf-8").splitlines()
        results = tuple(_with_lines_before_its_end(result, lines) for result in run.results)
        quoting = run.model_copy(update={"results": results})
        write_run(folder.run, quoting)
        return quoting

    def _is_worth_more(self, run: Run | None) -> bool:
        """Whether another process is to judge what is left."""
        left = len(unfinished_in(run)) if run else 0
        if not left or self.reason_to_stop(run):
            return False
        self._show(f"{self.pair}: a fresh process judges what is left: {left} checks")
        return True

    def _reset(self) -> bool:
        """Reset the board, once a pair; whether that was tried."""
        command = getattr(self._device, "reset", None)
        if command is None or self._has_reset:
            return False
        self._has_reset = True
        try:
            with self._progress(f"{self.pair}: {command}") as progress:
                progress.show(f'{self.pair}: reset "{command}"')
                ended = run_child(shlex.split(command), os.environ, progress, time.monotonic() + _RESET_S)
            failure = _failure_of(ended)
        except OSError as error:
            failure = str(error.strerror)
        if failure:
            self._show(f'{self.pair}: reset "{command}" failed: {failure}')
        return True

    def _show(self, line: str) -> None:
        with self._progress(str(self.pair)) as progress:
            progress.show(line)


@dataclass(frozen=True)
class _End:
    """How one process ended."""

    code: ExitCode
    has_died: bool  # or a worker of it
    goes_on: bool  # another is to judge what is left


def _has_begun(run: Run | None, before: Run | None) -> bool:
    """Whether a process got to its checks, so that another one after it leaves fewer."""
    if run is None:
        return False
    left_before = len(unfinished_in(before)) if before else len(run.results)
    return is_any_running(run) or len(unfinished_in(run)) < left_before


def _quoting(what: str, last_lines: str) -> str:
    return f"{what}; its last output:\n{last_lines}"


def _with_lines_before_its_end(result: Result, lines: Sequence[str]) -> Result:
    """The plugin has printed the message of a check that took its worker along."""
    said = f"{result.id}: {result.message}"
    if not result.is_lost or said not in lines:
        return result
    position = len(lines) - 1 - lines[::-1].index(said)
    last_lines = "\n".join(lines[max(0, position - _LAST_LINES) : position])
    return result.model_copy(update={"message": _quoting(result.message, last_lines)})


def _failure_of(ended: EndedProcess) -> str | None:
    if ended.timed_out:
        return timed_out(_RESET_S)
    return f"exit code {ended.code}" if ended.code else None


def _known(code: int) -> ExitCode:
    return ExitCode(code) if code in set(ExitCode) else ExitCode.MACHINERY
