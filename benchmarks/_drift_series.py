"""Series of a figure, run after run: generated ones, and real ones from github-action-benchmark's files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ttci.history.importing.github_action_benchmark import read
from ttci.history.importing.source import Source
from ttci.manifest import Pair

Floats = NDArray[np.float64]

HOSTS = {"one host": 1, "3 hosts": 3, "6 hosts": 6, "a new host each run": 0}
HOST_EFFECT = 0.25  # a host is up to so much slower than the fastest
NOISES = (0.01, 0.02, 0.03, 0.05, 0.1)  # standard deviation of the logarithm, from run to run
CORRELATIONS = (0.0, 0.2, 0.4)  # of runs that follow each other: AR(1)
OUTLIERS = 0.01  # of the runs, 1.3 to 2 times as slow
STEPS = 2  # in the past, at most: 5 to 40 % up or down
QUIET = 20  # runs since the last step: one that is closer is a change, and to be called
ROUNDS, ROUND_NOISE = 20, 0.02  # within a run, for the rules that look at samples
SHORTEST_REAL = 60


@dataclass(frozen=True)
class Kind:
    """What a series is made of; None where it is drawn anew for each."""

    noise: float | None = None
    hosts: str | None = None
    correlation: float | None = None
    outliers: float = OUTLIERS
    steps: int | None = None


@dataclass(frozen=True)
class Series:
    """Values of one figure, oldest first, and where each was measured."""

    values: Floats
    hosts: tuple[str, ...]

    def shifted(self, start: int, factor: float) -> Series:
        """With every value from `start` on `factor` times as high."""
        return replace(self, values=np.concatenate([self.values[:start], self.values[start:] * factor]))


def generated(random: Generator, kind: Kind, runs: int) -> Series:
    """A series of unchanged code, whose steps lie `QUIET` runs or more before its last three."""
    noise = kind.noise or float(random.choice(NOISES))
    hosts = kind.hosts or str(random.choice(list(HOSTS)))
    correlation = float(random.choice(CORRELATIONS)) if kind.correlation is None else kind.correlation
    steps = int(random.integers(0, STEPS + 1)) if kind.steps is None else kind.steps
    host_count = HOSTS[hosts] or runs
    effects = np.log1p(random.uniform(0, HOST_EFFECT, host_count))
    of_run = random.integers(0, host_count, runs) if HOSTS[hosts] else np.arange(runs)
    logarithms = _correlated(random, runs, noise, correlation) + effects[of_run]
    logarithms += (random.random(runs) < kind.outliers) * np.log(random.uniform(1.3, 2.0, runs))
    for _ in range(steps):
        start = int(random.integers(5, runs - QUIET - 3))
        logarithms[start:] += random.choice([-1, 1]) * np.log1p(random.uniform(0.05, 0.4))
    return Series(100 * np.exp(logarithms), tuple(f"host-{number}" for number in of_run))


def _correlated(random: Generator, runs: int, noise: float, correlation: float) -> Floats:
    fresh = random.normal(0, noise * np.sqrt(1 - correlation**2), runs)
    found = np.empty(runs)
    found[0] = random.normal(0, noise)
    for run in range(1, runs):
        found[run] = correlation * found[run - 1] + fresh[run]
    return found


def rounds(random: Generator, values: Floats) -> Floats:
    """The samples within each run: [runs, rounds]."""
    return values[:, None] * np.exp(random.normal(0, ROUND_NOISE, (len(values), ROUNDS)))


def real(folder: Path) -> Iterator[Series]:
    """Every series of 60 runs or more in the data.js files of `folder`, worse being higher.

    These files name no host. A figure that is 0 at times, or takes few values, is left out.
    """
    for path in sorted(folder.glob("*.js")):
        figures: dict[tuple[str, str], list[float]] = {}
        for run in read(path, Source(Pair("real", "unknown"), None)):
            for result in run.results:
                for measurement in result.measurements:
                    value = measurement.value or 0.0
                    is_lower = measurement.direction == "lower"
                    worse_is_higher = value if is_lower or not value else 1 / value
                    figures.setdefault((result.id, measurement.name), []).append(worse_is_higher)
        for values in map(np.array, figures.values()):
            if len(values) >= SHORTEST_REAL and values.min() > 0 and len(set(values)) >= len(values) // 2:
                yield Series(values, ("unknown",) * len(values))
