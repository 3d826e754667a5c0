"""A whole history as one view: the newest run of each pair beside all that came before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from ttci.drift.compare import view_of
from ttci.drift.judgement import HistoryView, Judgement, SeriesDrift
from ttci.drift.reasons import NotInNewest
from ttci.history.commits import Commits
from ttci.history.index.index import Index
from ttci.history.index.stored_run import StoredRun
from ttci.history.record import decode
from ttci.history.series import Series
from ttci.history.stores.protocol import Store
from ttci.report.html.trend_data import MOST_POINTS
from ttci.results import Drift, Run

_LOOKED_THROUGH = 3 * MOST_POINTS  # points of a series, as those of other branches are among them
_FAR = datetime(9999, 1, 1, tzinfo=timezone.utc)


def view_of_history(
    store: Store,
    index: Index,
    repository: Path,
    default_branch: str | None,
    smallest_change: float | Callable[[str], float],
) -> HistoryView:
    """The newest run that each pair has on the default branch, else on any, judged; and what it lacks.

    A series has its newest `MOST_POINTS` points. One that the newest run has not measured
    is `gone`, however long it has been.

    Raises:
        MachineryError: the statistics are not installed, or the history cannot be read.
    """
    branch = default_branch or Commits(repository).default_branch()
    newest = [newest_run(index, pair, branch) for pair in index.pairs()]
    view = view_of(list(_read(store, newest)), index, repository, branch, smallest_change)
    longer = [_longer(entry, index) for entry in view.series]
    known = {entry.series for entry in view.series}
    last = {run.pair: run for run in newest}
    lost = [_lost(series, index, last[series.pair]) for series in index.series(last) if series not in known]
    return replace(view, series=(*longer, *(entry for entry in lost if entry.window)))


def newest_run(index: Index, pair: str, branch: str | None) -> StoredRun:
    """The newest run of a pair that the index holds: on `branch`, with no clock ahead of ours; else any."""
    found = index.runs_on(pair, branch, _FAR, most=1) if branch else []
    return (found or index.runs([pair], most=1))[0]


def _read(store: Store, runs: Sequence[StoredRun]) -> Iterator[Run]:
    for name, content in store.read([run.file for run in runs]):
        yield decode(content, name)


def _longer(entry: SeriesDrift, index: Index) -> SeriesDrift:
    """With the points before its window that may be compared with it."""
    if not entry.window:
        return entry
    first = entry.window[0]
    oldest = min(point.started for point in entry.window)  # by its commit another may be the first
    older = [
        point
        for point in index.points(entry.series, _LOOKED_THROUGH)
        if point.started < oldest and (point.branch, point.conditions) == (first.branch, first.conditions)
    ]
    shown = older[max(0, len(older) + len(entry.window) + 1 - MOST_POINTS) :]
    judgement = entry.judgement
    moved = replace(judgement, change_points=tuple(len(shown) + step for step in judgement.change_points))
    return replace(entry, window=(*shown, *entry.window), judgement=moved)


def _lost(series: Series, index: Index, newest: StoredRun) -> SeriesDrift:
    """With no points where only other branches than the newest run's have measured it."""
    points = tuple(point for point in index.points(series, MOST_POINTS) if point.branch == newest.branch)
    last = (points[-1].run_id, points[-1].started) if points else None
    reason = NotInNewest(newest.run_id, newest.pair, last)
    return SeriesDrift(series, Judgement(Drift.GONE, reason), points)
