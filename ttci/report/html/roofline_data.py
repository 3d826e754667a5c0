"""The data of the rooflines in report.html: a board each, and a point for each test whose limit is known.

A roofline (Williams, Waterman and Patterson, CACM 52, 2009) shows how many multiply-adds a
second a board allows for so many multiply-adds a byte of DRAM traffic; all figures are of one chip.
"""

from __future__ import annotations

from typing import Any

from ttci.catalog.boards import ROOFS, Roof
from ttci.catalog.metrics import METRICS
from ttci.manifest.identity import model_and_device
from ttci.report.collect import PairReport, Report
from ttci.results import Limit, Result
from ttci.text.measurement import describe_limit

MOST_POINTS = 1_000  # of one board


def rooflines(report: Report) -> list[dict[str, Any]]:
    """Of each board that a limit is of; a test stands there once, as measured where it was."""
    boards: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    fidelities: dict[str, set[str]] = {}
    for entry in report.pairs:
        for result in entry.results:
            limit = timed_limit(report, entry, result)
            if limit is None or limit.board not in ROOFS:
                continue
            points = boards.setdefault(limit.board, {})
            key = model_and_device(entry.pair)[0], result.test
            if key not in points or points[key]["measured_ms"] is None:
                points[key] = _point(entry, result, limit)
            fidelities.setdefault(limit.board, set()).update(limit.multiply_adds)
    return [_roofline(ROOFS[name], [*points.values()], fidelities[name]) for name, points in boards.items()]


def timed_limit(report: Report, entry: PairReport, result: Result) -> Limit | None:
    """The limit of a result, where its check is the one that measures the latency."""
    if result.check != METRICS["latency_ms"].check:
        return None
    model, device = model_and_device(entry.pair)
    return report.limits.of(model, device, result.test)


def _roofline(roof: Roof, points: list[dict[str, Any]], fidelities: set[str]) -> dict[str, Any]:
    return {
        "board": roof.board,
        "source": roof.source,
        "bytes_per_s": roof.dram_bytes_per_ms * 1e3,
        "peaks": [[name, roof.multiply_adds_per_ms(name) * 1e3] for name in sorted(fidelities)],
        "points": points[:MOST_POINTS],
        "not_shown": max(0, len(points) - MOST_POINTS),
    }


def _point(entry: PairReport, result: Result, limit: Limit) -> dict[str, Any]:
    latencies = [m.value for m in result.measurements if m.name == "latency_ms" and m.value]
    return {
        "pair": entry.pair,
        "test": result.test,
        "said": describe_limit(limit),
        "bytes": limit.dram_bytes,
        "multiply_adds": sum(limit.multiply_adds.values()),
        "limit_ms": limit.latency_ms,
        "measured_ms": next(iter(latencies), None),
    }
