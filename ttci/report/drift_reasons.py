"""The words for why a figure is called what it is called, and for what that stands on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch

from ttci.drift.reasons import (
    BesideBase,
    BeyondNoise,
    ByComparisons,
    Chain,
    Exact,
    Explained,
    Explanation,
    LooksChanged,
    NeverMeasured,
    NotInNewest,
    NotMeasured,
    OneRunAlone,
    OtherConditions,
    Reason,
    Statistics,
    TooFewRuns,
    UnknownHost,
)
from ttci.history.series import SHORT_COMMIT, Point
from ttci.results import Outcome
from ttci.text.percent import percent_text


@singledispatch
def reason_text(reason: Reason) -> str:
    """A sentence."""
    raise TypeError(f"there are no words for {type(reason).__name__}")


@reason_text.register
def _(reason: TooFewRuns) -> str:
    return f"Too few: {reason.count} of {reason.needed} earlier runs."


@reason_text.register
def _(reason: Exact) -> str:
    if reason.change == 0:
        return "Equal to the last digit."
    if abs(reason.change) < reason.smallest_change:
        return f"{_percent(reason.change)}; below {percent_text(reason.smallest_change)} does not matter."
    return f"{_percent(reason.change)}, of a figure without noise."


@reason_text.register
def _(reason: UnknownHost) -> str:
    return (
        f"Measured on {reason.host}, which the window does not know: "
        f"{reason.needed} runs on it are needed, or runs on several others."
    )


@reason_text.register
def _(reason: BeyondNoise) -> str:
    lie = "its reruns lie" if reason.runs == 1 else f"the newest {reason.runs} runs lie"
    return f"{_percent(reason.change)}; {lie} {reason.standard_errors:.1f} standard errors off."


@reason_text.register
def _(reason: LooksChanged) -> str:
    return f"Looks {_percent(reason.change)}; one run alone does not show it."


@reason_text.register
def _(_: OneRunAlone) -> str:
    return "One run alone does not show a change."


@reason_text.register
def _(reason: Explained) -> str:
    why = {
        Explanation.NOISE: "noise explains it",
        Explanation.DISAGREEMENT: "the newest runs do not agree",
        Explanation.OTHERS_AS_FAR: f"{reason.as_far} of the earlier runs lie as far off",
        Explanation.FEW_RUNS: "the earlier runs are few",
        None: f"below {percent_text(reason.smallest_change)} does not matter",
    }[reason.explanation]
    blind = f", and anything below {reason.seen:.0%}" if reason.seen > reason.blind_from else ""
    return f"{_percent(reason.change)}; {why}{blind}."


@reason_text.register
def _(_: NeverMeasured) -> str:
    return "No earlier run has measured it."


@reason_text.register
def _(reason: OtherConditions) -> str:
    return f"Other conditions than in {_by(reason.last)}: {reason.difference}."


@reason_text.register
def _(reason: NotMeasured) -> str:
    return f"{_why_gone(reason)}; {_by(reason.last)} measured it."


@reason_text.register
def _(reason: NotInNewest) -> str:
    last = f", as run {reason.last[0]} did on {reason.last[1]:%Y-%m-%d}" if reason.last else ""
    return f"Run {reason.run_id}, the newest of {reason.pair}, did not measure it{last}."


@reason_text.register
def _(reason: BesideBase) -> str:
    low, high = reason.low, reason.high
    lies = f", head/base between {low:.3f} and {high:.3f}" if low is not None and high is not None else ""
    return (
        f"Measured beside {reason.base} on one machine: {reason.word}{lies}. "
        f"History alone: {reason_text(reason.alone)}"
    )


@reason_text.register
def _(reason: ByComparisons) -> str:
    return f"{chain_text(reason.chain)}: {reason.word}. History alone: {reason_text(reason.alone)}"


def chain_text(chain: Chain) -> str:
    """``Measured beside 5c1e2c0f5b on one machine: ratio 1.02 (1.00 to 1.04)``."""
    base = chain.base[:SHORT_COMMIT]
    ratio = f"ratio {chain.ratio:.3f} ({chain.low:.3f} to {chain.high:.3f})"
    if chain.links == 1:
        return f"Measured beside {base} on one machine: {ratio}"
    return f"{chain.links} comparisons back to {base}, each on one machine: {ratio}"


def statistics_texts(statistics: Statistics | None) -> Iterator[tuple[str, str]]:
    """What `ttci history explain` says of the window and of the newest runs: name and value."""
    s = statistics
    if s is None:
        return
    if s.level_changes is not None:
        yield "window", f"{s.runs} runs, equal but for {s.level_changes} changes"
    else:
        yield "window", f"{s.runs} runs, the last level {s.level_runs} of them"
    if s.noise is not None:
        yield "noise of a run", f"{s.noise:.2%}"
    if s.correlation is not None:
        yield "correlation of neighbours", f"{s.correlation:.2f}"
    if s.hosts is not None:
        offsets = ", ".join(f"{name} {offset:+.1%}" for name, offset in s.hosts.items())
        yield "hosts", offsets or "none is known"
    yield "smallest change that matters", percent_text(s.smallest_change)
    if s.judged_runs is not None and s.standard_errors is not None:
        off, critical = s.standard_errors
        yield "newest runs judged", str(s.judged_runs)
        yield "change", f"{s.change:+.2%}, standard error {s.error:.2%}"
        yield "standard errors off", f"{off:.2f}, critical {critical:.2f}"
        yield "smallest change that would be seen", f"{s.smallest_seen:.1%}"


def _why_gone(reason: NotMeasured) -> str:
    if reason.outcome is None:
        return "This run has no such check: it was removed, renamed or not chosen"
    if reason.outcome in (Outcome.PASSED, Outcome.FAILED):
        return f"The check does not measure {reason.metric} any more"
    return f"The check ended as {reason.outcome} and measured nothing"


def _by(point: Point) -> str:
    commit = f" of commit {point.commit[:SHORT_COMMIT]}" if point.commit else ""
    return f"run {point.run_id} ({point.started:%Y-%m-%d}){commit}"


def _percent(change: float) -> str:
    return f"{abs(change):.1%} {'higher' if change > 0 else 'lower'}"
