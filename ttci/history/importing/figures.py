"""Figures of another tool as results of a run."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ttci.catalog.metrics import Direction
from ttci.manifest import Identity, Pair
from ttci.results import Environment, Fidelity, Measurement, Outcome, Result, Run


@dataclass(frozen=True)
class Figure:
    """One figure, in ttci's words."""

    identity: Identity
    metric: str
    unit: str
    direction: Direction
    value: float
    statistic: str = "value"
    samples: tuple[float, ...] = ()
    fidelity: Fidelity = Fidelity.REFERENCE


def runs_of(figures: Iterable[Figure], started: datetime, environment: Environment) -> list[Run]:
    """A run for each pair and fidelity of which there are figures."""
    of_run: dict[tuple[Pair, Fidelity], list[Figure]] = {}
    for figure in figures:
        of_run.setdefault((figure.identity.pair, figure.fidelity), []).append(figure)
    return [
        Run(
            pair=str(pair),
            model=pair.model,
            device=pair.device,
            fidelity=fidelity,
            started=started,
            finished=started,
            environment=environment,
            results=tuple(_results(found)),
        )
        for (pair, fidelity), found in of_run.items()
    ]


def _results(figures: Iterable[Figure]) -> list[Result]:
    of_check: dict[Identity, dict[tuple[str, str, Direction], list[Figure]]] = {}
    for figure in figures:
        metrics = of_check.setdefault(figure.identity, {})
        metrics.setdefault((figure.metric, figure.unit, figure.direction), []).append(figure)
    return [
        Result(
            id=str(identity),
            test=identity.test,
            check=identity.check,
            outcome=Outcome.PASSED,
            seconds=0.0,
            measurements=tuple(map(_measurement, metrics.values())),
        )
        for identity, metrics in of_check.items()
    ]


def _measurement(figures: Sequence[Figure]) -> Measurement:
    """Of what a run has measured more than once, as a tool's repetitions: the median."""
    first, *others = figures
    values = tuple(figure.value for figure in figures)
    return Measurement(
        name=first.metric,
        value=_median(values) if others else first.value,
        unit=first.unit,
        direction=first.direction,
        statistic="median" if others else first.statistic,
        samples=values if others else first.samples,
    )


def _median(values: Sequence[float]) -> float:
    """The median, also of figures whose sum is more than a number can be."""
    found = statistics.median(values)
    return found if math.isfinite(found) else 2 * statistics.median(value / 2 for value in values)


def number(value: Any) -> float | None:
    """A finite number, or one that is written as a text; None where `value` is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
