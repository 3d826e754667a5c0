"""What is said of a ratio: an interval that holds however often it is looked at, and one word.

What varies is a pair of processes, one a side, as memory is laid out anew in each of them: calls of one
process say little about another (Kalibera and Jones, Rigorous Benchmarking in Reasonable Time, ISMM 2013;
Mytkowicz et al., Producing Wrong Data Without Doing Anything Obviously Wrong!, ASPLOS 2009). So each pair
gives one logarithm of head/base, and Student's t is taken of those. Whichever side begins is drawn at
random: where nothing has changed, the two are exchangeable and the logarithms symmetric about 0.

Looks are fixed by the number of pairs, and look k spends 2 / ((k + 1) (k + 2)) of the error, which sums to
1 however many there are, and leaves more than half of it to looks after the first two, where small changes
show: alpha spending (Lan and DeMets, Biometrika 70, 1983) with Boole's inequality in place of the joint
distribution, so that nothing is asked of how the looks depend on each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from ttci.errors import MachineryError
from ttci.results import Comparison

MOST_FALSE_CALLS = 1e-3  # of figures that have not changed, both directions together
# With fewer, processes that are fast or slow by chance would all differ alike too often: 2 / 4^7 is an
# eighth of 1e-3, where with 6 pairs it would be half of it.
FEWEST_PAIRS = 7
_SPENT_BY_LOOKS = 0.7  # of the false calls: the rest is for noise that is not Student's, as of two speeds
_GROWTH = 1.25  # of the number of pairs from look to look
_FEWEST_FOR_A_NOISE = 2


@dataclass(frozen=True)
class Interval:
    """A ratio head/base, and between which ratios it lies.

    Attributes:
        noise: the standard deviation of a pair of processes, as a fraction; None where they are too few.
        pairs: of processes it comes from.
    """

    ratio: float
    low: float | None
    high: float | None
    noise: float | None = None
    pairs: int = 1

    def word(self, same: float, direction: str = "lower") -> Comparison:
        """What is said of it.

        Args:
            same: a change of this fraction does not matter.
            direction: which way is better.
        """
        if self.low is None or self.high is None:
            return Comparison.UNSURE
        if 1 / (1 + same) <= self.low and self.high <= 1 + same:
            return Comparison.SAME
        if self.low <= 1 <= self.high:
            return Comparison.UNSURE
        is_worse = (self.low > 1) == (direction == "lower")
        return Comparison.SLOWER if is_worse else Comparison.FASTER


def require_statistics() -> None:
    """Say at once that latencies cannot be judged, where it is so.

    Raises:
        MachineryError: what they are judged with is not installed.
    """
    try:
        _quantile(FEWEST_PAIRS, 1)
    except ImportError as error:
        what = f"latencies are compared with {error.name}, which is not installed"
        raise MachineryError(f"{what}: python -m pip install 'ttci[history]'") from None


def exact(base: float, head: float) -> Interval:
    """Of figures without noise."""
    ratio = head / base if base else (1.0 if head == base else math.inf)
    return Interval(ratio, ratio, ratio, noise=0.0)


def is_look(pairs: int) -> bool:
    """Whether it is looked at after so many pairs of processes."""
    return _look_at(pairs) != _look_at(pairs - 1)


def interval_of(logarithms: Sequence[float], *, is_last: bool = False) -> Interval:
    """Of the logarithms of head/base, one a pair of processes.

    Args:
        logarithms: at a look (`is_look`), or when the time is up.
        is_last: the time is up, which may be between two looks: the next of them is taken now.
    """
    pairs, mean = len(logarithms), float(np.mean(logarithms))
    if pairs < _FEWEST_FOR_A_NOISE:
        return Interval(math.exp(mean), None, None, pairs=pairs)
    deviation = float(np.std(logarithms, ddof=1))
    if pairs < FEWEST_PAIRS:
        return Interval(math.exp(mean), None, None, math.expm1(deviation), pairs)
    look = _look_at(pairs) + (1 if is_last and not is_look(pairs) else 0)
    half_width = half_width_of(deviation, pairs, look)
    return Interval(
        math.exp(mean), math.exp(mean - half_width), math.exp(mean + half_width), math.expm1(deviation), pairs
    )


def half_width_of(deviation: float, pairs: int, look: int | None = None) -> float:
    """Of the interval after so many pairs of processes, in logarithms."""
    look = look or max(_look_at(pairs), 1)
    return _quantile(pairs, look) * deviation / math.sqrt(pairs)


@cache
def _quantile(pairs: int, look: int) -> float:
    """Of Student's t, for what a look spends."""
    from scipy.special import stdtrit  # an extra, which figures without noise do not need

    spent = MOST_FALSE_CALLS * _SPENT_BY_LOOKS * 2 / ((look + 1) * (look + 2))
    return -float(stdtrit(pairs - 1, spent / 2))


def pairs_needed(noise: float, same: float) -> int:
    """How many pairs of processes would tell a change of the fraction `same` from none, at this noise."""
    pairs = FEWEST_PAIRS
    while half_width_of(math.log1p(noise), pairs) > math.log1p(same):
        pairs = math.ceil(pairs * _GROWTH)
    return pairs


@cache
def _look_at(pairs: int) -> int:
    """The number of the last look at or before so many pairs; 0 before the first."""
    look, following = 0, FEWEST_PAIRS
    while following <= pairs:
        look, following = look + 1, math.ceil(following * _GROWTH)
    return look
