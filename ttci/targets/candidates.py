"""The targets that measurements suggest."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ttci.catalog.metrics import WITH_TARGETS
from ttci.catalog.units import is_of_time
from ttci.history.series import Figure, figures_of, in_utc
from ttci.results import Fidelity, Measurement, Outcome, Result, Run, Verdict
from ttci.targets.levels import Level, level_of_runs

STANDARD_DEVIATIONS = 3.0
TOLERANCE_WITHOUT_NOISE = 0.01  # of figures that no clock gives: they move when the code does
_DIGITS = 3  # of a target: as reports suggest one

LevelOf = Callable[[str, str, Sequence[float]], Level | None]  # of an identity, a metric, rounds


@dataclass(frozen=True)
class Candidate:
    """A target that may be set, and what it comes from.

    Attributes:
        result: of the newest run, that holds the measurement.
        measurement: with the target that it had in that run, if any.
        level: what the figure usually is.
        tolerance: that its noise asks for.
        fidelity: how much the device's numbers mean.
        is_computed_right: whether the test's correctness did not fail in that run.
    """

    result: Result
    measurement: Measurement
    level: Level
    tolerance: float
    fidelity: Fidelity
    is_computed_right: bool

    @property
    def identity(self) -> str:
        """Of the check."""
        return self.result.id

    @property
    def metric(self) -> str:
        """The name of the measurement."""
        return self.measurement.name

    @property
    def places(self) -> Mapping[str, str]:
        """Where the manifest of that run stated targets: file and line, by metric."""
        return self.result.config.targets_at or {}

    @property
    def declared_at(self) -> str | None:
        """The file and line of the test in the model's code."""
        return self.result.config.declared_at

    @property
    def value(self) -> float:
        """The target: the level, of as many digits as a person writes."""
        return float(f"{self.level.value:.{_DIGITS}g}")

    @property
    def is_improved(self) -> bool:
        """Whether it was better than its target by more than the tolerance."""
        return self.measurement.verdict is Verdict.IMPROVED

    def is_better_than(self, target: float) -> bool:
        """Whether this target asks for more than another."""
        return self.value < target if self.measurement.direction == "lower" else self.value > target


def tolerance_for(noise: float | None, unit: str, smallest_change: float) -> float:
    """Which tolerance keeps noise from missing a target, a fraction in steps of 0.01.

    Three standard deviations, beyond which one run in 700 lies on either side by chance where noise is
    normal (Shewhart, Economic Control of Quality of Manufactured Product, 1931), and never less than
    what matters: of a time the smallest change, of what has no noise `TOLERANCE_WITHOUT_NOISE`.

    Args:
        noise: the standard deviation of a run, as a fraction; None where nothing tells it.
        unit: of the figure.
        smallest_change: the fraction that matters, as the manifest has it under [history].
    """
    least = smallest_change if is_of_time(unit) else min(smallest_change, TOLERANCE_WITHOUT_NOISE)
    asked = 100 * STANDARD_DEVIATIONS * (noise or 0.0)
    return max(least, math.ceil(asked - 1e-9) / 100) if math.isfinite(asked) else math.inf


def candidates(
    runs: Sequence[Run], smallest_change: Callable[[str], float], level_of: LevelOf | None = None
) -> Iterator[Candidate]:
    """A candidate for each figure of the newest run that a target can be set of.

    Args:
        runs: of one pair.
        smallest_change: the fraction that matters, by metric.
        level_of: what history says of a figure; where None the level is of `runs`, those of them that
            were measured under the conditions of the newest.
    """
    newest = max(runs, key=lambda run: in_utc(run.started))
    level_of = level_of or _Levels(runs, newest)
    wrong = {result.test for result in newest.results if _is_of_wrong_numbers(result)}
    for result in newest.results:
        for measurement in _with_targets(result):
            level = level_of(result.id, measurement.name, _rounds(result, measurement))
            if level is not None:
                least = smallest_change(measurement.name)
                tolerance = tolerance_for(level.noise, measurement.unit, least)
                is_right = result.test not in wrong
                yield Candidate(result, measurement, level, tolerance, newest.fidelity, is_right)


def _is_of_wrong_numbers(result: Result) -> bool:
    return result.check == "correctness" and result.outcome in (Outcome.FAILED, Outcome.ERROR)


def _with_targets(result: Result) -> Iterator[Measurement]:
    if result.outcome not in (Outcome.PASSED, Outcome.FAILED) or result.is_lost or result.is_unfinished:
        return
    for measurement in result.measurements:
        metric = WITH_TARGETS.get(measurement.name)
        if metric and measurement.value is not None and measurement.unit == metric.unit:
            yield measurement


def _rounds(result: Result, measurement: Measurement) -> Sequence[float]:
    """Its samples; of a figure of time without any, those of the time that it is worked out from."""
    if measurement.samples or not is_of_time(measurement.unit):
        return measurement.samples
    return next((m.samples for m in result.measurements if m.samples and is_of_time(m.unit)), ())


class _Levels:
    """The levels of figures, of the runs that may be compared with the newest."""

    def __init__(self, runs: Sequence[Run], newest: Run) -> None:
        self._newest = _by_name(newest)
        self._others = [_by_name(run) for run in runs if run is not newest]

    def __call__(self, identity: str, metric: str, rounds: Sequence[float]) -> Level:
        own = self._newest[identity, metric]
        others = (figures.get((identity, metric)) for figures in self._others)
        alike = [figure for figure in others if figure and figure.conditions == own.conditions]
        return level_of_runs([*map(_confirmed, alike), _confirmed(own)], rounds)


def _by_name(run: Run) -> Mapping[tuple[str, str], Figure]:
    return {(figure.series.identity, figure.series.metric): figure for figure in figures_of(run)}


def _confirmed(figure: Figure) -> float:
    """The value; where there are reruns their median, for it was doubted."""
    return statistics.median(figure.reruns) if figure.reruns else figure.value
