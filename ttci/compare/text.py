"""A comparison as a terminal shows it."""

from __future__ import annotations

from collections.abc import Iterator

from ttci.compare.intervals import FEWEST_PAIRS, pairs_needed
from ttci.report.comparison_text import conclusion, interval_text, value_text, why_not_compared, worst_first
from ttci.results import Comparison
from ttci.results.comparison import ComparisonRun, Figure
from ttci.text.duration import duration_text
from ttci.text.one_line import printable
from ttci.text.table import align

_HEADING = ("figure", "base", "head", "head/base", "between", "")


def table(run: ComparisonRun, width: int | None = None) -> str:
    """A row a figure, what is slower first; empty where there is none."""
    if not run.figures:
        return ""
    return align([_HEADING, *map(_row, worst_first(run.figures))], width)


def _row(figure: Figure) -> tuple[str, ...]:
    return (
        f"{printable(figure.id)} {figure.name}",
        *(value_text(value, figure.unit) for value in (figure.base, figure.head)),
        "-" if figure.ratio is None else f"{figure.ratio:.4g}",
        interval_text(figure),
        str(figure.comparison),
    )


def lines_of(run: ComparisonRun) -> Iterator[str]:
    """What stands below the table: what could not be compared, what is unsure and why, and the sum."""
    for entry in run.not_compared:
        yield f"{printable(entry.id)}: {why_not_compared(entry)}"
    for note in run.notes:
        yield f"note: {printable(note)}"
    yield from unsure_lines(run)
    yield conclusion(run)


def unsure_lines(run: ComparisonRun) -> Iterator[str]:
    """Why what is unsure is so, and what it would take."""
    unsure = run.of(Comparison.UNSURE)
    few = [figure for figure in unsure if figure.pairs < FEWEST_PAIRS]
    noisy = [figure for figure in unsure if figure.pairs >= FEWEST_PAIRS and figure.noise]
    if few:
        pairs = max(min(figure.pairs for figure in few), 1)
        seconds = run.seconds * FEWEST_PAIRS / pairs
        yield (
            f"{len(few)} unsure: {pairs} of at least {FEWEST_PAIRS} pairs of processes were measured in the "
            "time, and fewer tell nothing; "
            f"--seconds {_rounded(seconds)} may do, or fewer tests: --test NAME"
        )
    if noisy:
        figure = max(noisy, key=lambda figure: figure.noise or 0.0)
        needed = run.seconds / figure.pairs * pairs_needed(figure.noise or 0.0, run.same)
        only = "" if len(noisy) < len(run.figures) else "nothing can be said on this machine now: "
        yield (
            f"{len(noisy)} unsure: {only}from one pair of processes to the next the ratio varies by "
            f"{figure.noise:.1%}; to tell {run.same:.3g} from 0 would take about {duration_text(needed)} "
            f"(--seconds {_rounded(needed)}), or a quieter machine"
        )


def _rounded(seconds: float) -> int:
    """Up, to two digits."""
    step: int = 10 ** max(len(str(int(seconds))) - 2, 0)
    return (int(seconds) // step + 1) * step
