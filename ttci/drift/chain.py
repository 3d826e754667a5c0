"""Chains of comparisons: what each run was beside its base, and that beside its own, each on one machine.

Whatever hosts do to the values of runs, a ratio measured on one machine is free of. So the logarithms of
successive ratios add up to the change since the base of the first of them, and the squares of their errors
to the square of its error. Three pushes of 2 %, none of which is sure alone, are sure together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ttci.drift.judgement import Judgement
from ttci.drift.reasons import ByComparisons, Chain
from ttci.history.series import Point
from ttci.results import Comparison, Drift

MOST_RUNS = 8  # the newest, whose ratios are added up: a change is called for eight runs
# A comparison's interval holds 99.9 % of normal noise, which is as wide as Student's t and its looks make it.
_INTERVAL = 3.2905
# Standard errors that a sum must exceed. A comparison ends where its own interval is sure, so that the first
# sums take its word; a false one would be said again for eight runs, so that later ones ask for more.
_FIRST_SUMS, _CRITICAL, _CRITICAL_LATER = 3, _INTERVAL, 4.0
_MAY_BE = 1.645  # standard errors: the upper end of a one-sided interval of 95 %


@dataclass(frozen=True)
class _Link:
    """A ratio of a run to its base, as a logarithm.

    Attributes:
        position: of the base's newest run in the window.
        base: its commit.
    """

    size: float
    error: float
    position: int
    base: str


@dataclass(frozen=True)
class _Sum:
    """The newest links together, of which `last` is the oldest, and `worst` the largest error."""

    size: float
    error: float
    links: int
    last: _Link
    worst: float

    @property
    def is_sure(self) -> bool:
        """Whether noise does not explain it."""
        critical = _CRITICAL if self.links <= _FIRST_SUMS else _CRITICAL_LATER
        return abs(self.size) > critical * self.error

    def matters(self, change: float) -> bool:
        """Whether it may be as large as this, but for what one link leaves open.

        More links leave more open, and what they add does not make a change that is too small any larger.
        """
        return abs(self.size) + _MAY_BE * self.worst >= change

    def may_be(self, change: float, sign: float) -> bool:
        """Whether it may be a change by this logarithm, in that direction."""
        return self.size * sign + _MAY_BE * self.error >= change

    def as_chain(self) -> Chain:
        """In ratios."""
        half_width = _INTERVAL * self.error
        ratios = (math.exp(self.size + end) for end in (0, -half_width, half_width))
        return Chain(self.links, self.last.base, *ratios)


def beside_bases(
    judgement: Judgement,
    window: Sequence[Point],
    current: Point,
    *,
    direction: str,
    smallest_change: float,
    follows: bool,
) -> Judgement:
    """What becomes of the judgement of values alone where comparisons know better.

    Args:
        judgement: of the values.
        window: of earlier runs, oldest first.
        current: the run that is judged.
        direction: which way is better, ``lower`` or ``higher``.
        smallest_change: the fraction that matters.
        follows: whether it is the next one of the window's line; one beside it answers for its own ratio.
    """
    sums = list(_sums(_links(window, current)))[: None if follows else 1]
    if not sums:
        return judgement
    smallest = math.log1p(smallest_change)
    found = _sure(sums, smallest)
    if found is not None:
        return _changed(judgement, found, window, direction)
    told = replace(judgement, chain=sums[-1].as_chain())
    reaches_back = sums[-1].last.position <= len(window) - MOST_RUNS
    is_moved = judgement.is_suspected or judgement.drift in (Drift.SLOWER, Drift.FASTER)
    is_unchanged = not any(sums[-1].may_be(smallest, sign) for sign in (1, -1))
    if is_moved and reaches_back and is_unchanged and current.beside_base:
        reason = ByComparisons(Comparison.SAME, sums[-1].as_chain(), judgement.reason)
        return replace(told, drift=Drift.SAME, is_suspected=False, reason=reason)
    return told


def _links(window: Sequence[Point], current: Point) -> Iterator[_Link]:
    """From the current run back, as far as each base has a run in the window that is a ratio's own end.

    A commit that was run again has the ratio of its newest run that has one.
    """
    positions = {point.commit: position for position, point in enumerate(window)}
    ratios = {point.commit: (point.beside_base, point.base) for point in (*window, current) if point.base}
    position, commit = len(window), current.commit
    while commit and position > len(window) - MOST_RUNS:
        ratio, base = ratios.get(commit, (None, None))
        start = positions.get(base)
        if ratio is None or base is None or start is None or start >= position:
            return
        error = (math.log(ratio.high) - math.log(ratio.low)) / 2 / _INTERVAL
        commit, position = base, start
        yield _Link(math.log(ratio.ratio), error, position, base)


def _sums(links: Iterator[_Link]) -> Iterator[_Sum]:
    size = variance = worst = 0.0
    for count, link in enumerate(links, 1):
        size, variance, worst = size + link.size, variance + link.error**2, max(worst, link.error)
        yield _Sum(size, math.sqrt(variance), count, link, worst)


def _sure(sums: Sequence[_Sum], smallest: float) -> _Sum | None:
    """The fewest links that show a change, unless all of them together show that it is gone again."""
    for found in sums:
        sign = math.copysign(1, found.size)
        if found.is_sure and found.matters(smallest) and sums[-1].may_be(smallest, sign):
            return found
    return None


def _changed(judgement: Judgement, found: _Sum, window: Sequence[Point], direction: str) -> Judgement:
    is_worse = (found.size > 0) == (direction == "lower")
    level = window[found.last.position].confirmed if judgement.level is None else judgement.level
    word = Comparison.SLOWER if is_worse else Comparison.FASTER
    return replace(
        judgement,
        drift=Drift(str(word)),
        is_suspected=False,
        reason=ByComparisons(word, found.as_chain(), judgement.reason),
        change=math.expm1(found.size),
        level=level,
        chain=found.as_chain(),
    )
