"""The rules by which others call a change, on the same series as ttci's.

Each is told the series up to a run, with the samples of its rounds, and says whether the
newest run is called slower or faster.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import mannwhitneyu

from benchmarks._drift_series import Floats, Series
from ttci.drift.judge import judge
from ttci.results import Drift

WINDOW = 100  # runs that ttci looks back
_ASV_FACTOR, _ASV_LIKELIHOOD = 1.1, 0.002

Rule = Callable[[Series, Floats, int], bool]  # series, samples [runs, rounds], position of the newest run


def ttci(series: Series, samples: Floats, at: int) -> bool:  # noqa: ARG001
    """Drift, as `ttci report` calls it on the default branch."""
    window = slice(max(0, at - WINDOW), at)
    found = judge(
        series.values[window].tolist(), series.hosts[window], float(series.values[at]), series.hosts[at]
    )
    return found.drift in (Drift.SLOWER, Drift.FASTER)


def github_action_benchmark(threshold: float) -> Rule:
    """Its alert-threshold: the ratio to the run before; it alerts on worse ones only."""

    def rule(series: Series, samples: Floats, at: int) -> bool:  # noqa: ARG001
        return bool(series.values[at] / series.values[at - 1] > threshold)

    return rule


def pytest_benchmark(series: Series, samples: Floats, at: int) -> bool:  # noqa: ARG001
    """``--benchmark-compare --benchmark-compare-fail=mean:10%``: the mean against the last saved run's."""
    before, now = samples[at - 1].mean(), samples[at].mean()
    return bool((now - before) / before > 0.1)


def asv(series: Series, samples: Floats, at: int) -> bool:  # noqa: ARG001
    """``asv compare --factor 1.1``: medians apart by the factor, and a Mann-Whitney test at 0.002."""
    ratio = float(np.median(samples[at]) / np.median(samples[at - 1]))
    if 1 / _ASV_FACTOR <= ratio <= _ASV_FACTOR:
        return False
    return bool(mannwhitneyu(samples[at], samples[at - 1]).pvalue < _ASV_LIKELIHOOD)


RULES: dict[str, Rule] = {
    "ttci": ttci,
    "g-a-b 200 %": github_action_benchmark(2.0),
    "g-a-b 110 %": github_action_benchmark(1.1),
    "pytest-benchmark mean:10%": pytest_benchmark,
    "asv 1.1": asv,
}
