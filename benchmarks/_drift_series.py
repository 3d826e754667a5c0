"""Series of a figure, run after run: generated ones, and real ones from github-action-benchmark's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks._processes import PAIR_NOISES, Noise, measured
from ttci.history.importing.github_action_benchmark import read
from ttci.history.importing.source import Source
from ttci.manifest import Pair
from ttci.results import BaseRatio

Floats = NDArray[np.float64]

HOSTS = {"one host": 1, "3 hosts": 3, "6 hosts": 6, "a new host each run": 0}
HOST_EFFECT = 0.25  # a host is up to so much slower than the fastest
NOISES = (0.01, 0.02, 0.03, 0.05, 0.1)  # standard deviation of the logarithm, from run to run
CORRELATIONS = (0.0, 0.2, 0.4)  # of runs that follow each other: AR(1)
OUTLIERS = 0.01  # of the runs, 1.3 to 2 times as slow
COMPARED = 0.9  # of the runs, where they are measured beside the run before; the newest of them
NEWEST_COMPARED = 11  # runs: nobody adds up more ratios
STEPS = 2  # in the past, at most: 5 to 40 % up or down
QUIET = 20  # runs since the last step: one that is closer is a change, and to be called
ROUNDS, ROUND_NOISE = 20, 0.02  # within a run, for the rules that look at samples
ENDING = 8  # the newest runs, which nothing is measured against
SHORTEST_REAL = 60


@dataclass(frozen=True)
class Kind:
    """What a series is made of; None where it is drawn anew for each."""

    noise: float | None = None
    hosts: str | None = None
    correlation: float | None = None
    outliers: float = OUTLIERS
    steps: int | None = None
    compared: tuple[str, ...] = ()  # beside the run before, with noise of one of these `PAIR_NOISES`


@dataclass(frozen=True)
class Series:
    """Values of one figure, oldest first, and where each was measured.

    Attributes:
        compared: what each was beside the run before, measured on one machine, where it was.
    """

    values: Floats
    hosts: tuple[str, ...]
    compared: tuple[BaseRatio | None, ...] = ()

    def shifted(self, start: int, factor: float) -> Series:
        """With every value from `start` on `factor` times as high."""
        return replace(self, values=np.concatenate([self.values[:start], self.values[start:] * factor]))

    def beside_each_other(
        self, random: Generator, noises: Sequence[str], steps: Mapping[int, float]
    ) -> Series:
        """With the newest runs measured beside the one before; `steps` are true factors, by position."""
        if not noises:
            return self
        noise, runs = PAIR_NOISES[str(random.choice(noises))], len(self.values)
        ratios = [
            _ratio(random, noise, steps.get(run, 1.0)) if random.random() < COMPARED else None
            for run in range(runs - NEWEST_COMPARED, runs)
        ]
        return replace(self, compared=(*(None,) * (runs - NEWEST_COMPARED), *ratios))


@dataclass(frozen=True)
class Generated(Series):
    """A series and what it is made of: its kind with everything drawn, and the logarithms of its parts."""

    kind: Kind = field(kw_only=True)
    wandering: Floats = field(kw_only=True)
    effects: Floats = field(kw_only=True)
    levels: Floats = field(kw_only=True)

    def endings(self, random: Generator, count: int) -> Iterator[Series]:
        """The same series with other newest runs, so many times."""
        newest = slice(len(self.values) - ENDING, None)
        for _ in range(count):
            logarithms = _wandering(random, ENDING, self.kind, float(self.wandering[-ENDING - 1]))
            logarithms += self.effects[newest] if HOSTS[str(self.kind.hosts)] else _effects(random, ENDING)
            logarithms += self.levels[newest] + _outliers(random, ENDING, self.kind)
            yield Series(np.concatenate([self.values[:-ENDING], 100 * np.exp(logarithms)]), self.hosts)


def generated(random: Generator, kind: Kind, runs: int) -> Generated:
    """A series of unchanged code, whose steps lie `QUIET` runs or more before its last three."""
    drawn = _drawn(random, kind)
    host_count = HOSTS[str(drawn.hosts)] or runs
    of_run = random.integers(0, host_count, runs) if HOSTS[str(drawn.hosts)] else np.arange(runs)
    effects = _effects(random, host_count)[of_run]
    wandering = _wandering(random, runs, drawn, None)
    levels = np.zeros(runs)
    for _ in range(drawn.steps or 0):
        start = int(random.integers(5, runs - QUIET - 3))
        levels[start:] += random.choice([-1, 1]) * np.log1p(random.uniform(0.05, 0.4))
    logarithms = wandering + effects + levels + _outliers(random, runs, drawn)
    hosts = tuple(f"host-{number}" for number in of_run)
    return Generated(
        100 * np.exp(logarithms), hosts, kind=drawn, wandering=wandering, effects=effects, levels=levels
    )


def _drawn(random: Generator, kind: Kind) -> Kind:
    """With everything that it leaves open."""
    return replace(
        kind,
        noise=kind.noise or float(random.choice(NOISES)),
        hosts=kind.hosts or str(random.choice(list(HOSTS))),
        correlation=float(random.choice(CORRELATIONS)) if kind.correlation is None else kind.correlation,
        steps=int(random.integers(0, STEPS + 1)) if kind.steps is None else kind.steps,
    )


def _effects(random: Generator, hosts: int) -> Floats:
    return np.log1p(random.uniform(0, HOST_EFFECT, hosts))


def _outliers(random: Generator, runs: int, kind: Kind) -> Floats:
    return np.where(random.random(runs) < kind.outliers, np.log(random.uniform(1.3, 2.0, runs)), 0.0)


def _wandering(random: Generator, runs: int, kind: Kind, before: float | None) -> Floats:
    """Of runs that are correlated with their neighbours, the first with `before` where there is one."""
    noise, correlation = kind.noise or 0.0, kind.correlation or 0.0
    fresh = random.normal(0, noise * np.sqrt(1 - correlation**2), runs)
    found = np.empty(runs)
    for run in range(runs):
        found[run] = random.normal(0, noise) if before is None else correlation * before + fresh[run]
        before = float(found[run])
    return found


def _ratio(random: Generator, noise: Noise, factor: float) -> BaseRatio | None:
    found = measured(random, noise, factor - 1)
    if found.low is None or found.high is None:
        return None
    return BaseRatio(ratio=found.ratio, low=found.low, high=found.high, pairs=found.pairs, noise=found.noise)


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
