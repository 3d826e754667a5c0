"""The drift verdict of one figure: statistics over numbers alone.

A run is called slower or faster where three things hold. The newest two or three runs lie
beyond what the noise of this figure, on these hosts, explains. They agree with each other:
an outlier counts as little more than the others beside it. And the change may be as large
as what matters. One run alone is never enough, because one in a hundred is an outlier
anywhere: it is suspected, and its reruns or its successors decide.

How often this errs is measured by ``benchmarks/drift.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ttci.catalog.metrics import SMALLEST_CHANGE
from ttci.drift.judgement import Judgement
from ttci.drift.levels import FEWEST_OF_A_HOST
from ttci.drift.noise import median
from ttci.drift.reasons import (
    BeyondNoise,
    Exact,
    Explained,
    LooksChanged,
    OneRunAlone,
    Reason,
    Statistics,
    TooFewRuns,
    UnknownHost,
)
from ttci.drift.recent import FEWEST_OLD_RUNS, MOST_NEW_RUNS, Change, Newest, runs_left_out
from ttci.results import Drift

FEWEST_RUNS = FEWEST_OLD_RUNS + MOST_NEW_RUNS - 1  # of a window
FEWEST_EQUAL_RUNS = (
    5  # of a window in which runs are equal to the last digit: what is measured so has no noise
)
_EQUAL_PAIRS = 0.8  # of neighbours
_BLIND = 0.2  # a change of this size that would not be seen is to be said
_SUSPECTED = 1e-3  # how likely noise alone goes so far in one run


def judge(
    values: Sequence[float],
    hosts: Sequence[str],
    value: float,
    host: str,
    *,
    direction: str = "lower",
    smallest_change: float = SMALLEST_CHANGE,
    reruns: Sequence[float] = (),
    follows: bool = True,
) -> Judgement:
    """Judge `value`, measured on `host`, against the window of earlier `values`, oldest first.

    Args:
        values: of the window, oldest first.
        hosts: of each of them.
        value: of the run that is judged.
        host: of that run.
        direction: which way is better, ``lower`` or ``higher``.
        smallest_change: the fraction that matters.
        reruns: values of the same code, measured again because the first one was suspected;
            they stand for it, as it was chosen for being far off.
        follows: the run is the next one of the window's own line, so that its newest runs
            may show the same change; a pull request stands beside it.
    """
    count = len(values)
    now = median(np.array(reruns)) if len(reruns) else value
    if _is_exact(values):
        level = values[count - 1 - min(runs_left_out(count), count - FEWEST_EQUAL_RUNS)]
        return _without_noise(values, level, now, direction, smallest_change)
    if count < FEWEST_RUNS:
        return Judgement(Drift.TOO_FEW, TooFewRuns(count, FEWEST_RUNS))
    newest = Newest(np.array([*values, now]), [*hosts, host], direction=direction)
    if not newest.is_comparable:
        return _on_a_new_host(newest, host, smallest_change)
    return _Case(newest, direction, smallest_change, follows, bool(len(reruns))).judged()


def _is_exact(values: Sequence[float]) -> bool:
    """Whether it is a figure without noise, which stays as it is until it is changed."""
    equal = sum(before == after for before, after in pairwise(values))
    return len(values) >= FEWEST_EQUAL_RUNS and equal >= _EQUAL_PAIRS * (len(values) - 1)


def _without_noise(
    values: Sequence[float], level: float, now: float, direction: str, smallest_change: float
) -> Judgement:
    """A figure that is what it is: one run shows a change."""
    change = (now - level) / (abs(level) or abs(now) or 1.0)
    starts = tuple(at + 1 for at, (before, after) in enumerate(pairwise(values)) if before != after)
    matters = change != 0 and abs(change) >= smallest_change
    return Judgement(
        _word(change, direction) if matters else Drift.SAME,
        Exact(change, smallest_change),
        change=change,
        level=level,
        noise=0.0,
        change_points=starts,
        statistics=Statistics(smallest_change, len(values), level_changes=len(starts)),
    )


def _on_a_new_host(newest: Newest, host: str, smallest_change: float) -> Judgement:
    reason = UnknownHost(host, FEWEST_OF_A_HOST)
    return _about(newest, Drift.INCOMPARABLE, reason, None, smallest_change)


class _Case:
    """The newest runs of a figure, and what is to be said of them."""

    def __init__(
        self, newest: Newest, direction: str, smallest_change: float, follows: bool, has_reruns: bool
    ) -> None:
        self._newest, self._direction, self._smallest_change = newest, direction, smallest_change
        self._follows, self._has_reruns = follows, has_reruns

    def judged(self) -> Judgement:
        if not self._follows:
            self._stand_beside_the_newest()
        changes = self._changes()
        found = next(filter(self._is_to_be_called, changes), None)
        return self._called(found) if found else self._not_called(changes)

    def _stand_beside_the_newest(self) -> None:
        """Where the newest runs of the default branch have changed, that is no pull request's doing."""
        for runs in range(2, MOST_NEW_RUNS + 1):
            change = self._newest.change(runs, before=1)
            if change is not None and self._is_to_be_called(change):
                self._newest.take_over(change)
                return

    def _changes(self) -> list[Change]:
        """The newest runs together, fewest first; a single one where its reruns stand for it."""
        counts = [1] if self._has_reruns else []
        if self._follows:
            counts += range(2, MOST_NEW_RUNS + 1)
        return [change for change in map(self._newest.change, counts) if change is not None]

    def _is_to_be_called(self, change: Change) -> bool:
        return change.is_beyond_noise and change.matters(self._smallest_change)

    def _called(self, change: Change) -> Judgement:
        size = self._newest.change_of(change)
        reason = BeyondNoise(size, change.runs, abs(change.size) / change.error)
        return self._about(_word(size, self._direction), reason, change)

    def _not_called(self, changes: Sequence[Change]) -> Judgement:
        alone = self._newest.change(1, likelihood=_SUSPECTED)
        if alone is not None and self._is_to_be_called(alone) and not self._has_reruns:
            reason = LooksChanged(self._newest.change_of(alone))
            return replace(self._about(Drift.SAME, reason, alone), is_suspected=True)
        change = changes[-1] if changes else alone
        if change is None:  # two of the newest runs are on hosts that nothing is known of
            return self._about(Drift.SAME, OneRunAlone(), None)
        explained = Explained(
            self._newest.change_of(change),
            change.explanation,
            change.as_far,
            self._smallest_change,
            self._newest.as_fraction(change.critical * change.error),
            _BLIND,
        )
        return self._about(Drift.SAME, explained, change)

    def _about(self, drift: Drift, reason: Reason, change: Change | None) -> Judgement:
        return _about(self._newest, drift, reason, change, self._smallest_change)


def _about(
    newest: Newest, drift: Drift, reason: Reason, change: Change | None, smallest_change: float
) -> Judgement:
    return Judgement(
        drift=drift,
        reason=reason,
        change=newest.change_of(change) if change else None,
        level=newest.level,
        noise=newest.as_fraction(newest.parts.noise),
        change_points=newest.parts.starts[1:],
        statistics=_statistics(newest, change, smallest_change),
    )


def _statistics(newest: Newest, change: Change | None, smallest_change: float) -> Statistics:
    window = Statistics(
        smallest_change,
        newest.reference,
        newest.level_runs,
        noise=newest.as_fraction(newest.parts.noise),
        correlation=newest.parts.correlation,
        hosts=newest.offsets() if newest.parts.has_hosts else None,
    )
    if change is None:
        return window
    return replace(
        window,
        judged_runs=change.runs,
        change=newest.change_of(change),
        error=change.error,
        standard_errors=(abs(change.size) / change.error, change.critical),
        smallest_seen=newest.as_fraction(change.critical * change.error),
    )


def _word(change: float, direction: str) -> Drift:
    return Drift.SLOWER if (change > 0) == (direction == "lower") else Drift.FASTER
