"""How much a figure varies from run to run, whatever outliers say.

Everything is of residuals: what is left of the logarithms of a figure without level and hosts.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]

CLIP = 2.5  # standard deviations at which a residual counts no further: Huber, Robust Statistics (1981)
_OUTLIERS = 0.05  # of the runs, at most
_MOST_CORRELATION = 0.85
_FEWEST_FOR_CORRELATION = 8
_FEWEST_WITH_OUTLIERS = 10
_NEIGHBOURS = 3  # to either side, whose median an outlier does not move
_OUTLIER = 3.0  # standard deviations from that


def median(values: Floats) -> float:
    """As numpy's, several times as fast for as few values as a window holds."""
    ordered = np.sort(values)
    middle = len(ordered) // 2
    return float(ordered[middle]) if len(ordered) % 2 else float(ordered[middle - 1] + ordered[middle]) / 2


def clipped(values: Floats, limit: float) -> Floats:
    """With what lies further from 0 than `limit` brought there."""
    return np.minimum(np.maximum(values, -limit), limit)


def robust_mean(values: Floats, noise: float) -> float:
    """Of values about one level, outliers counted as `CLIP` standard deviations."""
    centre = median(values)
    return centre + float(clipped(values - centre, CLIP * noise).sum()) / len(values)


def standard_deviation(residuals: Floats, degrees_of_freedom: int) -> float:
    """Of `residuals` about 0, without the furthest few: so many may be outliers.

    No more than these are left out, however far off: what happens in one run of ten is noise.
    """
    count = len(residuals)
    trimmed = math.ceil(_OUTLIERS * count) if count >= _FEWEST_WITH_OUTLIERS else 0
    squares = np.sort(residuals * residuals)[: count - trimmed]
    kept = 1 - trimmed / count
    variance = float(squares.sum()) / max(degrees_of_freedom * kept, 1.0)
    return math.sqrt(variance / _variance_within(kept))


@cache
def _variance_within(share: float) -> float:
    """Of a standard normal distribution without its tails: of the middle that holds this share of it."""
    if share == 1:
        return 1.0
    limit = float(ndtri((1 + share) / 2))
    density = math.exp(-(limit**2) / 2) / math.sqrt(2 * math.pi)
    return 1 - 2 * limit * density / share


def lag_correlation(residuals: Floats, noise: float, levels: int) -> float:
    """Between runs that follow each other, from 0 to 0.85.

    Args:
        residuals: of each run from its level, oldest first.
        noise: their standard deviation.
        levels: how many means were taken off.
    """
    if len(residuals) < _FEWEST_FOR_CORRELATION:
        return 0.0
    found = plain_correlation(clipped(residuals, CLIP * noise), levels)
    return min(max(found, 0.0), _MOST_CORRELATION)


def plain_correlation(residuals: Floats, levels: int) -> float:
    """Between neighbours; means that were taken off make it too low by about (levels + 3 r) / n.

    Marriott and Pope, Biometrika 41, 1954.
    """
    power = float(residuals @ residuals)
    if power == 0:
        return 0.0
    plain = float(residuals[1:] @ residuals[:-1]) / power
    return plain + (levels + 3 * max(plain, 0.0)) / len(residuals)


def without_outliers(values: Floats) -> tuple[Floats, float]:
    """With outliers brought near the median of their neighbours, which leaves steps; and the noise.

    The noise is that of differences of neighbours, of which a step spoils one.
    """
    noise = standard_deviation(np.diff(values) / math.sqrt(2), len(values) - 1)
    padded = np.pad(values, _NEIGHBOURS, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1)
    middle = np.partition(around, _NEIGHBOURS, axis=1)[:, _NEIGHBOURS]
    return middle + clipped(values - middle, _OUTLIER * noise), noise


def variance_of_mean(count: int, correlation: float) -> float:
    """Of the mean of `count` successive runs, as a multiple of one run's variance (AR(1) noise)."""
    neighbours = sum((1 - lag / count) * correlation**lag for lag in range(1, count))
    return (1 + 2 * neighbours) / count
