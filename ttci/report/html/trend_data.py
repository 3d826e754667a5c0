"""The data of trend pages: a history's view as one JSON document, small enough for thousands of series.

What is said of a run stands once in a table of runs, and since most series of a pair
were measured by the same runs, each list of runs stands once too: a point of a series
is its value alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter

from ttci.drift.judgement import HistoryView, SeriesDrift
from ttci.history.series import Point
from ttci.manifest.identity import check_of
from ttci.report.drift_reasons import reason_text
from ttci.report.drift_text import counts_of
from ttci.report.html.columns import Texts, columns_of, json_of, number
from ttci.report.ranking import badness, worst_first
from ttci.results import Drift

MOST_SERIES = 20_000
MOST_POINTS = 200  # of a series: its newest
_as_value: Callable[[float], str] = "{:.7g}".format

_RunKey = tuple[str, str]  # its id, and the versions that one series was measured with


@dataclass(frozen=True)
class _Row:
    """A series with the points of it that are shown, oldest first, the current one last."""

    entry: SeriesDrift
    points: tuple[Point, ...]

    @property
    def cut(self) -> int:
        """How many older points are not shown."""
        return len(self.entry.window) + (self.entry.current is not None) - len(self.points)

    @property
    def steps(self) -> list[int]:
        """Positions among the points at which another level begins."""
        return [step - self.cut for step in self.entry.judgement.change_points if step > self.cut]

    @property
    def targets(self) -> list[float | int | None]:
        """Pairs of a position and the target that holds from there on."""
        positions = groupby(enumerate(point.target for point in self.points), key=itemgetter(1))
        return list(chain.from_iterable((next(group)[0], target) for target, group in positions))


class _Runs:
    """The runs of every series once, and each list of them once."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.windows: dict[tuple[int, ...], int] = {}
        self._positions: dict[_RunKey, int] = {}

    def window(self, points: Iterable[Point]) -> int:
        """The position of the list of these points' runs."""
        return self.windows.setdefault(tuple(map(self._position, points)), len(self.windows))

    def _position(self, point: Point) -> int:
        key = (point.run_id, point.versions)
        if key not in self._positions:
            self._positions[key] = len(self.points)
            self.points.append(point)
        return self._positions[key]


def trend_data(view: HistoryView) -> Iterator[str]:
    """The parts of the JSON document, worst series first."""
    ordered = worst_first(view.series)
    rows = [_row(entry) for entry in ordered[:MOST_SERIES]]
    texts, runs = Texts(), _Runs()
    windows = [runs.window(row.points) for row in rows]
    yield '{"source":' + json_of(view.source) + ',"notes":' + json_of(list(view.notes))
    yield ',"counts":' + json_of(counts_of(view.series))
    yield ',"drifts":' + json_of(list(map(str, Drift)))
    yield ',"not_shown":' + json_of(len(ordered) - len(rows))
    yield ',"cut":' + json_of(sum(row.cut > 0 for row in rows))
    yield ',"most_points":' + json_of(MOST_POINTS)
    yield from columns_of("series", _series_columns(rows, windows, texts))
    yield ',"values":[' + ",".join(map(_values, rows)) + "]"
    yield ',"windows":' + json_of(list(runs.windows))
    yield from columns_of("runs", _run_columns(runs.points, texts))
    yield ',"texts":' + json_of(list(texts)) + "}"


def _row(entry: SeriesDrift) -> _Row:
    points = entry.window if entry.current is None else (*entry.window, entry.current)
    return _Row(entry, points[-MOST_POINTS:])


def _values(row: _Row) -> str:
    return "[" + ",".join(_as_value(point.value) for point in row.points) + "]"


def _series_columns(
    rows: Sequence[_Row], windows: Iterable[int], texts: Texts
) -> Iterator[tuple[str, Iterable[str]]]:
    drifts = {drift: str(position) for position, drift in enumerate(Drift)}
    series = [row.entry.series for row in rows]
    judged = [row.entry.judgement for row in rows]
    yield "pair", (str(texts.position(entry.pair)) for entry in series)
    yield "check", (str(texts.position(check_of(entry.identity))) for entry in series)
    yield "metric", (str(texts.position(entry.metric)) for entry in series)
    yield "unit", (str(texts.position(entry.unit)) for entry in series)
    yield "higher", (str(int(entry.direction == "higher")) for entry in series)
    yield "drift", (drifts[judgement.drift] for judgement in judged)
    yield "suspected", (str(int(judgement.is_suspected)) for judgement in judged)
    yield "badness", (str(int(badness(row.entry))) for row in rows)
    yield "change", (number(judgement.change) for judgement in judged)
    yield "level", (number(judgement.level) for judgement in judged)
    yield "noise", (number(judgement.noise) for judgement in judged)
    yield "reason", (str(texts.position(reason_text(judgement.reason))) for judgement in judged)
    yield "baseline", (str(texts.position(row.entry.baseline)) for row in rows)
    yield "has_current", (str(int(row.entry.current is not None)) for row in rows)
    yield "window", map(str, windows)
    yield "steps", (json_of(row.steps) for row in rows)
    yield "targets", (json_of(row.targets) for row in rows)


def _run_columns(runs: Sequence[Point], texts: Texts) -> Iterator[tuple[str, Iterable[str]]]:
    yield "id", (str(texts.position(run.run_id)) for run in runs)
    yield "started", (str(int(run.started.timestamp())) for run in runs)  # seconds since 1970, UTC
    yield "host", (str(texts.position(run.host)) for run in runs)
    yield "commit", (str(texts.position(run.commit or "")) for run in runs)
    yield "branch", (str(texts.position(run.branch or "")) for run in runs)
    yield "versions", (str(texts.position(run.versions)) for run in runs)
