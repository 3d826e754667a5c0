"""What is said of two commits beside each other, in words and as findings for a reviewer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ttci.report.finding import Finding, place_of
from ttci.report.ranking import Rank
from ttci.results import Comparison
from ttci.results.comparison import ComparisonRun, Figure, NotCompared
from ttci.text.duration import duration_text
from ttci.text.one_line import printable

_WORST_FIRST = (Comparison.SLOWER, Comparison.UNSURE, Comparison.FASTER, Comparison.SAME)


def worst_first(figures: Sequence[Figure]) -> list[Figure]:
    """In the order in which a reader should see them."""
    return sorted(figures, key=lambda figure: _WORST_FIRST.index(figure.comparison))


def interval_text(figure: Figure) -> str:
    """Between which ratios it lies."""
    if figure.is_exact:
        return "exactly"
    if figure.low is None or figure.high is None:
        return "not known"
    return f"{figure.low:.3f} and {figure.high:.3f}"


def why_not_compared(entry: NotCompared) -> str:
    """Whose fault it is, and the reason."""
    what = "fails in" if entry.is_failure else "not compared, for"
    reason = printable(entry.reason).replace("\\n", "\n  ")
    return f"{what} {'both' if entry.side == 'both' else f'the {entry.side}'}: {reason}"


def conclusion(run: ComparisonRun) -> str:
    """One line of everything."""
    counts = Counter(figure.comparison for figure in run.figures)
    said = [f"{counts[word]} {word}" for word in _WORST_FIRST if counts[word]]
    said += [f"{len(run.not_compared)} not compared"] if run.not_compared else []
    cut = ", interrupted" if run.is_interrupted else ""
    pairs = run.pairs_of_processes
    took = f"{duration_text(run.seconds)}, {pairs} pair{'' if pairs == 1 else 's'} of processes{cut}"
    return f"{', '.join(said) or 'nothing was measured'} ({took})"


def value_text(value: float, unit: str) -> str:
    """A value with its unit; a count has none."""
    return f"{value:.4g}" if unit == "1" else f"{value:.4g} {unit}"


def findings(run: ComparisonRun) -> list[Finding]:
    """What a reviewer should see, for annotations."""
    return [*_changes(run), *_failures(run.not_compared)]


def _changes(run: ComparisonRun) -> Iterator[Finding]:
    ranks = {Comparison.SLOWER: Rank.SLOWER, Comparison.FASTER: Rank.FASTER}
    for figure in run.figures:
        if figure.comparison in ranks:
            text = (
                f"{figure.name} is {figure.comparison} than {run.base.short}: {figure.base:.4g} -> "
                f"{value_text(figure.head, figure.unit)}, head/base {interval_text(figure)}"
            )
            ratio = figure.ratio
            yield Finding(ranks[figure.comparison], figure.id, text, ratio, place_of(figure.declared_at))


def _failures(entries: Sequence[NotCompared]) -> Iterator[Finding]:
    for entry in entries:
        if entry.is_failure:
            rank = Rank.UNAVAILABLE if entry.side == "base" else Rank.ERROR
            yield Finding(rank, entry.id, why_not_compared(entry))
