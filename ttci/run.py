"""Run one pair in a pytest process of its own, and leave its four files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from ttci.errors import ExitCode, MachineryError
from ttci.manifest import Manifest, Pair
from ttci.progress import Progress
from ttci.report.junit import merge_junit
from ttci.results import Outcome, Run, read_run, write_run

_ALONE = ("performance",)
_SHARED = ("correctness", "gradients", "memory")
_INTERRUPT_GRACE_S = 60  # for pytest to finish a check and write its files
_LAST_LINES = 20


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

    def clear(self) -> None:
        """Remove what an earlier run left, so that it cannot be taken for this one's."""
        self.path.mkdir(parents=True, exist_ok=True)
        for file in (self.junit, self.benchmark, self.run, self.log):
            file.unlink(missing_ok=True)


def run_pair(manifest: Manifest, pair: Pair, report_dir: Path, pytest_args: Sequence[str] = ()) -> ExitCode:
    """Judge every check of `pair`; what went wrong is in its files and in the exit code.

    With several workers the checks are spread over processes first, and then
    performance is measured alone.
    """
    device = manifest.devices[pair.device]
    folder = PairFolder(report_dir / str(pair))
    folder.clear()
    deadline = time.monotonic() + 60 * device.timeout_minutes
    with folder.log.open("w", encoding="utf-8") as log:
        process = _PytestProcess(manifest, pair, pytest_args, log, deadline)
        if device.workers == 1:
            return process.run(folder)
        spread = PairFolder(folder.path / "spread")
        alone = PairFolder(folder.path / "alone")
        codes = []
        for part, checks, workers in ((spread, _SHARED, device.workers), (alone, _ALONE, 1)):
            part.clear()
            codes.append(process.run(part, checks, workers))
        _merge(folder, [spread, alone])
    return _combine(codes)


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

    def run(self, folder: PairFolder, checks: Sequence[str] = (), workers: int = 1) -> ExitCode:
        """Run pytest once; its files go into `folder`."""
        command = [sys.executable, "-m", "pytest", "-v", *self._options(folder, checks, workers)]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        if workers > 1:
            threads = max(1, (os.cpu_count() or 1) // workers)
            environment.setdefault("OMP_NUM_THREADS", str(threads))
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
        with Progress(str(self.pair), self.log) as progress:
            timed_out = _wait(process, progress, self.deadline)
        return self._conclude(folder, process.returncode, timed_out, progress.last_lines(_LAST_LINES))

    def _options(self, folder: PairFolder, checks: Sequence[str], workers: int) -> list[str]:
        options = [
            *("--manifest", str(self.manifest.path)),
            *("--test-model", self.pair.model),
            *("--test-device", self.pair.device),
            *("--run-json", str(folder.run)),
            *("--junitxml", str(folder.junit)),
            *("--benchmark-json", str(folder.benchmark)),
        ]
        options += [f"--test-check={check}" for check in checks]
        if workers > 1:
            options += ["-n", str(workers), "--dist", "loadgroup"]
        return options + list(self.pytest_args)

    def _conclude(self, folder: PairFolder, code: int, timed_out: bool, last: str) -> ExitCode:
        if timed_out:
            _explain_end(folder.run, f"timed out after {self._minutes} minutes", last)
            return ExitCode.MACHINERY
        if code < 0:
            _explain_end(folder.run, f"the process died of {signal.Signals(-code).name}", last)
            return ExitCode.MACHINERY
        if code == ExitCode.MACHINERY and not folder.run.exists():
            return ExitCode.BAD_INPUT  # pytest's own usage error: an argument after -- is wrong
        return ExitCode(code) if code in set(ExitCode) else ExitCode.MACHINERY

    @property
    def _minutes(self) -> int:
        return self.manifest.devices[self.pair.device].timeout_minutes


def _wait(process: subprocess.Popen[bytes], progress: Progress, deadline: float) -> bool:
    """Show the process's output until it ends; whether it had to be stopped at the deadline."""
    try:
        timed_out = progress.follow(cast("IO[bytes]", process.stdout), deadline)
        if timed_out:
            process.kill()
        process.wait()
    except KeyboardInterrupt:
        # The terminal sent SIGINT to pytest too: let it write its files.
        process.wait(_INTERRUPT_GRACE_S)
        raise
    return timed_out


def _explain_end(path: Path, what: str, last_lines: str) -> None:
    """Say in run.json how the process ended, at the check that was not judged any more."""
    try:
        run = read_run(path)
    except MachineryError:
        return
    results = list(run.results)
    for index, result in enumerate(results):
        if result.outcome is Outcome.ERROR and result.seconds == 0:
            message = f"{what}; its last output:\n{last_lines}"
            results[index] = result.model_copy(update={"message": message})
            break
    write_run(path, run.model_copy(update={"results": tuple(results)}))


def _merge(folder: PairFolder, parts: Sequence[PairFolder]) -> None:
    """Make one pair's files of the files of its two processes."""
    runs = [read_run(part.run) for part in parts if part.run.exists()]
    if runs:
        write_run(folder.run, _one_run(runs))
    merge_junit([part.junit for part in parts if part.junit.exists()], folder.junit)
    for part in parts:
        if part.benchmark.exists():
            part.benchmark.replace(folder.benchmark)
        part.clear()
        part.log.unlink(missing_ok=True)
        part.path.rmdir()


def _one_run(runs: Sequence[Run]) -> Run:
    finished = None if any(run.finished is None for run in runs) else runs[-1].finished
    results = tuple(result for run in runs for result in run.results)
    return runs[0].model_copy(update={"finished": finished, "results": results})


def _combine(codes: Sequence[ExitCode]) -> ExitCode:
    """Of a pair's two processes: one that matched nothing does not matter if the other did."""
    matched = [code for code in codes if code is not ExitCode.NOTHING_MATCHED]
    return worst(matched or codes)
