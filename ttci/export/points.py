"""Every figure of a report, with what it was measured on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ttci.report.collect import Report
from ttci.results import Measurement, Result, Run


@dataclass(frozen=True)
class Point:
    """One measured figure."""

    run: Run
    result: Result
    measurement: Measurement
    value: float  # of the measurement


def points(report: Report) -> Iterator[Point]:
    """Every measurement that has a value."""
    for entry in report.pairs:
        for result in entry.results:
            for measurement in result.measurements:
                if entry.run and measurement.value is not None:
                    yield Point(entry.run, result, measurement, measurement.value)
