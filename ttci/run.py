"""Run one pair in a pytest process of its own, and leave its four files."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from ttci.child import Ended, run_child
from ttci.errors import ExitCode, InputError, MachineryError
from ttci.manifest import Manifest, Pair
from ttci.progress import Progress
from ttci.report.junit import merge_junit, write_junit
from ttci.results import Journal, Outcome, Run, exit_code, read_run, write_run
from ttci.unfinished import explain_end, is_unfinished

_ALONE = ("performance",)
_SHARED = ("correctness", "gradients", "memory")
_LAST_LINES = 100  # so many that the dump of a fatal error hides not what was printed before
_LISTING_S = 60.0  # for listing the checks that are not going to be run
_INTERRUPTED = 2  # pytest's own exit codes, where they mean another thing than ours
_INTERNAL_ERROR = 3


@dataclass(frozen=True)
class PairFolder:
    """The files of a pair, ``reports/<model>@<device>/``."""

    path: Path

    @property
    def junit(self) -> Path:
        """As pytest writes it."""
        return self.path / "junit.xml"

    @property
    def benchmark(self) -> Path:
        """As pytest-benchmark writes it."""
        return self.path / "benchmark.json"

    @property
    def run(self) -> Path:
        """Every result, as `ttci.results` describes it."""
        return self.path / "run.json"

    @property
    def log(self) -> Path:
        """What the processes of the pair printed."""
        return self.path / "log.txt"

    @property
    def parts(self) -> tuple[PairFolder, PairFolder]:
        """The files of the two processes of a pair with workers, while they run."""
        return PairFolder(self.path / "spread"), PairFolder(self.path / "alone")

    def clear(self) -> None:
        """Remove what an earlier run left, so that it cannot be taken for this one's."""
        self.path.mkdir(parents=True, exist_ok=True)
        for file in (self.junit, self.benchmark, self.run, self.log, *self.path.glob(".run.json.*")):
            file.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)


def run_pair(
    manifest: Manifest,
    pair: Pair,
    report_dir: Path,
    pytest_args: Sequence[str] = (),
    timeout_s: float | None = None,
) -> ExitCode:
    """Judge every check of `pair`; what went wrong is in its files and in the exit code.

    With several workers the checks are spread over processes first, and then
    performance is measured alone. `timeout_s` is the manifest's where None.
    """
    if find_spec("pytest") is None:
        raise InputError("pytest is not installed here; python -m pip install 'ttci[torch]'")
    device = manifest.devices[pair.device]
    timeout_s = 60.0 * device.timeout_minutes if timeout_s is None else timeout_s
    folder = PairFolder(report_dir.absolute() / str(pair))
    folder.clear()
    for part in folder.parts:
        part.remove()
    with folder.log.open("w", encoding="utf-8") as log:
        process = _PytestProcess(manifest, pair, pytest_args, log, time.monotonic() + timeout_s, timeout_s)
        if device.workers == 1:
            return process.run(folder)
        try:
            return _run_in_parts(process, folder.parts, device.workers)
        finally:
            _merge(folder)


def worst(codes: Sequence[ExitCode]) -> ExitCode:
    """What several pairs end with: the code that most needs a person."""
    for code in (
        ExitCode.MACHINERY,
        ExitCode.BAD_INPUT,
        ExitCode.FAILED,
        ExitCode.UNAVAILABLE,
        ExitCode.NOTHING_MATCHED,
    ):
        if code in codes:
            return code
    return ExitCode.OK


@dataclass(frozen=True)
class _PytestProcess:
    manifest: Manifest
    pair: Pair
    pytest_args: Sequence[str]
    log: IO[str]
    deadline: float
    timeout_s: float

    def run(self, folder: PairFolder, checks: Sequence[str] = (), workers: int = 1) -> ExitCode:
        """Run pytest once; its files go into `folder`."""
        own = [f"--test-check={check}" for check in checks]
        own += ["-n", str(workers)] if workers > 1 else self._no_workers()
        last = ["-n0"] if checks == _ALONE else []  # whatever the user's arguments say
        with Progress(str(self.pair), self.log) as progress:
            command = [*self._command(folder), *own, *self.pytest_args, *last]
            ended = run_child(command, _environment(workers), progress, self.deadline)
            return self._conclude(folder, ended, progress)

    def _no_workers(self) -> list[str]:
        """Whatever an ini file's addopts say: performance is measured alone."""
        return [] if "no:xdist" in " ".join(self.pytest_args) else ["-n0"]

    def list_only(self, folder: PairFolder, checks: Sequence[str]) -> None:
        """Record these checks as not judged."""
        own = [f"--test-check={check}" for check in checks]
        with Progress(str(self.pair), self.log) as progress:
            progress.show(f"{self.pair}: {', '.join(checks)} is not judged: the run was to stop at a failure")
            command = [*self._command(folder), *own, *self.pytest_args, "-n0", "--collect-only", "-q"]
            run_child(command, _environment(), progress, time.monotonic() + _LISTING_S)

    def _command(self, folder: PairFolder) -> list[str]:
        return [
            *(sys.executable, "-m", "pytest", "-v"),
            *("--manifest", str(self.manifest.path)),
            *("--test-model", self.pair.model),
            *("--test-device", self.pair.device),
            *("--run-json", str(folder.run)),
            *("--junitxml", str(folder.junit)),
            *("--benchmark-json", str(folder.benchmark)),
        ]

    def _conclude(self, folder: PairFolder, ended: Ended, progress: Progress) -> ExitCode:
        run = _readable_run(folder.run)
        what = self._bad_end(ended, run)
        if what is None:
            return _code_of(ended.code, run)
        last_lines = progress.last_lines(_LAST_LINES)
        progress.show(f"{self.pair}: {what}")
        if run:
            explained = explain_end(run, f"{what}; its last output:\n{last_lines}")
            write_run(folder.run, explained)
            Journal.path_for(folder.run).unlink(missing_ok=True)
            write_junit(explained, folder.junit)
        return ExitCode.MACHINERY

    def _bad_end(self, ended: Ended, run: Run | None) -> str | None:
        """How the process ended before pytest was done, None where pytest was."""
        if ended.timed_out:
            return f"timed out after {self.timeout_s / 60:g} minutes"
        if ended.code < 0:
            return f"the process died of {_signal_name(-ended.code)}"
        if run is None:
            return None
        if run.finished is None:
            return f"the process ended with exit code {ended.code} before pytest did"
        if ended.code == _INTERRUPTED and run.results:
            return "pytest was interrupted"
        return None


def _run_in_parts(process: _PytestProcess, parts: tuple[PairFolder, PairFolder], workers: int) -> ExitCode:
    spread, alone = parts
    for part in parts:
        part.clear()
    code = process.run(spread, _SHARED, workers)
    if code is ExitCode.BAD_INPUT or code is ExitCode.UNAVAILABLE:
        return code
    if _has_failed_enough(spread, process.pytest_args):
        process.list_only(alone, _ALONE)
        return code
    codes = [code, process.run(alone, _ALONE)]
    # One that matched nothing does not matter if the other did.
    return worst([code for code in codes if code is not ExitCode.NOTHING_MATCHED] or codes)


def _environment(workers: int = 1) -> dict[str, str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if workers > 1:
        threads = max(1, (os.cpu_count() or 1) // workers)
        environment.setdefault("OMP_NUM_THREADS", str(threads))
    return environment


def _code_of(code: int, run: Run | None) -> ExitCode:
    """Our exit code for pytest's, where pytest itself came to its end."""
    if run is None:
        # Nothing was judged: a wrong argument after --, or one like --help.
        known = {4: ExitCode.BAD_INPUT, 0: ExitCode.NOTHING_MATCHED, 1: ExitCode.MACHINERY}
        return known.get(code) or (ExitCode(code) if code in set(ExitCode) else ExitCode.MACHINERY)
    if code == ExitCode.OK:
        return exit_code(run.results)  # after --collect-only, say: what was not judged is not well
    if code == _INTERNAL_ERROR:
        return ExitCode.MACHINERY
    return ExitCode(code) if code in set(ExitCode) else ExitCode.MACHINERY


def _has_failed_enough(folder: PairFolder, pytest_args: Sequence[str]) -> bool:
    """Whether the run is to stop here, by -x, --exitfirst or --maxfail."""
    limit = _failure_limit([*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *pytest_args])
    run = _readable_run(folder.run)
    if limit is None or run is None:
        return False
    failed = [result for result in run.results if result.outcome in (Outcome.FAILED, Outcome.ERROR)]
    return len([result for result in failed if not is_unfinished(result)]) >= limit


def _failure_limit(pytest_args: Sequence[str]) -> int | None:
    limit = None
    for argument, following in zip(pytest_args, [*pytest_args, ""][1:], strict=True):
        name, _, value = argument.partition("=")
        if argument == "--exitfirst" or re.fullmatch(r"-[hlqsvV]*x[hlqsvxV]*", argument):
            limit = 1
        elif name == "--maxfail" and (value or following).isdecimal():
            limit = int(value or following) or None  # 0 is no limit
    return limit


def _readable_run(path: Path) -> Run | None:
    try:
        return read_run(path)
    except MachineryError:
        return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _merge(folder: PairFolder) -> None:
    """Make one pair's files of the files of its two processes."""
    parts = folder.parts
    runs = [run for run in (_readable_run(part.run) for part in parts) if run]
    if runs:
        write_run(folder.run, _one_run(runs))
    merge_junit([part.junit for part in parts if part.junit.exists()], folder.junit)
    for part in parts:
        if part.benchmark.exists():
            part.benchmark.replace(folder.benchmark)
        part.remove()


def _one_run(runs: Sequence[Run]) -> Run:
    finished = None if any(run.finished is None for run in runs) else runs[-1].finished
    results = tuple(result for run in runs for result in run.results)
    return runs[0].model_copy(update={"finished": finished, "results": results})
