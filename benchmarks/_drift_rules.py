"""The rules by which others call a change, on the same series as ttci's.

Each is told the series up to a run, with the samples of its rounds, and says whether the
newest run is called slower or faster.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from functools import lru_cache

import numpy as np
from scipy.stats import mannwhitneyu

from benchmarks._drift_series import Floats, Series
from ttci.catalog.metrics import SMALLEST_CHANGE
from ttci.drift import recent
from ttci.drift.chain import beside_bases
from ttci.drift.judge import judge
from ttci.drift.levels import Levels, take_apart
from ttci.history.series import Point
from ttci.results import Drift

WINDOW = 100  # runs that ttci looks back
_BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
_ASV_FACTOR, _ASV_LIKELIHOOD = 1.1, 0.002


@lru_cache(maxsize=1)
def _apart(values: bytes, codes: bytes) -> Levels:
    return take_apart(np.frombuffer(values), np.frombuffer(codes, dtype=np.intp))


# The endings of one series share what they are measured against, which takes most of the time.
setattr(recent, "take_apart", lambda values, codes: _apart(values.tobytes(), codes.tobytes()))  # noqa: B010

Rule = Callable[[Series, Floats, int], bool]  # series, samples [runs, rounds], position of the newest run


def ttci(series: Series, samples: Floats, at: int) -> bool:  # noqa: ARG001
    """Drift, as `ttci report` calls it on the default branch."""
    window = slice(max(0, at - WINDOW), at)
    found = judge(
        series.values[window].tolist(), series.hosts[window], float(series.values[at]), series.hosts[at]
    )
    if series.compared:
        points = [_point(series, run) for run in range(window.start, at + 1)]
        found = beside_bases(
            *(found, points[:-1], points[-1]),
            direction="lower",
            smallest_change=SMALLEST_CHANGE,
            follows=True,
        )
    return found.drift in (Drift.SLOWER, Drift.FASTER)


def _point(series: Series, run: int) -> Point:
    """As history has a run, of a commit of its own each."""
    ratio = series.compared[run]
    what = (f"{run}", _BEGIN, float(series.values[run]), series.hosts[run], f"{run}", "main", "")
    return Point(*what, base=f"{run - 1}" if ratio else None, beside_base=ratio)


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
