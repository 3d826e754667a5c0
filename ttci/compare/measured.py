"""What has been measured of the tests of one pair so far."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ttci.compare.intervals import Interval, exact, interval_of, is_look
from ttci.compare.messages import Message
from ttci.compare.side import RefusedError
from ttci.manifest import Identity, Pair
from ttci.results import Comparison, Measurement, Outcome
from ttci.results.comparison import Figure, NotCompared

LATENCY, TIMED_CHECK = "latency_ms", "performance"
SIDES = ("base", "head")
_WRONG = (Outcome.ERROR.value, Outcome.FAILED.value)


@dataclass
class TestTurns:
    """One test of both sides.

    Attributes:
        declared: what both sides are asked of, as the head declares it.
        declared_at: ``file:line`` of that.
        logarithms: of head/base, one a pair of processes.
        latencies_ms: of either side, one a pair of processes.
        is_open: whether it is to be measured further.
    """

    __test__ = False

    identity: Identity
    declared: Mapping[str, Any]
    declared_at: str | None = None
    logarithms: list[float] = field(default_factory=list)
    latencies_ms: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    exact_figures: list[Figure] = field(default_factory=list)
    is_open: bool = True
    is_judged: bool = False

    def add(self, base_s: float, head_s: float) -> None:
        """Count a pair of processes: the seconds of a call in each."""
        self.logarithms.append(math.log(head_s / base_s))
        for latencies, seconds in zip(self.latencies_ms, (base_s, head_s), strict=True):
            latencies.append(1000 * seconds)

    def interval(self, *, is_last: bool = False) -> Interval:
        """Of its latency."""
        return interval_of(self.logarithms, is_last=is_last)

    def look(self, same: float) -> None:
        """Close it where enough is known."""
        if is_look(len(self.logarithms)) and self.interval().word(same) is not Comparison.UNSURE:
            self.is_open = False

    def figures(self, same: float) -> Iterator[Figure]:
        """What is known of it now."""
        if self.logarithms:
            base, head = map(statistics.median, self.latencies_ms)
            interval = self.interval(is_last=self.is_open)
            yield self._figure(TIMED_CHECK, (LATENCY, "ms", "lower"), (base, head), interval, same)
        yield from self.exact_figures

    def judged(self, results: Sequence[Sequence[Message]], same: float) -> Iterator[NotCompared]:
        """Take what both sides' checks found once; what of it cannot be compared."""
        self.is_judged = True
        for base, head in zip(*results, strict=True):
            yield from self._not_compared(base, head)
            self.exact_figures += self._exact(base, head, same)

    def _exact(self, base: Message, head: Message, same: float) -> Iterator[Figure]:
        """The figures of a check that have no noise."""
        check = str(base["check"])
        values = [_values(result) for result in (base, head)]
        for name, (unit, direction, value) in values[0].items():
            if name in values[1]:
                both = (value, values[1][name][2])
                yield self._figure(check, (name, unit, direction), both, exact(*both), same)

    def _figure(
        self,
        check: str,
        metric: tuple[str, str, str],
        values: tuple[float, float],
        interval: Interval,
        same: float,
    ) -> Figure:
        name, unit, direction = metric
        limits = [
            None if r is None or math.isinf(r) else r for r in (interval.ratio, interval.low, interval.high)
        ]
        return Figure(
            id=str(Identity(self.identity.pair, self.identity.test, check)),
            name=name,
            unit=unit,
            direction="higher" if direction == "higher" else "lower",
            base=values[0],
            head=values[1],
            ratio=limits[0],
            low=limits[1],
            high=limits[2],
            comparison=interval.word(same, direction),
            pairs=interval.pairs,
            noise=interval.noise,
            declared_at=self.declared_at,
        )

    def _not_compared(self, base: Message, head: Message) -> Iterator[NotCompared]:
        identity = Identity(self.identity.pair, self.identity.test, str(base["check"]))
        outcomes = [str(result["outcome"]) for result in (base, head)]
        wrong = [side for side, outcome in zip(SIDES, outcomes, strict=True) if outcome in _WRONG]
        if not wrong and outcomes[0] == outcomes[1] == Outcome.PASSED:
            return
        absent = [s for s, outcome in zip(SIDES, outcomes, strict=True) if outcome == Outcome.UNAVAILABLE]
        of = wrong or absent
        message = (base if of[0] == "base" else head)["message"]
        yield not_compared(str(identity), of, message, is_failure=bool(wrong))


def not_compared(
    identity: str, sides: Sequence[str], reason: str, *, is_failure: bool = False
) -> NotCompared:
    """That something cannot be compared, for these sides' sake."""
    side: Any = "both" if len(sides) > 1 else sides[0]
    return NotCompared(id=identity, side=side, reason=reason.strip(), is_failure=is_failure)


def refusal_of(identity: str, refused: RefusedError) -> NotCompared:
    """That it cannot be compared, for one side cannot do it, or both."""
    errors = refused.errors
    return not_compared(identity, [error.side for error in errors], errors[0].reason, is_failure=True)


def tests_in_common(
    pair: Pair, declared: Sequence[Mapping[str, Any]], wanted: Sequence[str]
) -> tuple[list[TestTurns], list[NotCompared]]:
    """The tests that both sides declare, and those that one does not.

    Args:
        pair: whose they are.
        declared: the base's and the head's, by name.
        wanted: which of them are asked for, as globs; all of them where there is none.
    """
    from fnmatch import fnmatchcase

    base, head = declared
    names = [
        name
        for name in dict.fromkeys([*head, *base])
        if not wanted or any(fnmatchcase(name, pattern) for pattern in wanted)
    ]
    common = [name for name in names if name in base and name in head]
    alone = [
        not_compared(
            f"{pair}/{name}",
            ["head" if name in base else "base"],
            f"only the {'base' if name in base else 'head'} has this test",
        )
        for name in names
        if name not in common
    ]
    turns = [
        TestTurns(
            Identity(pair, name, TIMED_CHECK),
            head[name]["declared"],
            head[name].get("declared_at"),
        )
        for name in common
    ]
    return turns, alone


def _values(result: Message) -> dict[str, tuple[str, str, float]]:
    """Unit, direction and value of what a check measured exactly, by name."""
    found = _counts(result.get("limit") or {})
    if result["check"] == TIMED_CHECK:
        return found
    measurements = [Measurement.model_validate(measurement) for measurement in result["measurements"]]
    return found | {m.name: (m.unit, m.direction, m.value) for m in measurements if m.value is not None}


def _counts(limit: Message) -> dict[str, tuple[str, str, float]]:
    """What a forward pass does, of a device that counts it."""
    counts = {
        "limit_ms": ("ms", limit.get("latency_ms")),
        "dram_moved_mb": ("MB", limit["dram_bytes"] / 1e6 if "dram_bytes" in limit else None),
        "operations": ("1", limit.get("operations")),
        "programs": ("1", limit.get("programs")),
    }
    return {
        name: (unit, "lower", float(value)) for name, (unit, value) in counts.items() if value is not None
    }
