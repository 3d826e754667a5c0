"""Every run that some files hold, and what of them cannot be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ttci.errors import InputError, MachineryError, Mistake, NothingMatchedError
from ttci.history.add import reason_against
from ttci.history.importing import github_action_benchmark, pytest_benchmark, run_json
from ttci.history.importing.source import Source
from ttci.history.record import recorded
from ttci.results import Run

FORMATS = {
    "github-action-benchmark": github_action_benchmark,
    "pytest-benchmark": pytest_benchmark,
    "run-json": run_json,
}


def read_files(format_name: str, paths: Sequence[Path], source: Source, now: datetime) -> list[Run]:
    """The records of the runs that can be kept; what is wrong with the others goes to `source.problems`.

    Raises:
        InputError: some of `paths` are not there.
        NothingMatchedError: there is no file of the format.
    """
    absent = [Mistake(str(path), None, "no such file or folder") for path in paths if not _is_there(path)]
    if absent:
        raise InputError(absent)
    tool = FORMATS[format_name]
    files = [file for path in paths for file in _found(tool.files, path, source)]
    if not files and not source.problems:
        raise NothingMatchedError(f"{', '.join(map(str, paths))}: holds no file of {format_name}")
    runs = (run for file in dict.fromkeys(files) for run in _read(tool.read, file, source))
    return [recorded(run) for run in runs if _is_kept(run, source, now)]


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # what is wrong with it is said when it is read
        return True


def _found(files: Callable[[Path], list[Path]], path: Path, source: Source) -> list[Path]:
    try:
        return files(path)
    except OSError as error:
        source.problems.append(f"{error.filename}: cannot be read: {error.strerror}")
    return []


def _read(read: Callable[[Path, Source], Iterator[Run]], file: Path, source: Source) -> Iterator[Run]:
    try:
        yield from read(file, source)
    except MachineryError as error:
        source.problems.append(str(error))


def _is_kept(run: Run, source: Source, now: datetime) -> bool:
    reason = reason_against(run, now)
    if reason is None and not any(result.measurements for result in recorded(run).results):
        reason = "it holds no figure that a history keeps"
    if reason:
        commit = run.environment.git_commit or "no commit"
        which = f"{run.pair} of {run.started:%Y-%m-%d %H:%M} UTC, {commit}"
        source.problems.append(f"{which}: left out: {reason}")
    return reason is None


@dataclass(frozen=True)
class Summary:
    """What was read of one pair."""

    pair: str
    runs: int
    series: int
    figures: int
    first: datetime
    last: datetime

    def __str__(self) -> str:
        dates = f"{self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}"
        runs = "1 run" if self.runs == 1 else f"{self.runs:,} runs"
        figures = "1 figure" if self.figures == 1 else f"{self.figures:,} figures"
        return f"{self.pair}: {runs}, {self.series:,} series, {figures}, {dates}"


def summaries(runs: Iterable[Run]) -> list[Summary]:
    """A summary of each pair, sorted."""
    of_pair: dict[str, list[Run]] = {}
    for run in runs:
        of_pair.setdefault(run.pair, []).append(run)
    return [_summary(pair, found) for pair, found in sorted(of_pair.items())]


def _summary(pair: str, runs: Sequence[Run]) -> Summary:
    results = [result for run in runs for result in run.results]
    figures = [(result.id, m.name, m.unit) for result in results for m in result.measurements]
    times = [run.started for run in runs]
    return Summary(pair, len(runs), len(set(figures)), len(figures), min(times), max(times))
