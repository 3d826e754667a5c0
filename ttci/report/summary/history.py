"""The part of a summary that is about history: counts, notes, the worst movers, what was not compared."""

from __future__ import annotations

from collections.abc import Sequence

from ttci.drift.judgement import HistoryView, SeriesDrift
from ttci.report.drift_text import (
    Badness,
    badness,
    counts_of,
    from_to,
    how_changed,
    movers,
    said_counts,
    sparkline,
    worst_first,
)
from ttci.report.summary import markdown
from ttci.report.summary.budget import Room, say_left_out
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


def add_history(room: Room, view: HistoryView) -> None:
    """Write what `view` says; the worst have first call on the room."""
    counts = said_counts(counts_of(view.series)) or "nothing was compared"
    if not room.add(f"### Against its history\n\n{markdown.text(view.source)}: {counts}\n\n"):
        return
    _add_notes(room, view.notes)
    _add_movers(room, movers(view.series))
    _add_not_compared(room, [entry for entry in view.series if entry.judgement.drift in _NOT_COMPARED])


def _add_notes(room: Room, notes: Sequence[str]) -> None:
    for note in notes[:_MOST_NOTES]:
        room.add(f"- {markdown.text(note)}\n")
    if notes:
        room.add("\n")
    say_left_out(room, max(0, len(notes) - _MOST_NOTES), "notes")


def _add_movers(room: Room, moved: Sequence[SeriesDrift]) -> None:
    if not moved:
        return
    head = markdown.head(["", "what", "change", "runs, newest last", "why"])
    taken = room.add_table(head, map(_mover_row, moved[:_MOST_MOVERS]), share=0.4)
    say_left_out(room, len(moved) - taken, "changes")


def _mover_row(entry: SeriesDrift) -> str:
    series, judgement = entry.series, entry.judgement
    what = f"{markdown.text(series.identity)}<br>{markdown.text(series.metric)}"
    change = f"{how_changed(entry)}<br>{markdown.text(from_to(entry))}"
    return markdown.row(
        [_ICONS[badness(entry)], what, change, sparkline(entry), markdown.text(judgement.reason)]
    )


def _add_not_compared(room: Room, entries: Sequence[SeriesDrift]) -> None:
    """What history holds and the run does not, and what was measured under other circumstances."""
    if not entries:
        return
    head = f"<details><summary>{len(entries):,} gone or incomparable</summary>\n\n"
    rows = map(_other_row, worst_first(entries))
    taken = room.add_table(head + markdown.head(["", "what", "why"]), rows, end=_END, share=0.1)
    say_left_out(room, len(entries) - taken, "gone or incomparable figures")


def _other_row(entry: SeriesDrift) -> str:
    judgement = entry.judgement
    return markdown.row(
        [str(judgement.drift), markdown.text(str(entry.series)), markdown.text(judgement.reason)]
    )
