"""What the newest runs of a figure show together, measured against the window before them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from ttci.drift.levels import take_apart
from ttci.drift.noise import Floats, median, robust_mean, variance_of_mean
from ttci.drift.reasons import Explanation

MOST_NEW_RUNS = 3  # that are judged together, the current one included
FEWEST_OLD_RUNS = 12  # that they are measured against: by fewer, three drawn at random could be any
_MOST_LEFT_OUT = (
    7  # of the newest before the current one: a change is called for eight runs, then it is usual
)
_NEWEST_OF_A_LEVEL = 60  # runs that its mean is of: an unfound step further back does no harm
# How likely noise alone goes so far, one-sided, by how many runs are judged together.
_SLOWER = {1: 1e-4, 2: 5e-5, 3: 7e-4}
_FASTER = {1: 5e-5, 2: 2e-5, 3: 3e-5}  # nobody waits for it: the false calls are spent on slower
_AGREEMENT = {1: 0.0, 2: 1.0, 3: 1.5}  # standard deviations from their middle that a run counts at most
_MOST_DISAGREEMENT = 2.8  # standard deviations that a run may lie nearer to the level than their mean
_MOST_CHANCE, _AS_FAR = 5e-4, 0.95  # by the window's own runs, normal or not; a part of the change
_DRAWS_OF_ONE = 4  # a single run is only suspected, or its three reruns agree with it
_SMALL = 0.01  # a difference of correlations
_MAY_BE = 1.645  # standard errors: the upper end of a one-sided interval of 95 %
_MOST_LOGARITHM = 700.0  # whose exponential is a float
_LEAST_ERROR = 1e-12  # of a change: where all is equal but for rounding
_MOST_PART = 1e100  # whose square is a float


def runs_left_out(window: int) -> int:
    """How many of a window's newest runs nothing is measured against: they may show the change already."""
    return min(_MOST_LEFT_OUT, max(MOST_NEW_RUNS - 1, window - FEWEST_OLD_RUNS))


@dataclass(frozen=True)
class Change:
    """What the newest runs show together, in logarithms and with worse above 0."""

    runs: int
    size: float
    error: float  # standard error of the size
    critical: float  # what size / error must exceed
    agrees: bool  # every run lies on the same side, and near their mean
    as_far: int  # runs of the window that lie as far off
    chance: float  # that as many runs of the window, drawn at random, do

    @property
    def is_beyond_noise(self) -> bool:
        """Whether nothing but a change explains it."""
        return self.explanation is None

    @property
    def explanation(self) -> Explanation | None:
        """What else than a change explains it; None where nothing does."""
        if abs(self.size) <= self.critical * self.error:
            return Explanation.NOISE
        if not self.agrees:
            return Explanation.DISAGREEMENT
        if self.chance >= _MOST_CHANCE:
            return Explanation.OTHERS_AS_FAR if self.as_far else Explanation.FEW_RUNS
        return None

    def matters(self, smallest_change: float) -> bool:
        """Whether it may be as large as this fraction."""
        return abs(self.size) + _MAY_BE * self.error >= math.log1p(smallest_change)


class Newest:
    """The newest runs of a figure, the current one last, beside the window before them."""

    def __init__(self, values: Floats, hosts: Sequence[str], *, direction: str) -> None:
        """Take the window apart.

        Args:
            values: the window's, oldest first, and the current one.
            hosts: of each.
            direction: which way is better, ``lower`` or ``higher``.
        """
        self._sign = 1 if direction == "lower" else -1
        self._hosts = hosts
        self.is_positive = bool(np.all(values > 0))
        # A change is a factor; of a figure that is 0 at times, a part of the usual.
        sizes = np.abs(values[:-1])
        self._scale = 1.0 if self.is_positive else median(sizes) or float(sizes.max()) or 1.0
        self._logarithms = np.log(values) if self.is_positive else _within_squares(values / self._scale)
        self.reference = len(values) - 1 - runs_left_out(len(values) - 1)
        known_hosts = hosts[: self.reference]
        self.codes = {name: code for code, name in enumerate(dict.fromkeys(known_hosts))}
        codes = np.array([self.codes[name] for name in known_hosts])
        self.parts = take_apart(self._logarithms[: self.reference], codes)
        first = max(self.parts.starts[-1], self.reference - _NEWEST_OF_A_LEVEL)
        seen = (self.parts.values - self.parts.offsets[self.parts.codes])[first:]
        self._level, self.level_runs = robust_mean(seen, self.parts.noise), len(seen)

    @property
    def is_comparable(self) -> bool:
        """Whether the window tells anything of the current run's host."""
        return self._noise_of(len(self._logarithms) - 1) is not None

    @property
    def level(self) -> float:
        """Of the baseline, in the figure's unit."""
        return math.exp(self._level) if self.is_positive else self._level * self._scale

    def as_fraction(self, logarithm: float) -> float:
        """What a difference of logarithms is of the level."""
        return math.expm1(min(logarithm, _MOST_LOGARITHM)) if self.is_positive else logarithm

    def change_of(self, change: Change) -> float:
        """As a fraction of the level, above 0 where the figure is higher."""
        return self.as_fraction(change.size * self._sign)

    def change(self, runs: int, *, before: int = 0, likelihood: float | None = None) -> Change | None:
        """The last `runs` together; None where one is on a host of which the window tells nothing.

        Args:
            runs: how many.
            before: so many newer ones are left out.
            likelihood: that noise goes so far, one-sided; by the number of runs where None.
        """
        end = len(self._logarithms) - before
        positions = range(end - runs, end)
        noises = [noise for noise in map(self._noise_of, positions) if noise is not None]
        if len(noises) < runs:
            return None
        noise = max(noises)
        off = np.array([self._off_level(position) for position in positions]) * self._sign
        size = _mean_in_agreement(off, _AGREEMENT[runs] * noise)
        side = math.copysign(1, size)
        likely = likelihood or (_SLOWER if size > 0 else _FASTER)[runs]
        residuals = self.parts.residuals * (side * self._sign)  # noise need not be normal: they are counted
        as_far = int((residuals >= _AS_FAR * abs(size)).sum())
        share = (as_far + 1) / (len(residuals) + 1)
        return Change(
            runs=runs,
            size=size,
            error=max(math.sqrt(self._variance(positions, noise)), _LEAST_ERROR),
            critical=float(stdtrit(self._degrees_of_freedom(positions), 1 - likely)),
            agrees=_agree(off * side, abs(size), noise),
            as_far=as_far,
            chance=float(share ** (runs if runs > 1 else _DRAWS_OF_ONE)),
        )

    def take_over(self, change: Change) -> None:
        """Let the newest runs' level be what is measured against."""
        self._level += change.size * self._sign
        self.level_runs = change.runs

    def offsets(self) -> dict[str, float]:
        """Of the hosts that are known, as fractions."""
        parts = self.parts
        known = {name: code for name, code in self.codes.items() if parts.is_known[code]}
        return {name: self.as_fraction(float(parts.offsets[code])) for name, code in known.items()}

    def _noise_of(self, position: int) -> float | None:
        """Of the run at `position`, by what is known of its host."""
        if self._runs_on(self._hosts[position]):
            return self.parts.noise
        return self.parts.between_hosts[0] if self.parts.between_hosts else None

    def _runs_on(self, host: str) -> int:
        """How many runs its offset is of; 0 where it is not known."""
        code = self.codes.get(host)
        return int(self.parts.counts[code]) if code is not None and self.parts.is_known[code] else 0

    def _off_level(self, position: int) -> float:
        code = self.codes.get(self._hosts[position])
        offset = 0.0 if code is None else float(self.parts.offsets[code])
        return float(self._logarithms[position]) - offset - self._level

    def _degrees_of_freedom(self, positions: range) -> float:
        """Of the variance of a change: what is known of noise and correlation (Satterthwaite)."""
        parts, runs, correlation = self.parts, len(positions), self.parts.correlation
        spread = self._spread(runs, correlation)
        slope = (self._spread(runs, correlation + _SMALL) - spread) / _SMALL
        of_correlation = (slope / spread) ** 2 * (1 - correlation**2) / len(parts.residuals)
        return 2 / (2 / self._degrees_of_noise(positions) + of_correlation)

    def _spread(self, runs: int, correlation: float) -> float:
        """The variance of the newest runs' mean off the level, as a multiple of one run's."""
        return variance_of_mean(runs, correlation) + (1 + correlation) / (1 - correlation) / self.level_runs

    def _degrees_of_noise(self, positions: range) -> int:
        """Of the noise: where a host is not known, of the hosts that tell how much hosts differ."""
        between_hosts = self.parts.between_hosts
        if between_hosts and not all(self._runs_on(self._hosts[position]) for position in positions):
            return min(self.parts.degrees_of_freedom, between_hosts[1])
        return self.parts.degrees_of_freedom

    def _variance(self, positions: range, noise: float) -> float:
        """Of the change: of the runs, of the level they are measured against, of their hosts' offsets."""
        parts, correlation = self.parts, self.parts.correlation
        shares = Counter(self._hosts[position] for position in positions)
        squares = {host: (count / len(positions)) ** 2 for host, count in shares.items()}
        runs_on = {host: self._runs_on(host) for host in shares}
        spread = variance_of_mean(len(positions), correlation)
        if not all(runs_on.values()):  # an unknown offset is the same in all runs of its host
            spread = max(spread, sum(squares.values()))
        of_level = (1 + correlation) / (1 - correlation) / self.level_runs
        of_offsets = sum(squares[host] / runs for host, runs in runs_on.items() if runs and parts.has_hosts)
        return noise**2 * spread + parts.noise**2 * (of_level + of_offsets)


def _within_squares(parts: Floats) -> Floats:
    return np.minimum(np.maximum(parts, -_MOST_PART), _MOST_PART)


def _mean_in_agreement(off: Floats, limit: float) -> float:
    """Their mean; what lies further out than `limit` beyond their middle counts as if it lay there.

    The middle of two is the one nearer to 0: an outlier beside a usual run shows nothing.
    """
    middle = median(off) if len(off) != 2 else float(off[np.argmin(np.abs(off))])
    if middle >= 0:
        return float(np.minimum(off, middle + limit).sum()) / len(off)
    return float(np.maximum(off, middle - limit).sum()) / len(off)


def _agree(off: Floats, mean: float, noise: float) -> bool:
    """Whether all lie on the side of their mean, and none so far from it that it shows something else."""
    return bool(np.all(off > max(0.0, mean - _MOST_DISAGREEMENT * noise)))
