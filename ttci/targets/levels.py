"""What a figure usually is, and how much it varies from run to run."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ttci.drift.judgement import SeriesDrift
from ttci.drift.reasons import TooFewRuns
from ttci.results import Drift

FEWEST_RUNS = 5  # whose spread alone says how much a run varies
FEWEST_ROUNDS = 4  # of which there are quartiles
_STANDARD_DEVIATIONS_BETWEEN_QUARTILES = 2 * statistics.NormalDist().inv_cdf(0.75)


@dataclass(frozen=True)
class Level:
    """What a figure usually is.

    Attributes:
        value: in its unit.
        noise: the standard deviation of a run, as a fraction of the value; None where nothing tells it.
        basis: what both come from, in words.
    """

    value: float
    noise: float | None
    basis: str


def level_of_runs(values: Sequence[float], rounds: Sequence[float] = ()) -> Level:
    """The median of some runs, and the noise that they show.

    The noise is the standard deviation of the runs' values. Fewer than `FEWEST_RUNS` of them say
    little: there it is at least the spread of the rounds of one run, its distance of quartiles over
    1.349, which is a standard deviation where they are normal, and which no slow round moves (Huber,
    Robust Statistics, 1981). One round varies more than the median of all, but a run also differs
    from the next by what all of its rounds have in common.

    Args:
        values: of each run.
        rounds: the samples of the newest run, of this figure or of one that it is worked out from.
    """
    value = statistics.median(values)
    found: list[float] = []
    parts: list[str] = []
    if len(values) > 1 and value:
        found.append(statistics.stdev(values) / abs(value))
        parts.append(f"{len(values)} runs")
    if len(values) < FEWEST_RUNS and len(rounds) >= FEWEST_ROUNDS:
        found.append(_spread(rounds))
        parts.append(f"{len(rounds):,} rounds of {'one run' if len(values) == 1 else 'the newest'}")
    basis = " and ".join(parts) or f"{len(values)} run{'' if len(values) == 1 else 's'}"
    return Level(value, max(found, default=None), basis)


def level_of_history(drift: SeriesDrift, rounds: Sequence[float] = ()) -> Level | None:
    """The newest level of a figure in its history; None where the newest run has not measured it.

    Where the newest runs are called faster, it is theirs. Where they are called slower, it stays what
    it was before, so that no target is made of a regression. The noise is that of `ttci.drift`, of
    residuals about the level, and with it how much the hosts differ.
    """
    judgement, current = drift.judgement, drift.current
    if current is None:
        return None
    if judgement.level is None or judgement.noise is None:
        is_known = isinstance(judgement.reason, TooFewRuns)
        values = [point.confirmed for point in drift.window] if is_known else []
        return level_of_runs([*values, current.confirmed], rounds)
    value, remark = judgement.level, ""
    if judgement.drift is Drift.FASTER:
        value, remark = value * (1 + (judgement.change or 0.0)), ", the newest of them faster"
    elif judgement.drift is Drift.SLOWER:
        remark = ", before the newest became slower"
    hosts = (judgement.statistics.hosts if judgement.statistics else None) or {}
    between_hosts = statistics.pstdev(hosts.values()) if hosts else 0.0
    basis = f"the history, {len(drift.window) + 1} runs{remark}"
    return Level(value, math.hypot(judgement.noise, between_hosts), basis)


def _spread(rounds: Sequence[float]) -> float:
    """The standard deviation of rounds, as a fraction of their median."""
    first, middle, third = statistics.quantiles(rounds, n=4)
    return (third - first) / _STANDARD_DEVIATIONS_BETWEEN_QUARTILES / middle if middle > 0 else 0.0
