"""The JSON of Bencher, by https://bencher.dev/docs/reference/bencher-metric-format (its "BMF").

A benchmark's measures, each a value with optional bounds. Bencher's own measure
`latency` is in nanoseconds; the other measures are made at first sight, by a name that
carries the unit. Which way is better stands in the thresholds that one sets there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ttci.artifacts.benchmark_json import in_range, stats_of
from ttci.catalog.units import is_time, time_factor
from ttci.export.points import Point
from ttci.results import Measurement

_LATENCY = "latency"
_LONGEST_MEASURE = 64  # characters, as Bencher takes them


def as_bencher(points: Iterable[Point]) -> dict[str, Any]:
    """The measures of each check, by its identity; the bounds are the quartiles of the rounds."""
    benchmarks: dict[str, dict[str, Any]] = defaultdict(dict)
    for point in points:
        measure, factor = _measure(point.measurement)
        benchmarks[point.result.id][measure] = _metric(point, factor)
    return dict(benchmarks)


def _measure(measurement: Measurement) -> tuple[str, float]:
    """The measure's name, and what a figure is multiplied by to be in its unit."""
    if measurement.name.startswith(_LATENCY) and is_time(measurement.unit):
        return _LATENCY, time_factor(measurement.unit, "ns")
    return measurement.name.replace("_", "-")[:_LONGEST_MEASURE], 1.0


def _metric(point: Point, factor: float) -> dict[str, float]:
    metric = {"value": factor * point.value}
    if len(point.measurement.samples) > 1:
        stats = stats_of(point.measurement.samples)
        metric |= {"lower_value": factor * stats["q1"], "upper_value": factor * stats["q3"]}
    return {name: in_range(figure) for name, figure in metric.items()}
