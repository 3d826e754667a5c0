"""A line a figure, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from ttci.export.points import Point

_COLUMNS = (
    *("pair", "model", "device", "fidelity", "test", "check", "outcome"),
    *("name", "value", "unit", "direction", "statistic", "rounds", "target", "limit", "verdict"),
    *("started", "git_commit"),
)
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(points: Iterable[Point]) -> str:
    """The figures of `points` under one header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([_safe(cell) for cell in _cells(point)] for point in points)
    return text.getvalue()


def _cells(point: Point) -> tuple[object, ...]:
    run, result, m = point.run, point.result, point.measurement
    return (
        *(run.pair, run.model, run.device, run.fidelity, result.test, result.check, result.outcome),
        *(m.name, point.value, m.unit, m.direction, m.statistic, len(m.samples) or 1),
        *(m.target, m.limit, m.verdict),
        *(run.started.isoformat(), run.environment.git_commit),
    )


def _safe(cell: object) -> object:
    """A name is never a spreadsheet's formula."""
    if isinstance(cell, str) and str(cell).startswith(_BEGINS_A_FORMULA):
        return f"'{cell}"
    return cell if isinstance(cell, int | float) or cell is None else str(cell)
