"""Run one pair in pytest processes of its own, and leave its four files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from ttci.artifacts import names
from ttci.artifacts.benchmark_json import complete_benchmarks
from ttci.artifacts.ended import read_ended, write_ended
from ttci.artifacts.junit import merge_junit, write_junit
from ttci.artifacts.pair_folder import PairFolder
from ttci.catalog.checks import checks_alone, checks_shared
from ttci.errors import DeviceUnavailableError, ExitCode, InputError, MachineryError, error_of, worst
from ttci.manifest import DeviceEntry, Manifest, Pair
from ttci.results import Result, Run, exit_code, write_run
from ttci.runner.board_lock import held_environment, hold_boards
from ttci.runner.child import Terminated
from ttci.runner.ending import reason_in
from ttci.runner.expectation import Earlier
from ttci.runner.handshake import ENDED_VARIABLE, LOG_VARIABLE
from ttci.runner.processes import PairProcesses
from ttci.runner.settings import DEFAULT, RunnerSettings

__all__ = ["PairFolder", "judge_alone", "rerun", "run_pair"]

_DEBUG_OPTION = "--test-debug"
_TIMES_WITH_DEBUG = 2  # as long as it has without: a recording is no part of its check's time


def run_pair(
    manifest: Manifest,
    pair: Pair,
    report_dir: Path,
    pytest_args: Sequence[str] = (),
    timeout_s: float | None = None,
    settings: RunnerSettings = DEFAULT,
) -> ExitCode:
    """Judge every check of `pair`; what went wrong is in its files and in the exit code.

    With several workers the checks are spread over processes first, and then
    performance is measured alone. `timeout_s` is the manifest's where None; on
    silicon it begins when the board is ours, which is waited for as long again.
    """
    if settings.python is None and find_spec("pytest") is None:
        raise InputError("pytest is not installed here; python -m pip install 'ttci[torch]'")
    device = manifest.devices[pair.device]
    timeout_s = 60.0 * device.timeout_minutes if timeout_s is None else timeout_s
    folder = PairFolder(report_dir.absolute() / str(pair))
    earlier = Earlier.of(folder.read_run())
    folder.clear()
    for part in folder.parts:
        part.remove()
    with folder.log.open(
        "a", encoding="utf-8", errors="backslashreplace"
    ) as log:  # its processes add to it too
        say = _printer(log)
        try:
            with _processes(manifest, pair, pytest_args, log, timeout_s, earlier, settings) as processes:
                code = _run_whole(processes, folder, device.workers)
        except (DeviceUnavailableError, MachineryError) as error:
            say(f"{pair}: {error}")
            code = error.exit_code
            write_ended(folder.path, str(pair), code, str(error))
        except Terminated as termination:
            termination.end()
            raise
    _say_why(folder, pair, code)
    return code


def rerun(
    manifest: Manifest,
    pair: Pair,
    report_dir: Path,
    identities: Sequence[str],
    times: int,
    settings: RunnerSettings = DEFAULT,
) -> list[Run]:
    """Judge these checks again, one after the other and all of them so many times; what each time found.

    Nothing of what the pair has left is changed but its log.txt. It has the pair's time-out again.

    Raises:
        DeviceUnavailableError: the device's board is not to be had.
        MachineryError: nor is its lock.
    """
    with _again(manifest, pair, report_dir, identities, settings) as (processes, again):
        passes = [PairFolder(again.path / str(number)) for number in range(times)]
        for each in passes:
            each.clear()
            processes.judge(each)
        return [run for run in (each.read_run() for each in passes) if run]


def judge_alone(
    manifest: Manifest,
    pair: Pair,
    report_dir: Path,
    identity: str,
    pytest_args: Sequence[str],
    settings: RunnerSettings = DEFAULT,
) -> Result:
    """What this check finds now; as of `rerun`, nothing of what the pair has left is changed but its log.txt.

    Raises:
        TtciError: there is no result, for what its processes said.
    """
    with _again(manifest, pair, report_dir, [identity], settings, pytest_args) as (processes, again):
        alone = PairFolder(again.path / "0")
        alone.clear()
        code = processes.judge(alone)
        run = alone.read_run()
        if run is not None and run.results:
            return run.results[0]
        reason = read_ended(again.ended).reason if again.ended.exists() else ""
        raise error_of(code, reason or reason_in(again.log.read_text(encoding="utf-8")))


@contextmanager
def _again(
    manifest: Manifest,
    pair: Pair,
    report_dir: Path,
    identities: Sequence[str],
    settings: RunnerSettings,
    pytest_args: Sequence[str] = (),
) -> Iterator[tuple[PairProcesses, PairFolder]]:
    """Processes that judge these checks alone, and a folder for their files, which is gone at the end."""
    folder = PairFolder(report_dir.absolute() / str(pair))
    again = PairFolder(folder.path / names.AGAIN)
    again.clear()
    chosen = again.path / "checks.txt"
    chosen.write_text("\n".join(identities), encoding="utf-8")
    timeout_s = 60.0 * manifest.devices[pair.device].timeout_minutes
    args = ["--ttci-only", str(chosen), *pytest_args]
    try:
        with (
            again.log.open("a", encoding="utf-8", errors="backslashreplace") as log,
            _processes(manifest, pair, args, log, timeout_s, settings=settings) as processes,
        ):
            yield processes, again
    finally:
        if folder.log.exists():  # else the pair has never run, and is not to look as if it had
            with folder.log.open("a", encoding="utf-8", errors="backslashreplace") as log:
                log.write(again.log.read_text(encoding="utf-8"))
        again.remove()


@contextmanager
def _processes(
    manifest: Manifest,
    pair: Pair,
    pytest_args: Sequence[str],
    log: IO[str],
    timeout_s: float,
    earlier: Earlier | None = None,
    settings: RunnerSettings = DEFAULT,
) -> Iterator[PairProcesses]:
    """The processes of a pair, which has its board as long as this lasts."""
    device = manifest.devices[pair.device]
    with _board_held(device, pair, timeout_s, _printer(log)) as held:
        if any(argument.startswith(_DEBUG_OPTION) for argument in pytest_args):
            timeout_s *= _TIMES_WITH_DEBUG
        deadline = time.monotonic() + timeout_s
        told = held | {LOG_VARIABLE: log.name, ENDED_VARIABLE: str(Path(log.name).parent)}
        yield PairProcesses(manifest, pair, pytest_args, log, deadline, timeout_s, told, earlier, settings)


def _say_why(folder: PairFolder, pair: Pair, code: ExitCode) -> None:
    """Leave the reason where a pair has no result, and its process could not leave it itself."""
    if folder.run.exists() or folder.ended.exists():
        return
    write_ended(folder.path, str(pair), code, reason_in(folder.log.read_text(encoding="utf-8")))


def _printer(log: IO[str]) -> Callable[[str], None]:
    """Prints a line, and keeps it in the log."""

    def say(line: str) -> None:
        print(line, flush=True)
        print(line, file=log, flush=True)

    return say


@contextmanager
def _board_held(
    device: DeviceEntry, pair: Pair, timeout_s: float, say: Callable[[str], None]
) -> Iterator[dict[str, str]]:
    """Hold the board where the device is one; what the pair's processes are told of it."""
    if device.target != "silicon":
        yield {}
        return
    with hold_boards(str(pair), timeout_s, say):
        yield held_environment()


def _run_whole(processes: PairProcesses, folder: PairFolder, workers: int) -> ExitCode:
    """Judge the pair, in two parts where it has workers; its files are written however that ends."""
    if workers == 1:
        try:
            return processes.judge(folder)
        finally:
            _complete(folder, [folder.benchmark])
    try:
        return _run_in_parts(processes, folder.parts, workers)
    finally:
        _merge(folder)


def _run_in_parts(processes: PairProcesses, parts: tuple[PairFolder, PairFolder], workers: int) -> ExitCode:
    spread, alone = parts
    for part in parts:
        part.clear()
    code = processes.judge(spread, checks_shared(), workers)
    if code is ExitCode.BAD_INPUT or (code is ExitCode.UNAVAILABLE and not spread.run.exists()):
        return code
    reason = processes.reason_to_stop(spread.read_run())
    if reason:
        processes.list_only(alone, checks_alone(), reason)
        return code
    codes = [code, processes.judge(alone, checks_alone())]
    # One that matched nothing does not matter if the other did.
    codes = [code for code in codes if code is not ExitCode.NOTHING_MATCHED] or codes
    runs = [run for run in (part.read_run() for part in parts) if run]
    if ExitCode.UNAVAILABLE in codes and len(runs) == len(parts):
        # Whether nothing of a test could be judged, both parts tell together.
        codes = [code for code in codes if code is not ExitCode.UNAVAILABLE]
        codes.append(exit_code(result for run in runs for result in run.results))
    return worst(codes)


def _merge(folder: PairFolder) -> None:
    """Make one pair's files of the files of its two parts."""
    runs = [run for run in (part.read_run() for part in folder.parts) if run]
    if runs:
        write_run(folder.run, _one_run(runs))
    _merge_junit(folder, runs)
    _complete(folder, [part.benchmark for part in folder.parts])
    for part in folder.parts:
        part.remove()


def _merge_junit(folder: PairFolder, runs: Sequence[Run]) -> None:
    parts = [part.junit for part in folder.parts if part.junit.exists()]
    try:
        merge_junit(parts, folder.junit)
    except SyntaxError:  # what XML readers raise: a process was killed while it wrote
        if runs:
            write_junit(_one_run(runs), folder.junit)


def _complete(folder: PairFolder, benchmarks: Sequence[Path]) -> None:
    """Leave a benchmark.json with everything that was timed, where anything was run."""
    run = folder.read_run()
    if run:
        complete_benchmarks(folder.benchmark, benchmarks, run)


def _one_run(runs: Sequence[Run]) -> Run:
    finished = None if any(run.finished is None for run in runs) else runs[-1].finished
    results = tuple(result for run in runs for result in run.results)
    return runs[0].model_copy(update={"finished": finished, "results": results})
