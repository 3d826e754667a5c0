"""What is said of figures beside their history: counts, the worst movers, sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ttci.catalog.units import is_of_time
from ttci.drift.judgement import HistoryView, SeriesDrift
from ttci.report.drift_reasons import reason_text
from ttci.report.ranking import Badness, badness, movers, worsening
from ttci.results import Drift
from ttci.text.one_line import one_line

SUSPECTED = "suspected"  # is counted beside the words of drift, and is not one of them
_BLOCKS = "▁▂▃▄▅▆▇█"
_MOST_BLOCKS = 24
_MOST_LINES = 20  # of a word, in a terminal


def counts_of(entries: Iterable[SeriesDrift]) -> Counter[str]:
    """How often each word of drift was reached; under `SUSPECTED` how many of them look changed."""
    counted: Counter[str] = Counter()
    for entry in entries:
        counted[str(entry.judgement.drift)] += 1
        counted[SUSPECTED] += entry.judgement.is_suspected
    return counted


def said_counts(counts: Counter[str]) -> str:
    """``12 same (2 suspected), 1 slower``: every word that was reached; a suspicion leaves it the same."""
    suspected = f" ({counts[SUSPECTED]:,} {SUSPECTED})" if counts[SUSPECTED] else ""
    return ", ".join(
        f"{counts[drift]:,} {drift}{suspected if drift is Drift.SAME else ''}"
        for drift in Drift
        if counts[drift]
    )


def history_line(view: HistoryView) -> str:
    """The counts of a whole view, and that nothing was compared where nothing was."""
    return f"history: {said_counts(counts_of(view.series)) or 'nothing was compared'}"


def note_lines(view: HistoryView) -> Iterator[str]:
    """What is to be said of the history itself, a line each."""
    return (one_line(f"history: {note}") for note in view.notes)


def describe_drift(entry: SeriesDrift) -> str:
    """What has changed, from what to what, why that is said, and what it was compared with."""
    # A suspicion is its own reason.
    reason = "" if entry.judgement.is_suspected else reason_text(entry.judgement.reason)
    said = filter(None, (_head(entry), reason, entry.baseline))
    return " ".join(text if text.endswith((".", "!", "?")) else f"{text}." for text in said)


def _head(entry: SeriesDrift) -> str:
    metric, how = entry.series.metric, badness(entry)
    before_and_now = f" ({from_to(entry)})" if from_to(entry) else ""
    if how in (Badness.SUSPECTED_SLOWER, Badness.SUSPECTED_FASTER):
        look = f"{metric} looks {how_changed(entry)}{before_and_now}"
        return f"{look}; one run alone does not show it: --confirm"
    if how in (Badness.SLOWER, Badness.FASTER):
        return f"{metric} is {how_changed(entry)}{before_and_now}"
    return f"{metric}: {entry.judgement.drift}"


def how_changed(entry: SeriesDrift) -> str:
    """``12.0% slower``; of what is no time ``12.0% worse``."""
    bad = worsening(entry)
    worse, better = ("slower", "faster") if is_of_time(entry.series.unit) else ("worse", "better")
    return f"{abs(bad):.1%} {worse if bad >= 0 else better}"


def from_to(entry: SeriesDrift) -> str:
    """``5 → 5.61 ms``: the level before and the one that the change leads to.

    Where the run's own value is another one, ``, this run 5.7 ms``. Empty where level or
    change is not known.
    """
    level, change, current = entry.judgement.level, entry.judgement.change, entry.current
    if level is None or change is None or current is None:
        return ""
    # A change is no fraction of a level that is 0 or below.
    now = level * (1 + change) if level > 0 else current.value
    unit, digits = ("", 6) if entry.series.unit == "1" else (f" {entry.series.unit}", 4)
    before, after, own = (f"{value:.{digits}g}" for value in (level, now, current.value))
    return f"{before} → {after}{unit}" + (f", this run {own}{unit}" if own != after else "")


def changed_lines(view: HistoryView) -> list[str]:
    """What is slower, then what is suspected, worst first and a line each, as a terminal shows it."""
    moved = movers(view.series)
    slower = [entry for entry in moved if badness(entry) is Badness.SLOWER]
    suspected = [entry for entry in moved if entry.judgement.drift is Drift.SAME]
    return [*_lines(str(Drift.SLOWER), slower), *_lines(SUSPECTED, suspected)]


def _lines(word: str, entries: Sequence[SeriesDrift]) -> list[str]:
    said = [one_line(f"{word}: {_changed(entry)}") for entry in entries[:_MOST_LINES]]
    more = len(entries) - len(said)
    return [*said, f"and {more:,} more {word} in summary.md"] if more else said


def _changed(entry: SeriesDrift) -> str:
    before_and_now = f" ({from_to(entry)})" if from_to(entry) else ""
    return f"{entry.series}{before_and_now}: {reason_text(entry.judgement.reason)}"


def sparkline(entry: SeriesDrift) -> str:
    """The newest values of the window and the current one, from the least to the most as blocks."""
    values = [point.value for point in (*entry.window, *((entry.current,) if entry.current else ()))]
    values = values[-_MOST_BLOCKS:]
    if not values:
        return ""
    least, most = min(values), max(values)
    if not most > least:
        return _BLOCKS[len(_BLOCKS) // 2] * len(values)
    return "".join(_BLOCKS[round((value - least) / (most - least) * (len(_BLOCKS) - 1))] for value in values)
