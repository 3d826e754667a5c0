"""What ``ttci history log``, ``show`` and ``explain`` print, as text and for a machine."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ttci.drift.judgement import SeriesDrift
from ttci.drift.reasons import Chain
from ttci.history.comparability import difference
from ttci.history.index.stored_run import StoredRun
from ttci.history.series import SHORT_COMMIT, Point, Series
from ttci.report.drift_reasons import chain_text, reason_text, statistics_texts
from ttci.text.one_line import one_line
from ttci.text.table import align
from ttci.text.terminal import terminal_width

_MOST_CELL = 200  # characters; what stands in one comes from files


def log_text(runs: Sequence[StoredRun]) -> str:
    """A row a run."""
    head = ("id", "started (UTC)", "pair", "commit", "branch", "host", "figures")
    return _table([head, *((*_run_cells(run)[:2], run.pair, *_run_cells(run)[2:]) for run in runs)])


def run_text(run: StoredRun, figures: Sequence[tuple[Series, Point]]) -> str:
    """A run and all that it measured."""
    identifier, started, commit, branch, host, count = _run_cells(run)
    lines = [
        f"run {identifier} of {run.pair}, {started} UTC, {count} figures",
        f"commit {commit or 'unknown'}, branch {branch or 'unknown'}, host {host or 'unknown'}",
        run.versions,
    ]
    rows = [(str(series.identity), series.metric, *_value_cells(series, point)) for series, point in figures]
    table = _table([("check", "metric", "value", "target"), *rows])
    return "\n".join([*map(one_line, filter(None, lines)), "", table])


def checks_text(
    points: Mapping[Series, Sequence[Point]], most: int, steps: Mapping[Series, Collection[str]]
) -> str:
    """The newest points of each series of a check, newest last.

    Args:
        points: of each series, oldest first.
        most: how many of a series are shown.
        steps: ids of the runs at which another level begins, by series.
    """
    return "\n\n".join(
        _series_text(series, found, most, steps.get(series, ())) for series, found in points.items()
    )


def _series_text(series: Series, points: Sequence[Point], most: int, step_ids: Collection[str]) -> str:
    cut = f", the newest {most}" if len(points) > most else ""
    shown = points[-most:]
    steps = [position for position, point in enumerate(shown) if point.run_id in step_ids]
    return "\n".join([one_line(f"{series} ({_kind(series)}){cut}"), _points_table(series, shown, steps)])


def explanation(entry: SeriesDrift) -> str:
    """Why a figure is called what it is called."""
    judgement = entry.judgement
    look = ", and looks changed" if judgement.is_suspected else ""
    said = [one_line(f"{entry.series}: {judgement.drift}{look}")]
    said += [f"  {one_line(text)}" for text in (reason_text(judgement.reason), entry.baseline) if text]
    # The judge knows better than the series.
    facts = list({**dict(_facts(entry)), **dict(statistics_texts(judgement.statistics))}.items())
    said += [f"  {line}" for line in _table(facts).splitlines()] if facts else []
    if entry.window:
        said += ["", _points_table(entry.series, entry.window, judgement.change_points)]
    return "\n".join(said)


def _facts(entry: SeriesDrift) -> Iterator[tuple[str, str]]:
    judgement, unit = entry.judgement, entry.series.unit
    if entry.current:
        yield "run", _run_of(entry.current)
        yield "value", _figure(entry.current.value, unit)
        if entry.current.reruns:
            yield "reruns", ", ".join(_figure(value, unit) for value in entry.current.reruns)
        yield "conditions", entry.current.conditions
        yield from _beside(entry.current, judgement.chain)
    if judgement.level is not None:
        yield "level", f"{_figure(judgement.level, unit)} of the runs before"
    if judgement.change is not None:
        yield "change", f"{judgement.change:+.1%} ({_kind(entry.series)})"
    if judgement.noise is not None:
        yield "noise of a run", f"{judgement.noise:.2%} of the level, one standard deviation"
    if entry.window:
        hosts = Counter(point.host or "unknown" for point in entry.window)
        yield "runs before", str(len(entry.window))
        yield "runs by host", ", ".join(f"{host} {count}" for host, count in hosts.most_common())
    steps = [entry.window[position] for position in judgement.change_points if position < len(entry.window)]
    if steps:
        yield "change points", "; ".join(_run_of(point) for point in steps)


def _beside(current: Point, chain: Chain | None) -> Iterator[tuple[str, str]]:
    """What the run was beside its base, and the comparisons before it that this adds up with."""
    known = current.beside_base
    if known and current.base:
        yield "beside its base", chain_text(Chain(1, current.base, known.ratio, known.low, known.high))
    if chain and (chain.links > 1 or not known):
        yield "chain of comparisons", chain_text(chain)


def checks_json(points: Mapping[Series, Sequence[Point]]) -> str:
    """The points of each series of a check, newest last, for a machine."""
    found = [series_json(series) | {"points": list(map(point_json, of))} for series, of in points.items()]
    return json.dumps({"series": found}, indent=2)


def figures_json(run: StoredRun, figures: Sequence[tuple[Series, Point]]) -> str:
    """A run and all that it measured, for a machine."""
    measured = [series_json(series) | point_json(point) for series, point in figures]
    return json.dumps({"run": run_json(run), "figures": measured}, indent=2)


def run_json(run: StoredRun) -> dict[str, Any]:
    """A run, for a machine."""
    return {
        "id": run.run_id,
        "pair": run.pair,
        "started": run.started.isoformat(),
        "commit": run.commit,
        "branch": run.branch,
        "host": run.host or None,
        "versions": run.versions,
        "figures": run.figures,
        "file": run.file,
    }


def series_json(series: Series) -> dict[str, Any]:
    """A series without its points, for a machine."""
    named = {"id": series.identity, "metric": series.metric, "unit": series.unit}
    return named | {"direction": series.direction}


def point_json(point: Point) -> dict[str, Any]:
    """A point, for a machine."""
    return {
        "run": point.run_id,
        "started": point.started.isoformat(),
        "commit": point.commit,
        "branch": point.branch,
        "host": point.host or None,
        "value": point.value,
        "target": point.target,
        "reruns": list(point.reruns),
        "base": point.base,
        "beside_base": point.beside_base.model_dump() if point.beside_base else None,
        "conditions": point.conditions,
        "versions": point.versions,
    }


def _points_table(series: Series, points: Sequence[Point], steps: Sequence[int] = ()) -> str:
    head = ("run", "started (UTC)", "commit", "branch", "host", "value", "target", "changed")
    rows = [
        (
            *(point.run_id, _minute(point.started), _commit(point.commit), point.branch or "", point.host),
            *_value_cells(series, point),
            _changed(points[position - 1] if position else None, point, is_step=position in steps),
        )
        for position, point in enumerate(points)
    ]
    return _table([head, *rows])


def _changed(before: Point | None, now: Point, *, is_step: bool) -> str:
    """What differs from the point before, and whether another level begins here."""
    said = ["another level begins"] if is_step else []
    if before:
        said += [
            difference(before.conditions, now.conditions),
            difference(before.versions, now.versions),
        ]
    return ", ".join(dict.fromkeys(filter(None, said)))


def _value_cells(series: Series, point: Point) -> tuple[str, str]:
    target = "" if point.target is None else _figure(point.target, series.unit)
    return _figure(point.value, series.unit), target


def _run_cells(run: StoredRun) -> tuple[str, str, str, str, str, str]:
    commit, branch = _commit(run.commit), run.branch or ""
    return run.run_id, _minute(run.started), commit, branch, run.host, str(run.figures)


def _run_of(point: Point) -> str:
    commit = f", commit {_commit(point.commit)}" if point.commit else ""
    host = f", host {point.host}" if point.host else ""
    return f"{point.run_id} of {_minute(point.started)} UTC{commit}{host}"


def _kind(series: Series) -> str:
    better = f"{series.direction} is better"
    return f"{series.unit}, {better}" if series.unit not in ("", "1") else better


def _figure(value: float, unit: str) -> str:
    return f"{value:.6g}" if unit in ("", "1") else f"{value:.6g} {unit}"


def _commit(commit: str | None) -> str:
    return (commit or "")[:SHORT_COMMIT]


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    return align([[one_line(cell, _MOST_CELL) for cell in row] for row in rows], terminal_width())
