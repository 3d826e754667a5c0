"""Runs as history keeps them, and stores that hold some, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ttci.history.record import encode, file_name, recorded
from ttci.history.stores.folder import FolderStore
from ttci.results import Config, Environment, Fidelity, Measurement, Outcome, Result, Run

PAIR = "llama3@cpu"
FIRST = datetime(2026, 3, 1, tzinfo=timezone.utc)
ENVIRONMENT = Environment(host="rack7", cpu="EPYC 7763", cores=4, torch="2.13.0", git_branch="main")


def identity(test: str = "attention", pair: str = PAIR) -> str:
    """Of a test's performance check."""
    return f"{pair}/{test}[performance]"


def timed(
    value: float | None = 5.0,
    test: str = "attention",
    pair: str = PAIR,
    outcome: Outcome = Outcome.PASSED,
    config: Mapping[str, Any] | None = None,
    **stated: Any,
) -> Result:
    """A performance check that measured a latency; none where the value is None."""
    latency = [Measurement(name="latency_ms", value=value, unit="ms", **stated)] if value is not None else []
    return Result(
        id=identity(test, pair),
        test=test,
        check="performance",
        outcome=outcome,
        seconds=1.0,
        config=Config(input_shape=[1, 128, 4096], dtype="bfloat16") | (config or {}),
        measurements=tuple(latency),
    )


def run_at(
    hour: float,
    *results: Result,
    pair: str = PAIR,
    fidelity: Fidelity = Fidelity.REFERENCE,
    is_finished: bool = True,
    **environment: Any,
) -> Run:
    """The run that started so many hours after the first; of a latency of 5 ms where no result is given."""
    model, _, device = pair.partition("@")
    started = FIRST + timedelta(hours=hour)
    return recorded(
        Run(
            pair=pair,
            model=model,
            device=device,
            fidelity=fidelity,
            started=started,
            finished=started + timedelta(minutes=5) if is_finished else None,
            environment=ENVIRONMENT | environment,
            results=results or (timed(pair=pair),),
        )
    )


def put(folder: Path, runs: Iterable[Run]) -> FolderStore:
    """A store with these runs beside what it holds."""
    store = FolderStore(folder)
    store.change({file_name(run): encode(run) for run in runs}, {}, "")
    return store
