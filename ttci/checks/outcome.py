"""What a check finds: problems (none is a pass) and measurements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ttci.catalog.metrics import METRICS
from ttci.results import ErrorMap, Measurement


class NotJudgedError(Exception):
    """Nothing can be judged; str() says why."""


@dataclass(frozen=True)
class Explanation:
    """Why an output is wrong.

    Attributes:
        brief: how far it is off and why, on one line.
        sentences: the same with its evidence.
    """

    brief: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """The problems of a check, each a sentence with its cause, and what it measured."""

    problems: tuple[str, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    note: str = ""  # what a reader of a pass should know
    unjudged: str = ""  # why nothing could be judged: neither passed nor failed
    error_map: ErrorMap | None = None  # of a wrong output; the report draws it


def measured(metric: str, value: float | None, **facts: Any) -> Measurement:
    """A figure of a metric, in its unit; `facts` are the other fields of a measurement."""
    row = METRICS[metric]
    return Measurement(name=metric, value=value, unit=row.unit, direction=row.direction, **facts)
