"""A window taken apart: levels between change points, offsets of hosts, and what is left.

Change points are proposed by ruptures (C. Truong et al., Signal Processing 167, 2020): PELT with a
quadratic cost, the penalty in the unit of the noise between neighbours, which a step far off does not
raise. Too many are proposed, above all where neighbours are correlated. So each is then held against
what it would be without it: correlated noise, that wanders so far by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import ruptures
from numpy.typing import NDArray

from ttci.drift.noise import (
    CLIP,
    Floats,
    clipped,
    lag_correlation,
    median,
    plain_correlation,
    standard_deviation,
    without_outliers,
)

SHORTEST_LEVEL = 8  # runs: fewer are no level of their own yet
FEWEST_OF_A_HOST = 5  # runs, before its offset is known
_FEWEST_HOSTS = 4  # to know how much hosts differ
_MANY_HOSTS = 20  # of which some may be outliers
_PENALTY = 3.0  # of a change point: times log(n) and the variance; BIC has 1 to 2, for noise without outliers
_PASSES = 3  # hosts hide change points, and these the hosts
_STEPS = 3  # of a robust mean towards its value
_SURE = 4.0  # standard errors that a step must have, for it was looked for at every run
_MOST_WANDERING = 0.5  # a correlation: a step looks like more, and would stay unfound

Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Levels:
    """A window's parts, in logarithms.

    Attributes:
        offsets, counts: of each host, by its code; an offset is 0 where the host is not known.
        starts: of each level, as positions in the window; the first is 0.
    """

    values: Floats
    codes: Codes
    offsets: Floats
    counts: NDArray[np.intp]
    starts: tuple[int, ...]
    residuals: Floats
    noise: float
    correlation: float
    degrees_of_freedom: int

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Of each host by its code: whether its offset is known; an only host has none."""
        return (self.counts >= FEWEST_OF_A_HOST) | (len(self.counts) == 1)

    @property
    def has_hosts(self) -> bool:
        """Whether there is more than one, so that offsets mean something."""
        return len(self.counts) > 1

    @cached_property
    def between_hosts(self) -> tuple[float, int] | None:
        """The standard deviation of hosts' levels, noise included, and its degrees of freedom.

        None where too few hosts tell.
        """
        count = len(self.counts)
        if count < _FEWEST_HOSTS:
            return None
        levels = self.offsets + np.bincount(self.codes, self.residuals) / self.counts
        centred = levels - median(levels)
        if count >= _MANY_HOSTS:
            return max(standard_deviation(centred, count - 1), self.noise), count - 1
        spread = float(np.sqrt(((levels - levels.mean()) ** 2).sum() / (count - 1)))
        return max(spread, self.noise), count - 1


def take_apart(values: Floats, codes: Codes) -> Levels:
    """The levels of a window.

    Args:
        values: logarithms, oldest first.
        codes: the host of each, numbered from 0.
    """
    return _Fit(values, codes).levels()


class _Fit:
    """Alternates between change points and hosts until they agree."""

    def __init__(self, values: Floats, codes: Codes) -> None:
        self.values, self.codes = values, codes
        self.counts = np.bincount(codes)
        known = (self.counts >= FEWEST_OF_A_HOST) & (len(self.counts) > 1)
        self.known = np.flatnonzero(known)
        self.weights = np.where(known, 1 / self.counts, 0.0)
        self.offsets = np.zeros(len(self.counts))
        self.starts = [0]
        self.noise = self.correlation = 0.0
        self.degrees_of_freedom = max(len(values) - 1, 1)
        self.residuals = values - median(values)

    def levels(self) -> Levels:
        if len(self.known) > 1:
            self.offsets[self.known] = self._offsets_by_differences()
        self.residuals = self.values - self.offsets[self.codes]
        self.residuals -= median(self.residuals)
        self.noise = standard_deviation(self.residuals, self.degrees_of_freedom)
        for _ in range(_PASSES):
            self._find_starts()
            self._fit_means()
            self._drop_doubtful_starts()
        return Levels(
            values=self.values,
            codes=self.codes,
            offsets=self.offsets,
            counts=self.counts,
            starts=tuple(self.starts),
            residuals=self.residuals,
            noise=self.noise,
            correlation=self.correlation,
            degrees_of_freedom=self.degrees_of_freedom,
        )

    def _offsets_by_differences(self) -> Floats:
        """Of the known hosts, from runs that follow each other: a step spoils one difference only."""
        before, after = self.codes[:-1], self.codes[1:]
        is_known = self.weights > 0
        at = np.flatnonzero(is_known[before] & is_known[after] & (before != after))
        if not len(at):
            return np.zeros(len(self.known))
        design = np.zeros((len(at), len(self.counts)))
        rows = np.arange(len(at))
        design[rows, after[at]], design[rows, before[at]] = 1.0, -1.0
        design = design[:, self.known]
        differences = np.diff(self.values)[at]
        offsets = np.linalg.lstsq(design, differences, rcond=None)[0]
        for _ in range(_STEPS):
            left = differences - design @ offsets
            limit = CLIP * standard_deviation(left, len(left))
            offsets = np.linalg.lstsq(design, differences - left + clipped(left, limit), rcond=None)[0]
        return np.asarray(offsets, dtype=np.float64)

    def _find_starts(self) -> None:
        count = len(self.values)
        if self.noise == 0 or count < 2 * SHORTEST_LEVEL:
            return
        seen, noise = without_outliers(self.values - self.offsets[self.codes])
        if noise == 0:
            return
        penalty = _PENALTY * np.log(count) * noise**2
        search = ruptures.KernelCPD(kernel="linear", min_size=SHORTEST_LEVEL).fit(seen.reshape(-1, 1))
        self.starts = [0, *(int(end) for end in search.predict(pen=penalty)[:-1])]

    def _drop_doubtful_starts(self) -> None:
        """The weakest first, as long as one is not sure."""
        while len(self.starts) > 1:
            seen, _ = without_outliers(self.values - self.offsets[self.codes])
            bounds = [*self.starts, len(seen)]
            around = zip(bounds, bounds[1:], bounds[2:], strict=False)
            errors = [self._standard_errors(seen[first:last], start - first) for first, start, last in around]
            weakest = int(np.argmin(errors))
            if errors[weakest] >= _SURE:
                return
            del self.starts[weakest + 1]
            self._fit_means()

    def _standard_errors(self, seen: Floats, start: int) -> float:
        """Of the step within two levels, were it correlated noise that wanders so far."""
        step = float(seen[start:].mean() - seen[:start].mean())
        correlation = min(max(plain_correlation(seen - seen.mean(), 1), 0.0), _MOST_WANDERING)
        spread = (1 + correlation) / (1 - correlation) * (1 / start + 1 / (len(seen) - start))
        error = self.noise * math.sqrt(spread)
        return abs(step) / error if error > 0 else math.inf

    def _fit_means(self) -> None:
        """Robust means of levels and hosts, each in steps towards where outliers no longer pull it."""
        lengths = np.diff([*self.starts, len(self.values)])
        segments = np.repeat(np.arange(len(lengths)), lengths)
        seen = self.values - self.offsets[self.codes]
        ends = np.cumsum(lengths)
        means = np.array([median(seen[start:end]) for start, end in zip(self.starts, ends, strict=True)])
        residuals = seen - means[segments]
        parameters = len(lengths) + max(len(self.known) - 1, 0)
        self.degrees_of_freedom = max(len(seen) - parameters, 1)
        noise = standard_deviation(residuals, self.degrees_of_freedom)
        for _ in range(_STEPS):
            means += np.bincount(segments, clipped(residuals, CLIP * noise)) / lengths
            residuals = self.values - self.offsets[self.codes] - means[segments]
            if len(self.known):
                self.offsets += np.bincount(self.codes, clipped(residuals, CLIP * noise)) * self.weights
                residuals = self.values - self.offsets[self.codes] - means[segments]
        self.residuals = residuals
        self.noise = standard_deviation(residuals, self.degrees_of_freedom)
        self.correlation = lag_correlation(residuals, self.noise, len(lengths) + bool(len(self.known)))
        # Means follow correlated noise more closely: each takes off as many runs as are alike.
        alike = (1 + self.correlation) / (1 - self.correlation)
        left = max(len(seen) - parameters * alike, len(seen) / 2)
        self.noise *= math.sqrt(max(self.degrees_of_freedom / left, 1.0))
