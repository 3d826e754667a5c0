"""What varies between two processes of a comparison, by kind, and what `ttci compare` then finds."""

from __future__ import annotations

import math
from collections.abc import Callable

from numpy.random import Generator

from ttci.compare.intervals import Interval, interval_of, is_look
from ttci.results import Comparison

MOST_PAIRS = 40  # of processes: about a minute of a module of 5 ms on a quiet machine
SAME = 0.02

Noise = Callable[
    [Generator], float
]  # the logarithm of head/base of a pair of processes where nothing has changed


def _normal(deviation: float) -> Noise:
    return lambda generator: generator.normal(0, deviation)


def _outliers(deviation: float) -> Noise:
    """One pair in ten varies ten times as much: another process has begun in its middle."""
    return lambda generator: generator.normal(0, deviation * (10 if generator.random() < 0.1 else 1))


def _two_speeds(generator: Generator) -> float:
    """Of either side, one process in two is 3 % slower, by where its memory lies."""
    base, head = generator.integers(2, size=2)
    return float(0.03 * (head - base) + generator.normal(0, 0.001))


PAIR_NOISES: dict[str, Noise] = {
    "0.5%": _normal(0.005),
    "1%": _normal(0.01),
    "3%": _normal(0.03),
    "10%": _normal(0.1),
    "1%, outliers of 10%": _outliers(0.01),
    "two speeds, 3% apart": _two_speeds,
}


def measured(generator: Generator, noise: Noise, change: float) -> Interval:
    """What is known in the end of a change by this fraction."""
    logarithms = [math.log1p(change) + noise(generator) for _ in range(MOST_PAIRS)]
    for pairs in filter(is_look, range(1, MOST_PAIRS)):
        found = interval_of(logarithms[:pairs])
        if found.word(SAME) is not Comparison.UNSURE:
            return found
    return interval_of(logarithms, is_last=True)
