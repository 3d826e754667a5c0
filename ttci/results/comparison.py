"""What a comparison of two commits found: figures of both sides, what has none; comparison.json."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ttci.errors import MachineryError
from ttci.results.models import LARGEST_RATIO, BaseRatio
from ttci.results.vocabulary import Comparison

SCHEMA = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Commit(_Record):
    """One side: its commit, how it was named, and whether files differ from it."""

    commit: str
    name: str
    is_dirty: bool = False

    @property
    def short(self) -> str:
        """As it was named; of a whole commit, its first ten digits."""
        return self.commit[:10] if self.commit.startswith(self.name) else self.name


class Figure(_Record):
    """One figure of both sides.

    Attributes:
        id: of the check.
        name: of the metric.
        direction: which way is better.
        ratio: head / base; None where the base's is 0.
        low, high: between which ratios it lies; None where there is too little to tell.
        pairs: of processes it comes from.
        noise: the standard deviation of a pair of processes, as a fraction; 0 where there is none.
        declared_at: ``file:line`` of the head's declaration.
    """

    id: str
    name: str
    unit: str
    direction: Literal["lower", "higher"]
    base: float
    head: float
    ratio: float | None
    low: float | None
    high: float | None
    comparison: Comparison
    pairs: int = 1
    noise: float | None = None
    declared_at: str | None = None

    @property
    def is_exact(self) -> bool:
        """Whether it is counted, and the same each time: peaks of memory, limits."""
        return self.noise == 0

    def beside_base(self) -> BaseRatio | None:
        """The ratio as a run keeps it; None where there is too little to tell, or it is no factor."""
        ratio, low, high = self.ratio, self.low, self.high
        if ratio is None or low is None or high is None:
            return None
        if min(ratio, low, high) <= 1 / LARGEST_RATIO or max(ratio, low, high) >= LARGEST_RATIO:
            return None
        return BaseRatio(ratio=ratio, low=low, high=high, pairs=self.pairs, noise=self.noise)


class NotCompared(_Record):
    """A test, a check or a pair that one side does not have, or cannot run.

    Attributes:
        id: of it.
        side: whose fault it is; ``both`` where it is both's.
        reason: in words.
        is_failure: whether it ran into something wrong there, and is not only absent.
    """

    id: str
    side: Literal["base", "head", "both"]
    reason: str
    is_failure: bool


class ComparisonRun(_Record):
    """comparison.json: everything that a comparison found."""

    schema_: Literal[1] = 1
    base: Commit
    head: Commit
    started: datetime | None = None  # older files do not say
    same: float  # a change of this fraction does not matter
    most_false_calls: float  # in how many of unchanged figures
    seconds: float
    pairs_of_processes: int
    is_interrupted: bool = False
    figures: tuple[Figure, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()
    notes: tuple[str, ...] = ()

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"), populate_by_name=True)

    def of(self, word: Comparison) -> list[Figure]:
        """The figures of which this is said."""
        return [figure for figure in self.figures if figure.comparison is word]

    @property
    def is_worse(self) -> bool:
        """Whether the head has a figure that is slower, or fails where the base does not."""
        broken = any(entry.is_failure and entry.side == "head" for entry in self.not_compared)
        return broken or bool(self.of(Comparison.SLOWER))


def parse_comparison(content: bytes, name: str) -> ComparisonRun:
    """What a comparison.json holds.

    Raises:
        MachineryError: about `name` when it is torn or of a newer schema.
    """
    try:
        return ComparisonRun.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
    if where == "schema" and isinstance(first["input"], int):
        what = f"written by a newer ttci (schema {first['input']}, this one reads {SCHEMA}); upgrade ttci"
        raise MachineryError(f"{name}: {what}")
    raise MachineryError(f"{name}: not a comparison.json: {where}{': ' if where else ''}{first['msg']}")
