"""What one pair's run leaves behind: its checks, and what each of them measured."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ttci.errors import encodable
from ttci.results.error_map import ErrorMap
from ttci.results.facts import Config, Environment
from ttci.results.limit import Limit
from ttci.results.vocabulary import Fidelity, Outcome, State, Verdict

SCHEMA = 1
_STATES_IN_WORDS = {
    "not judged: the run ended before this check began": State.WAITING,
    "not judged: the run ended while this check was running": State.RUNNING,
}
DEFAULT_TARGET_TOLERANCE = 0.05  # a fraction of the target


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


LARGEST_RATIO = 1e12  # or its inverse: no figure changes by more
_Factor = Annotated[float, Field(gt=1 / LARGEST_RATIO, lt=LARGEST_RATIO)]


class BaseRatio(_Record):
    """A figure of a run over that of the run's base, both measured in turns on one machine.

    Attributes:
        ratio: of the run's to the base's.
        low, high: between which ratios it lies.
        pairs: of processes it comes from.
        noise: the standard deviation of a pair of processes, as a fraction.
    """

    ratio: _Factor
    low: _Factor
    high: _Factor
    pairs: int = 1
    noise: float | None = None


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
    beside_base: BaseRatio | None = None  # as history keeps it, where the run was measured beside its base

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
    config: Config = Config()
    measurements: tuple[Measurement, ...] = ()
    state: State = State.JUDGED
    limit: Limit | None = None  # of its test on the board; of a check that is timed, or would be
    error_map: ErrorMap | None = None  # of the most wrong output, where correctness has failed

    @property
    def is_unfinished(self) -> bool:
        """Whether the run ended before this check did."""
        return self.state in (State.WAITING, State.RUNNING) or self._state_in_words is not None

    @property
    def is_running(self) -> bool:
        """Whether the run ended in the middle of this check."""
        return State.RUNNING in (self.state, self._state_in_words)

    @property
    def is_lost(self) -> bool:
        """Whether the process ended before the check did: a crash, a hang."""
        return self.state is State.LOST or self.config.process_lost is True

    @property
    def _state_in_words(self) -> State | None:
        """As files without the field have it: they are read for good, and keep every byte."""
        return _STATES_IN_WORDS.get(self.message) if self.outcome is Outcome.ERROR else None

    def lost(self, message: str) -> Result:
        """This check as one that took its process along."""
        update = {
            "outcome": Outcome.ERROR,
            "message": encodable(message),
            "state": State.LOST,
        }
        return self.model_copy(update=update)

    def without_operations(self, why: str) -> Result:
        """This check, judged, as one of which there is no table of operations."""
        said = f"no table of operations: {why}"
        update = {"message": encodable("\n".join(filter(None, [self.message, said]))), "state": State.JUDGED}
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
    environment: Environment
    base: str | None = None  # the commit that `ttci compare` measured beside the run's, as history keeps it
    results: tuple[Result, ...]

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"), populate_by_name=True)
