"""Histories and views of them, made by hand, for tests of what shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.pair_folders import STARTED, latency, result_of, run_of
from ttci.drift.judgement import HistoryView, Judgement, SeriesDrift
from ttci.drift.reasons import BeyondNoise
from ttci.history.record import encode, file_name, recorded
from ttci.history.series import Point, Series
from ttci.history.stores.folder import FolderStore
from ttci.results import Drift, Run

PAIR = "llama3@n150"


def point(number: int, value: float, **stated: Any) -> Point:
    """What run `number` measured, a day after the one before."""
    told: dict[str, Any] = {
        "run_id": f"{number:016x}",
        "started": STARTED + timedelta(days=number - 1000),
        "host": "rack7",
        "commit": f"{0xABC0000 + number:x}0123456789",
        "branch": "main",
        "conditions": "n150; bfloat16",
        "versions": "ttnn 0.81.1",
        "target": None,
    }
    return Point(value=value, **(told | stated))


def drifted(
    drift: Drift,
    values: Sequence[float] = (5.0, 5.1, 4.9, 5.0),
    current: float | None = 5.0,
    *,
    identity: str = f"{PAIR}/attention[performance]",
    metric: str = "latency_ms",
    unit: str = "ms",
    direction: Any = "lower",
    points: Sequence[Point] | None = None,
    **judged: Any,
) -> SeriesDrift:
    """A series whose window has these values, and what is said of it."""
    window = tuple(points or (point(number, value) for number, value in enumerate(values)))
    level = judged.pop("level", sorted(values)[len(values) // 2] if values else None)
    change = current / level - 1 if level and current is not None else None
    judgement = Judgement(
        drift, **({"reason": BeyondNoise(change or 0.0, 3, 9.0), "level": level, "change": change} | judged)
    )
    last = None if current is None else point(len(window), current)
    return SeriesDrift(
        Series(identity, metric, unit, direction), judgement, window, last, f"{len(window)} runs of main"
    )


def kept(history: Path, *runs: Run) -> None:
    """Put runs into a history in a folder."""
    records = [recorded(run) for run in runs]
    FolderStore(history).change({file_name(run): encode(run) for run in records}, {}, "kept")


def run_before(
    days: int, value: float | None, *, pair: str = PAIR, test: str = "attention", **environment: Any
) -> Run:
    """A run so many days before the others, of one figure in milliseconds, or of none."""
    figures = [] if value is None else [latency(value, target=None)]
    run = run_of(pair, result_of(pair, test, "performance", measurements=figures))
    started, ended = (STARTED + timedelta(days=-days, minutes=minutes) for minutes in (0, 2))
    where = {"started": started, "finished": ended, "environment": run.environment | environment}
    return run.model_copy(update=where)


def view_of(*series: SeriesDrift, notes: Sequence[str] = ()) -> HistoryView:
    """A history of these."""
    return HistoryView("folder:history", series, tuple(notes))
