"""What a drift verdict holds."""

from __future__ import annotations

from dataclasses import dataclass

from ttci.drift.reasons import Chain, Reason, Statistics
from ttci.history.series import Point, Series
from ttci.results import Drift


@dataclass(frozen=True)
class Judgement:
    """What is said of one figure, and from what."""

    drift: Drift
    reason: Reason
    change: float | None = None  # against the baseline's level: 0.12 where the figure is 12 % higher
    is_suspected: bool = False  # looks changed, and one run alone does not show it
    level: float | None = None  # of the baseline, in the figure's unit
    noise: float | None = None  # the standard deviation of a run, as a fraction of the level
    change_points: tuple[int, ...] = ()  # positions in the window at which another level begins
    statistics: Statistics | None = None
    chain: Chain | None = None  # of comparisons, where the run was measured beside its base


@dataclass(frozen=True)
class SeriesDrift:
    """One figure of a run beside its history.

    Attributes:
        window: the runs that it is compared with, oldest first.
        current: None where the figure is gone.
        baseline: in a sentence, which runs the window holds.
    """

    series: Series
    judgement: Judgement
    window: tuple[Point, ...] = ()
    current: Point | None = None
    baseline: str = ""


@dataclass(frozen=True)
class HistoryView:
    """A report beside its history.

    Attributes:
        notes: what is to be said of the history itself: none yet, files that could not be read.
    """

    source: str
    series: tuple[SeriesDrift, ...] = ()
    notes: tuple[str, ...] = ()
