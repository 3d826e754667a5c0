"""The words of a result, and run.json: what one pair's run leaves behind."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ttci.errors import ExitCode, MachineryError, encodable
from ttci.files import write_whole

SCHEMA = 1
DEFAULT_TARGET_TOLERANCE = 0.05  # a fraction of the target
_LOST = "process_lost"  # in a result's config
_ROUNDING = 1e-9  # of a limit: 5.355 meets a target of 5.1 at 5 %, though 5.1 * 1.05 < 5.355 in binary


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


class Drift(_Word):
    """Of a measurement against history."""

    SAME = "same"
    SLOWER = "slower"  # worse, whatever is measured
    FASTER = "faster"
    NEW = "new"  # history holds nothing of it
    GONE = "gone"  # history holds it, and the run does not
    INCOMPARABLE = "incomparable"  # measured under other circumstances: machine, shape, version
    TOO_FEW = "too-few"  # earlier runs to say anything


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Measurement(_Record):
    """One figure of a check, and how it stands against its target."""

    name: str
    value: float | None
    unit: str
    direction: Literal["lower", "higher"] = "lower"  # which way is better
    statistic: str = "value"
    samples: tuple[float, ...] = ()
    target: float | None = None
    tolerance: float = DEFAULT_TARGET_TOLERANCE
    verdict: Verdict = Verdict.NO_TARGET
    capacity: float | None = None  # of what is measured: how much of it the device has
    reruns: tuple[float, ...] = ()  # values of further runs, made to confirm this one
    quantiles: tuple[float, ...] = ()  # of the samples, evenly spaced, where history keeps no more of them
    steady: bool | None = None  # whether more rounds would hardly move it; None where nobody can say
    seconds: float | None = None  # that its rounds took together

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

    @property
    def is_lost(self) -> bool:
        """Whether the process ended before the check did: a crash, a hang."""
        return self.config.get(_LOST) is True

    def lost(self, message: str) -> Result:
        """This check as one that took its process along."""
        update = {
            "outcome": Outcome.ERROR,
            "message": encodable(message),
            "config": self.config | {_LOST: True},
        }
        return self.model_copy(update=update)


class Run(_Record):
    """run.json: everything one pair's run found."""

    schema_: Literal[1] = 1
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
    if value is None or math.isnan(value):
        return Verdict.NO_MEASUREMENT
    sign = 1 if measurement.direction == "lower" else -1
    slack = _ROUNDING * abs(limit)
    if sign * (value - limit) > slack:
        return Verdict.MISSED
    better_by = sign * (target - value)
    return Verdict.IMPROVED if better_by > measurement.tolerance * target + slack else Verdict.MET


def exit_code(results: Iterable[Result]) -> ExitCode:
    """What a run with these results ends with; a check that took its process along is the machinery's.

    A check that its device cannot do is `unavailable`: counted and shown, and no
    failure while another check of its test could be judged. A test of which none
    could be (no implementation is here, say) never looks well.
    """
    outcomes_by_test: dict[str, set[Outcome]] = {}
    is_any_lost = False
    for result in results:
        is_any_lost |= result.is_lost
        outcomes_by_test.setdefault(result.test, set()).add(result.outcome)
    if not outcomes_by_test:
        return ExitCode.NOTHING_MATCHED
    if is_any_lost:
        return ExitCode.MACHINERY
    if any(outcomes & {Outcome.FAILED, Outcome.ERROR} for outcomes in outcomes_by_test.values()):
        return ExitCode.FAILED
    if {Outcome.UNAVAILABLE} in outcomes_by_test.values():
        return ExitCode.UNAVAILABLE
    return ExitCode.OK


class Journal:
    """What a run found since its run.json was last written: a result a line, the newest counts.

    Appending costs a hundredth of writing the file anew.
    """

    def __init__(self, run_path: Path) -> None:
        run_path.parent.mkdir(parents=True, exist_ok=True)
        self._path = self.path_for(run_path)
        self.remove()

    @staticmethod
    def path_for(run_path: Path) -> Path:
        """Where the journal of a run.json lies."""
        return run_path.with_name(f".{run_path.name}.journal")

    def append(self, encoded_result: str) -> None:
        """Add one result, as JSON."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{encoded_result}\n")

    def remove(self) -> None:
        """Remove the journal: its run.json holds everything, or is of another run."""
        self._path.unlink(missing_ok=True)


def _with_journal(path: Path, run: Run) -> Run:
    try:
        lines = Journal.path_for(path).read_text(encoding="utf-8").splitlines(keepends=True)
    except OSError:
        return run
    whole = [line for line in lines if line.endswith("\n")]  # the last one may be torn
    newest = {result.id: result for result in map(Result.model_validate_json, whole)}
    results = tuple(newest.get(result.id, result) for result in run.results)
    return run.model_copy(update={"results": results})


def write_run(path: Path, run: Run, encoded_results: Iterable[str] | None = None) -> None:
    """Write `run` to `path`, whole or not at all.

    encoded_results: its results as JSON, by one who has encoded most of them before.
    """
    if encoded_results is None:
        encoded_results = (result.model_dump_json() for result in run.results)
    head = run.model_copy(update={"results": ()}).model_dump_json(by_alias=True)
    text = f"{head.removesuffix('[]}')}[{','.join(encoded_results)}]}}"  # results are the last field
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, [text])


def read_run(path: Path) -> Run:
    """Read a run.json; raises MachineryError when it is torn or of a newer schema."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MachineryError(f"{path}: cannot be read: {error.strerror}") from None
    run = parse_run(content, str(path))
    return run if run.finished else _with_journal(path, run)


def parse_run(content: bytes, name: str) -> Run:
    """What a run.json holds; raises MachineryError about `name` when it is torn or of a newer schema."""
    try:
        run = Run.model_validate_json(content)
        if "schema_" in run.model_fields_set:
            return run
    except ValidationError:
        pass
    return _parse_slowly(content, name)


def encodable_in(value: Any) -> Any:
    """What JSON can say, with every text in it `encodable`."""
    match value:
        case str():
            return encodable(value)
        case dict():
            return {encodable_in(key): encodable_in(entry) for key, entry in value.items()}
        case list() | tuple():
            return [*map(encodable_in, value)]
    return value


def _parse_slowly(content: bytes, name: str) -> Run:
    """In two steps, which say better what is wrong."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MachineryError(f"{name}: cannot be read: {error}") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if not isinstance(schema, int):
        raise MachineryError(f'{name}: not a run.json: it has no "schema"')
    if schema > SCHEMA:
        raise MachineryError(
            f"{name}: written by a newer ttci (schema {schema}, this one reads {SCHEMA}); upgrade ttci"
        )
    try:
        return Run.model_validate(encodable_in(data))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MachineryError(f"{name}: not a run.json: {where}: {first['msg']}") from None
