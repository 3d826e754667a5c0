"""The part of a summary that is about history: counts, notes, the worst movers, what was not compared."""

from __future__ import annotations

from collections.abc import Sequence

from ttci.drift.judgement import HistoryView, SeriesDrift
from ttci.report.drift_reasons import reason_text
from ttci.report.drift_text import (
    counts_of,
    from_to,
    how_changed,
    said_counts,
    sparkline,
)
from ttci.report.ranking import Badness, badness, movers, worst_first
from ttci.report.summary import markdown
from ttci.report.summary.budget import Budget, say_left_out
from ttci.results import Drift

_MOST_MOVERS = 50
_MOST_NOTES = 10
_ICONS = {
    Badness.SLOWER: "🐢 slower",
    Badness.SUSPECTED_SLOWER: "🔎 looks slower",
    Badness.FASTER: "⚡ faster",
    Badness.SUSPECTED_FASTER: "🔎 looks faster",
}
_NOT_COMPARED = (Drift.GONE, Drift.INCOMPARABLE)
_END = "\n</details>\n\n"


def add_history(budget: Budget, view: HistoryView) -> None:
    """Write what `view` says; the worst have first call on the budget."""
    counts = said_counts(counts_of(view.series)) or "nothing was compared"
    if not budget.add(f"### Against its history\n\n{markdown.text(view.source)}: {counts}\n\n"):
        return
    _add_notes(budget, view.notes)
    _add_movers(budget, movers(view.series))
    _add_not_compared(budget, [entry for entry in view.series if entry.judgement.drift in _NOT_COMPARED])


def _add_notes(budget: Budget, notes: Sequence[str]) -> None:
    for note in notes[:_MOST_NOTES]:
        budget.add(f"- {markdown.text(note)}\n")
    if notes:
        budget.add("\n")
    say_left_out(budget, max(0, len(notes) - _MOST_NOTES), "notes")


def _add_movers(budget: Budget, moved: Sequence[SeriesDrift]) -> None:
    if not moved:
        return
    head = markdown.head(["", "what", "change", "runs, newest last", "why"])
    taken = budget.add_table(head, map(_mover_row, moved[:_MOST_MOVERS]), share=0.4)
    say_left_out(budget, len(moved) - taken, "changes")


def _mover_row(entry: SeriesDrift) -> str:
    series, judgement = entry.series, entry.judgement
    what = f"{markdown.text(series.identity)}<br>{markdown.text(series.metric)}"
    change = f"{how_changed(entry)}<br>{markdown.text(from_to(entry))}"
    return markdown.row(
        [_ICONS[badness(entry)], what, change, sparkline(entry), markdown.text(reason_text(judgement.reason))]
    )


def _add_not_compared(budget: Budget, entries: Sequence[SeriesDrift]) -> None:
    """What history holds and the run does not, and what was measured under other conditions."""
    if not entries:
        return
    head = f"<details><summary>{len(entries):,} gone or incomparable</summary>\n\n"
    rows = map(_other_row, worst_first(entries))
    taken = budget.add_table(head + markdown.head(["", "what", "why"]), rows, end=_END, share=0.1)
    say_left_out(budget, len(entries) - taken, "gone or incomparable figures")


def _other_row(entry: SeriesDrift) -> str:
    judgement = entry.judgement
    return markdown.row(
        [str(judgement.drift), markdown.text(str(entry.series)), markdown.text(reason_text(judgement.reason))]
    )
