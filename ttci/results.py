"""The words of a result, and run.json: what one pair's run leaves behind."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ttci.errors import ExitCode, MachineryError

SCHEMA = 1
DEFAULT_TOLERANCE = 0.05  # a fraction of the target


class _Word(str, Enum):
    def __str__(self) -> str:
        return str(self.value)


class Fidelity(_Word):
    """How much a device's numbers mean."""

    REFERENCE = "reference"  # torch
    GOLDEN = "golden"  # mock: ttnn's own torch goldens
    BIT_EXACT = "bit-exact"  # simulator
    SILICON = "silicon"


class Outcome(_Word):
    """Of a check."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"  # could not be judged: crash, hang, exception
    UNAVAILABLE = "unavailable"  # the device or an implementation is not here


class Verdict(_Word):
    """Of a measurement against its target."""

    MET = "met"
    MISSED = "missed"
    IMPROVED = "improved"  # better than the target by more than the tolerance
    NO_TARGET = "no-target"
    NO_MEASUREMENT = "no-measurement"
    REPORT_ONLY = "report-only"

    @property
    def fails(self) -> bool:
        """Whether a check with this verdict fails."""
        return self in (Verdict.MISSED, Verdict.NO_MEASUREMENT)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Measurement(_Record):
    """One figure of a check, and how it stands against its target."""

    name: str
    value: float | None
    unit: str
    direction: str = "lower"  # which way is better: "lower" or "higher"
    statistic: str = "value"
    samples: tuple[float, ...] = ()
    target: float | None = None
    tolerance: float = DEFAULT_TOLERANCE
    verdict: Verdict = Verdict.NO_TARGET

    @property
    def limit(self) -> float | None:
        """The last value that still meets the target."""
        if self.target is None:
            return None
        return self.target * (1 + self.tolerance * (1 if self.direction == "lower" else -1))


class Result(_Record):
    """One check of one test."""

    id: str
    test: str
    check: str
    outcome: Outcome
    seconds: float
    message: str = ""
    config: dict[str, Any] = {}
    measurements: tuple[Measurement, ...] = ()


class Run(_Record):
    """run.json: everything one pair's run found."""

    schema_: int = SCHEMA
    pair: str
    model: str
    device: str
    fidelity: Fidelity
    started: datetime
    finished: datetime | None
    environment: dict[str, Any]
    results: tuple[Result, ...]

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"), populate_by_name=True)


def judge(measurement: Measurement, *, binds: bool) -> Measurement:
    """Give `measurement` its verdict; a target that does not bind here is report-only."""
    return measurement.model_copy(update={"verdict": _verdict(measurement, binds)})


def _verdict(measurement: Measurement, binds: bool) -> Verdict:
    value, target, limit = measurement.value, measurement.target, measurement.limit
    if target is None or limit is None:
        return Verdict.NO_TARGET
    if not binds:
        return Verdict.REPORT_ONLY
    if value is None:
        return Verdict.NO_MEASUREMENT
    sign = 1 if measurement.direction == "lower" else -1
    if sign * value > sign * limit:
        return Verdict.MISSED
    better_by = sign * (target - value)
    return Verdict.IMPROVED if better_by > measurement.tolerance * target else Verdict.MET


def exit_code(results: Iterable[Result]) -> ExitCode:
    """What a run with these results ends with."""
    outcomes = [result.outcome for result in results]
    if not outcomes:
        return ExitCode.NOTHING_MATCHED
    if Outcome.FAILED in outcomes or Outcome.ERROR in outcomes:
        return ExitCode.FAILED
    return ExitCode.UNAVAILABLE if Outcome.UNAVAILABLE in outcomes else ExitCode.OK


def write_run(path: Path, run: Run) -> None:
    """Write `run` to `path`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8"
    ) as file:
        file.write(run.model_dump_json(by_alias=True))
    Path(file.name).replace(path)


def read_run(path: Path) -> Run:
    """Read a run.json; raises MachineryError when it is torn or of a newer schema."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise MachineryError(f"{path}: cannot be read: {error}") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise MachineryError(
            f"{path}: written by a newer ttci (schema {schema}, this one reads {SCHEMA}); upgrade ttci"
        )
    try:
        return Run.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MachineryError(f"{path}: not a run.json: {where}: {first['msg']}") from None
