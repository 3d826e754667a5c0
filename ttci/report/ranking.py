"""What hurts most: the one order in which a report shows checks, targets and changes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from ttci.drift.judgement import SeriesDrift
from ttci.results import Drift, Measurement, Outcome, Result, Verdict

_LEAST_SHOWN = 0.0005  # a change that is not written as 0.0%


class Rank(IntEnum):
    """What hurts how much: the first most."""

    INCOMPLETE = 0  # a pair, or the report
    ERROR = 1
    WRONG = 2  # numbers
    MISSED = 3  # a target
    SLOWER = 4  # than its history; it fails a report that is told to fail on it
    UNAVAILABLE = 5
    IMPOSSIBLE = 6  # a target that no board can reach
    SUSPECTED = 7  # of being slower or faster
    IMPROVED = 8  # against its target
    FASTER = 9  # than its history
    WELL = 10

    @property
    def fails(self) -> bool:
        """Whether it is red whatever the report fails on."""
        return self <= Rank.MISSED


def rank_of(result: Result) -> Rank:
    """How much a check hurts, its history left aside."""
    if result.outcome is Outcome.ERROR:
        return Rank.ERROR
    if result.outcome is Outcome.FAILED:
        return Rank.MISSED if missed_targets(result) else Rank.WRONG
    if result.outcome is Outcome.UNAVAILABLE:
        return Rank.UNAVAILABLE
    is_improved = any(m.verdict is Verdict.IMPROVED for m in result.measurements)
    return Rank.IMPROVED if is_improved else Rank.WELL


def rank_of_change(entry: SeriesDrift) -> Rank:
    """How much a change against history hurts."""
    ranks = {Drift.SLOWER: Rank.SLOWER, Drift.FASTER: Rank.FASTER}
    return ranks.get(entry.judgement.drift, Rank.SUSPECTED)


def ratio_to_limit(measurement: Measurement) -> float | None:
    """How the value stands to its limit: 1 just meets it, 1.2 is beyond it by a fifth.

    None without a target, without a value, and for a correlation, which is judged on
    how far it is from 1.
    """
    m = measurement
    if m.value is None or m.limit is None or m.name == "correlation":
        return None
    value, limit = (m.value, m.limit) if m.direction == "lower" else (m.limit, m.value)
    if limit <= 0 or value < 0:
        return None
    return value / limit


def missed_targets(result: Result) -> list[Measurement]:
    """The measurements that fail `result`; a low correlation is a wrong number, no missed target."""
    return [m for m in result.measurements if m.verdict.fails and m.name != "correlation"]


class Badness(IntEnum):
    """In which order figures are shown: what got worse first."""

    SLOWER = 0
    SUSPECTED_SLOWER = 1
    GONE = 2
    FASTER = 3
    SUSPECTED_FASTER = 4
    INCOMPARABLE = 5
    SAME = 6
    TOO_FEW = 7
    NEW = 8


_MOVED = (Badness.SLOWER, Badness.SUSPECTED_SLOWER, Badness.FASTER, Badness.SUSPECTED_FASTER)


def badness(entry: SeriesDrift) -> Badness:
    """How bad this is."""
    judgement = entry.judgement
    if judgement.is_suspected and judgement.drift not in (Drift.SLOWER, Drift.FASTER):
        return Badness.SUSPECTED_SLOWER if worsening(entry) >= 0 else Badness.SUSPECTED_FASTER
    return Badness[judgement.drift.name]


def worsening(entry: SeriesDrift) -> float:
    """The change as a fraction, above 0 where it is for the worse; 0 where nothing is known."""
    change = entry.judgement.change or 0.0
    return change if entry.series.direction == "lower" else -change


def worst_first(entries: Iterable[SeriesDrift]) -> list[SeriesDrift]:
    """In the order in which a reader should see them."""
    return sorted(entries, key=lambda entry: (*_order(entry), str(entry.series)))


def _order(entry: SeriesDrift) -> tuple[int, bool, float]:
    """Within a word what is unchanged as far as a reader sees comes last."""
    rank, change = badness(entry), worsening(entry)
    is_unchanged = abs(change) < _LEAST_SHOWN
    return rank, is_unchanged, change if rank in (Badness.FASTER, Badness.SUSPECTED_FASTER) else -change


def movers(entries: Iterable[SeriesDrift]) -> list[SeriesDrift]:
    """Those that have changed, or look so, worst first."""
    return worst_first(entry for entry in entries if badness(entry) in _MOVED)
