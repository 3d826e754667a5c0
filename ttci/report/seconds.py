"""How long the pairs of earlier runs took."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from ttci.errors import InputError, quoted
from ttci.report.collect import collect


def read_seconds(path: Path) -> dict[str, float]:
    """By pair, how long its run took: from a report.json, or from a folder of pairs.

    A run that never finished says nothing.

    Raises:
        InputError: there is nothing at `path`, or it is no report.
    """
    if path.is_dir():
        runs = [entry.run for entry in collect([path]).pairs]
        return {run.pair: _seconds(run.started, run.finished) for run in runs if run and run.finished}
    try:
        report = _Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a report.json or a folder of reports") from None
    except ValidationError as error:
        raise InputError(f"{path}: not a report.json: {quoted(error.errors()[0]['msg'])}") from None
    ran = ((entry.pair, entry.run) for entry in report.pairs)
    return {pair: _seconds(run.started, run.finished) for pair, run in ran if run and run.finished}


def _seconds(started: datetime, finished: datetime) -> float:
    return (finished - started).total_seconds()


class _Run(BaseModel):
    started: datetime
    finished: datetime | None


class _Pair(BaseModel):
    pair: str
    run: _Run | None


class _Report(BaseModel):
    """What of a report.json is of interest here."""

    pairs: tuple[_Pair, ...]
