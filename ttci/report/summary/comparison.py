"""The part of a summary that is about two commits beside each other: what differs first, the rest folded."""

from __future__ import annotations

from collections.abc import Iterable

from ttci.report.comparison_text import conclusion, interval_text, why_not_compared, worst_first
from ttci.report.summary import markdown
from ttci.report.summary.budget import Budget, say_left_out
from ttci.results import Comparison
from ttci.results.comparison import ComparisonRun, Figure

_ICONS = {
    Comparison.SLOWER: "🐢 slower",
    Comparison.UNSURE: "❔ unsure",
    Comparison.FASTER: "⚡ faster",
    Comparison.SAME: "same",
}
_HEAD = markdown.head(["", "what", "base → head", "head/base", "between"])
_END = "\n</details>\n\n"


def add_comparison(budget: Budget, run: ComparisonRun) -> None:
    """Write what `run` found; what differs has first call on the budget."""
    base = markdown.text(run.base.short)
    if not budget.add(f"### Measured beside {base}\n\n{markdown.text(conclusion(run))}\n\n"):
        return
    figures = worst_first(run.figures)
    others = [figure for figure in figures if figure.comparison is not Comparison.SAME]
    same = [figure for figure in figures if figure.comparison is Comparison.SAME]
    if others:
        taken = budget.add_table(_HEAD, map(_row, others), share=0.4)
        say_left_out(budget, len(others) - taken, "figures")
    _add_folded(budget, f"{len(same):,} the same", _HEAD, list(map(_row, same)))
    rows = [
        markdown.row([markdown.text(entry.id), markdown.text(why_not_compared(entry))])
        for entry in run.not_compared
    ]
    _add_folded(budget, f"{len(rows):,} not compared", markdown.head(["what", "why"]), rows)
    _add_notes(budget, run.notes)


def _add_folded(budget: Budget, title: str, head: str, rows: list[str]) -> None:
    if rows:
        begin = f"<details><summary>{title}</summary>\n\n"
        taken = budget.add_table(begin + head, rows, end=_END, share=0.2)
        say_left_out(budget, len(rows) - taken, "rows")


def _add_notes(budget: Budget, notes: Iterable[str]) -> None:
    lines = "".join(f"- {markdown.text(note)}\n" for note in notes)
    if lines:
        budget.add(f"{lines}\n")


def _row(figure: Figure) -> str:
    what = f"{markdown.text(figure.id)}<br>{markdown.text(figure.name)}"
    values = f"{figure.base:.4g} → {figure.head:.4g} {markdown.text(figure.unit)}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.3f}"
    return markdown.row([_ICONS[figure.comparison], what, values, ratio, interval_text(figure)])
