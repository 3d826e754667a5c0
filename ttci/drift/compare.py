"""Every figure of a run beside its history.

`gone` is what the newest run of the baseline has measured and this one has not, under whatever
conditions. run.json does not say whether a run was narrowed to some tests, so that of a
narrowed run much is gone. Nothing is guessed: the reason says whether the check is in the run
and ended without the figure, or is not in the run at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from ttci.catalog.metrics import SMALLEST_CHANGE
from ttci.drift.chain import beside_bases
from ttci.drift.judgement import HistoryView, Judgement, SeriesDrift
from ttci.drift.reasons import NeverMeasured, NotMeasured, OtherConditions
from ttci.errors import MachineryError
from ttci.history.baseline import MOST_POINTS, Baseline, baseline_of
from ttci.history.commits import Commits
from ttci.history.comparability import difference, versions_of
from ttci.history.index.index import Index
from ttci.history.record import recorded, run_id
from ttci.history.series import (
    Figure,
    Point,
    Series,
    branch_of,
    commit_of,
    figures_of,
    host_of,
    in_utc,
)
from ttci.results import Drift, Outcome, Run

Judge = Callable[..., Judgement]  # as `ttci.drift.judge.judge`
SmallestChange = float | Callable[[str], float]  # a fraction: of every metric, or by its name


def view_of(
    runs: Sequence[Run],
    index: Index,
    repository: Path,
    default_branch: str | None = None,
    smallest_change: SmallestChange = SMALLEST_CHANGE,
    *,
    only: Collection[str] | None = None,
    judge: Judge | None = None,
) -> HistoryView:
    """The figures of `runs`, each judged against what the index holds; none where that is empty.

    repository: a folder of the git repository that was measured.
    default_branch: whose runs are compared with; what git says where None.
    only: of these identities; of every one where None.

    Raises:
        MachineryError: the statistics are not installed, or the index cannot be read.
    """
    notes = index.notes()
    if index.is_empty():
        return HistoryView(index.source, notes=(f"no history yet: {index.source} holds no run", *notes))
    commits = Commits(repository)
    branch = default_branch or commits.default_branch()
    judge = judge or _statistics()
    series: list[SeriesDrift] = []
    for run in map(recorded, runs):
        baseline = baseline_of(run, index, commits, branch)
        notes += _notes_of(run.pair, baseline, index, branch)
        beside = _Beside(run, baseline, index, judge, smallest_change)
        series += beside.measured(only)
        series += beside.gone(only)
    return HistoryView(index.source, tuple(series), tuple(notes))


def _notes_of(pair: str, baseline: Baseline, index: Index, branch: str | None) -> Iterator[str]:
    """What is to be said of a run that is not compared with the default branch, or with nothing."""
    if not index.runs([pair], most=1):
        yield f"no history yet of {pair}: {index.source} holds no run of it"
    elif branch is not None and baseline.branch != branch:
        own = baseline.branch or "no named branch"
        what = (
            f"it is compared with those of {own}; another default branch is named with --default-branch NAME"
        )
        yield f"{pair}: {index.source} holds no run of {branch} before it; {what}"
    elif not baseline.runs and branch is None:
        what = "and nobody names the default branch; write --default-branch NAME, or let git know it"
        yield f"no history yet of {pair} on its own branch, {what}: git remote set-head origin -a"
    elif not baseline.runs:
        yield f"no history yet of {pair}: it is to be compared with {baseline.which}"


def _statistics() -> Judge:
    try:
        from ttci.drift.judge import judge
    except ImportError as error:
        what = f"drift is judged with {error.name}, which is not installed"
        raise MachineryError(f"{what}: python -m pip install 'ttci[history]'") from None
    return judge


class _Beside:
    """A recorded run beside its baseline."""

    def __init__(
        self, run: Run, baseline: Baseline, index: Index, judge: Judge, smallest_change: SmallestChange
    ) -> None:
        self._run = run
        self._baseline = baseline
        self._index = index
        self._judge = judge
        self._smallest_change = smallest_change
        self._runs = {stored.number: stored for stored in baseline.runs}
        self._positions = {stored.run_id: position for position, stored in enumerate(baseline.runs)}
        times = [stored.started for stored in baseline.runs] or [in_utc(run.started)]
        self._times = min(times), max(times)
        self._is_by_time = times == sorted(times)
        self._lines = index.lines(run.pair) if baseline.runs else {}
        self._figures = {figure.series: figure for figure in reversed(list(figures_of(run)))}
        self._run_point = (run_id(run), in_utc(run.started)), (host_of(run), commit_of(run), branch_of(run))
        self._versions = versions_of(run)

    def measured(self, only: Collection[str] | None) -> Iterator[SeriesDrift]:
        """What the run has measured, in the order of the series."""
        for series in sorted(self._figures):
            if only is None or series.identity in only:
                yield self._judged(self._figures[series])

    def gone(self, only: Collection[str] | None) -> Iterator[SeriesDrift]:
        """What the newest run of the baseline has measured, and this one has not."""
        if not self._baseline.runs or self._run.finished is None:
            return
        for series, last in self._index.figures(self._baseline.runs[-1]):
            if series not in self._figures and (only is None or series.identity in only):
                reason = NotMeasured(series.metric, self._outcome_of(series), last)
                yield SeriesDrift(
                    series,
                    Judgement(Drift.GONE, reason),
                    self._window(series, last.conditions),
                    None,
                    self._baseline.sentence,
                )

    def _judged(self, figure: Figure) -> SeriesDrift:
        window = self._window(figure.series, figure.conditions)
        current = self._point(figure)
        judgement = self._judgement(figure, window, current) if window else self._nothing_like(figure)
        return SeriesDrift(figure.series, judgement, window, current, self._baseline.sentence)

    def _judgement(self, figure: Figure, window: Sequence[Point], current: Point) -> Judgement:
        stated, series = self._smallest_change, figure.series
        smallest = stated(series.metric) if callable(stated) else stated
        alone = self._judge(
            [point.confirmed for point in window],
            [point.host for point in window],
            figure.value,
            host_of(self._run),
            direction=series.direction,
            smallest_change=smallest,
            reruns=figure.reruns,
            follows=self._baseline.follows,
        )
        return beside_bases(
            alone,
            window,
            current,
            direction=series.direction,
            smallest_change=smallest,
            follows=self._baseline.follows,
        )

    def _nothing_like(self, figure: Figure) -> Judgement:
        """No run of the baseline has measured it under these conditions."""
        others = self._lines.get(figure.series, {})
        newest = [point for other in others for point in self._newest(figure.series, other, 1)]
        if not newest:
            return Judgement(Drift.NEW, NeverMeasured())
        last = max(newest, key=lambda point: self._positions[point.run_id])
        what = difference(last.conditions, figure.conditions)
        return Judgement(Drift.INCOMPARABLE, OtherConditions(last, what))

    def _window(self, series: Series, conditions: str) -> tuple[Point, ...]:
        window = self._newest(series, conditions, MOST_POINTS)[::-1]
        if not self._is_by_time:
            window.sort(key=lambda point: self._positions[point.run_id])
        return tuple(window)

    def _newest(self, series: Series, conditions: str, most: int) -> list[Point]:
        """The newest points of runs of the baseline, by their time."""
        line = self._lines.get(series, {}).get(conditions)
        if line is None:
            return []
        numbered, branch = (line, conditions), self._baseline.branch
        return self._index.newest_points(numbered, branch, self._runs, self._times, most)

    def _point(self, figure: Figure) -> Point:
        (identifier, started), place = self._run_point
        return Point(
            *(identifier, started, figure.value, *place, figure.conditions, self._versions),
            *(figure.target, figure.reruns, self._run.base, figure.beside_base),
        )

    def _outcome_of(self, series: Series) -> Outcome | None:
        """Of the check in this run; None where it has no such check."""
        found = (result.outcome for result in self._run.results if result.id == series.identity)
        return next(found, None)
