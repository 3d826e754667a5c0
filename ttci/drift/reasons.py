"""Why a figure is called what it is called, in numbers; `ttci.report.drift_reasons` has the words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import TypeAlias

from ttci.history.series import Point
from ttci.results import Comparison, Outcome


class Explanation(Enum):
    """What else than a change explains that the newest runs are off."""

    NOISE = auto()
    DISAGREEMENT = auto()  # among the newest runs
    OTHERS_AS_FAR = auto()  # of the earlier runs
    FEW_RUNS = auto()  # earlier ones


@dataclass(frozen=True)
class TooFewRuns:
    """The window holds `count` runs, and `needed` are."""

    count: int
    needed: int


@dataclass(frozen=True)
class Exact:
    """A figure without noise, changed by this fraction, where what matters begins at `smallest_change`."""

    change: float
    smallest_change: float


@dataclass(frozen=True)
class UnknownHost:
    """Measured on a host of which the window has fewer than `needed` runs."""

    host: str
    needed: int


@dataclass(frozen=True)
class BeyondNoise:
    """The newest `runs`, or the reruns of one, lie so many standard errors off."""

    change: float
    runs: int
    standard_errors: float


@dataclass(frozen=True)
class LooksChanged:
    """One run is off by this fraction, and does not show a change alone."""

    change: float


@dataclass(frozen=True)
class OneRunAlone:
    """The other newest runs are on hosts of which nothing is known."""


@dataclass(frozen=True)
class Explained:
    """Off by `change`, which something else explains, or which does not matter where nothing does.

    Attributes:
        as_far: how many of the earlier runs lie as far off.
        seen: the smallest change that would be seen.
        blind_from: above this fraction it is worth saying what would not be seen.
    """

    change: float
    explanation: Explanation | None
    as_far: int
    smallest_change: float
    seen: float
    blind_from: float


@dataclass(frozen=True)
class NeverMeasured:
    """No earlier run has measured it."""


@dataclass(frozen=True)
class OtherConditions:
    """Measured under other conditions than `last`: how they differ."""

    last: Point
    difference: str


@dataclass(frozen=True)
class NotMeasured:
    """`last` measured it, and this run did not.

    Attributes:
        outcome: of the check in this run; None where the run has no such check.
    """

    metric: str
    outcome: Outcome | None
    last: Point


@dataclass(frozen=True)
class NotInNewest:
    """The newest run of a pair did not measure it; when an earlier one last did, where that is known."""

    run_id: str
    pair: str
    last: tuple[str, datetime] | None


@dataclass(frozen=True)
class BesideBase:
    """Two commits were measured beside each other on one machine, which says more than `alone`.

    Attributes:
        word: what that came to.
        base: the older commit, as it was named.
        low, high: between which the ratio of the newer to the older lies.
        alone: why history alone says something else.
    """

    word: Comparison
    base: str
    low: float | None
    high: float | None
    alone: Reason


@dataclass(frozen=True)
class Chain:
    """Comparisons one after the other, from a run back to a base.

    Attributes:
        links: how many.
        base: the commit of the oldest.
        ratio: of the run to that, with an interval of 99.9 % from `low` to `high`.
    """

    links: int
    base: str
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class ByComparisons:
    """A chain of comparisons, each on one machine, says more than the values `alone`."""

    word: Comparison
    chain: Chain
    alone: Reason


Reason: TypeAlias = (
    TooFewRuns
    | Exact
    | UnknownHost
    | BeyondNoise
    | LooksChanged
    | OneRunAlone
    | Explained
    | NeverMeasured
    | OtherConditions
    | NotMeasured
    | NotInNewest
    | BesideBase
    | ByComparisons
)


@dataclass(frozen=True)
class Statistics:
    """What a judgement of a noisy figure stands on; fractions of the level.

    Attributes:
        runs: of the window, of which the last level has `level_runs`.
        level_changes: of a figure without noise, how often it changed; None of another.
        hosts: by how much each known one is off; None where there is only one.
        judged_runs: how many of the newest are judged together; None where none is.
        standard_errors: how many the newest are off, and how many they must be.
        smallest_seen: the smallest change that would be seen.
    """

    smallest_change: float
    runs: int
    level_runs: int | None = None
    level_changes: int | None = None
    noise: float | None = None
    correlation: float | None = None
    hosts: Mapping[str, float] | None = None
    judged_runs: int | None = None
    change: float | None = None
    error: float | None = None
    standard_errors: tuple[float, float] | None = None
    smallest_seen: float | None = None
