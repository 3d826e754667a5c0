"""The page of two commits beside each other: every figure with its interval, against what matters."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ttci.files import write_whole
from ttci.report.comparison_text import conclusion, interval_text, why_not_compared, worst_first
from ttci.report.html.columns import json_of
from ttci.report.html.frame import Page, data_element, render_page
from ttci.results import Comparison
from ttci.results.comparison import Commit, ComparisonRun, Figure

_STYLES = ("style.css", "table.css", "details.css", "comparison.css")


def write_comparison(run: ComparisonRun, path: Path, notes: Sequence[str] = ()) -> None:
    """Write the page of `run` to `path`, whole or not at all.

    Args:
        run: what is shown.
        path: where the page is written.
        notes: what is to be said of it beside its own.
    """
    write_whole(path, render_comparison(run, notes))


def render_comparison(run: ComparisonRun, notes: Sequence[str] = ()) -> Iterator[str]:
    """The page of `run` in parts."""
    word, title = _heading(run)
    own = {"verdict": word, "line": escape(conclusion(run)), "sides": escape(_sides(run))}
    page = Page(
        "comparison",
        title,
        ("figures", "figures"),
        ("comparison.html", own),
        _STYLES,
        "comparison.js",
    )
    return render_page(page, data_element("comparison-data", [json_of(comparison_data(run, notes))]))


def comparison_data(run: ComparisonRun, notes: Sequence[str] = ()) -> dict[str, Any]:
    """What the script of the page reads: ``comparison_data.js`` has its types."""
    return {
        "same": run.same,
        "said": conclusion(run),
        "noise": _noise(run.figures),
        "notes": [*run.notes, *notes],
        "not_compared": [[entry.id, why_not_compared(entry)] for entry in run.not_compared],
        "figures": [_figure(figure) for figure in worst_first(run.figures)],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "id": figure.id,
        "name": figure.name,
        "unit": figure.unit,
        "base": figure.base,
        "head": figure.head,
        "ratio": figure.ratio,
        "low": figure.low,
        "high": figure.high,
        "between": interval_text(figure),
        "word": str(figure.comparison),
        "is_exact": figure.is_exact,
        "pairs": figure.pairs,
        "noise": figure.noise,
        "declared_at": figure.declared_at or "",
    }


def _heading(run: ComparisonRun) -> tuple[str, str]:
    """Of the verdicts of a page the one in whose colour it stands, and the title."""
    failing = sum(entry.is_failure and entry.side == "head" for entry in run.not_compared)
    slower = len(run.of(Comparison.SLOWER))
    if slower:
        return "failed", f"{slower} slower"
    if failing:
        return "failed", f"{failing} not running in the head"
    if not run.figures:
        return "nothing-matched", "Nothing was compared"
    if run.of(Comparison.UNSURE):
        return "unavailable", "Not sure yet"
    faster = len(run.of(Comparison.FASTER))
    return "passed", f"{faster} faster, nothing slower" if faster else "The same"


def _sides(run: ComparisonRun) -> str:
    return f"{_side(run.base, 'base')} → {_side(run.head, 'working tree')}"


def _side(commit: Commit, otherwise: str) -> str:
    changes = " and changes" if commit.is_dirty else ""
    return f"{commit.name or otherwise} ({commit.commit[:10]}{changes})"


def _noise(figures: Sequence[Figure]) -> list[float] | None:
    """The median and the largest noise of what was timed; None where nothing was, or too briefly."""
    known = [figure.noise for figure in figures if figure.noise]
    return [statistics.median(known), max(known)] if known else None
