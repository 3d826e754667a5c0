"""What github-action-benchmark reads with its tools customSmallerIsBetter and customBiggerIsBetter.

A list of name, value, unit, and optionally range and extra (its README, "Custom
benchmarks"); all of one file share a direction.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from ttci.export.points import Point


def as_github_action_benchmark(points: Iterable[Point], better: str) -> list[dict[str, Any]]:
    """Those of `points` where this direction is better, `lower` or `higher`."""
    return [_entry(point) for point in points if point.measurement.direction == better]


def _entry(point: Point) -> dict[str, Any]:
    m = point.measurement
    facts = {"fidelity": point.run.fidelity, "statistic": m.statistic, "target": m.target, "limit": m.limit}
    entry: dict[str, Any] = {
        "name": f"{point.result.id} {m.name}",
        "value": point.value,
        "unit": m.unit,
        "extra": "\n".join(f"{name}: {value}" for name, value in facts.items() if value is not None),
    }
    if len(m.samples) > 1:
        entry["range"] = f"± {statistics.stdev(m.samples):.4g}"
    return entry
