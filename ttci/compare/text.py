"""A comparison as people read it, and as marks for a pull request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ttci.compare.intervals import FEWEST_PAIRS, pairs_needed
from ttci.compare.results import ComparisonRun, Figure, NotCompared
from ttci.report.findings import Finding, Place
from ttci.report.ranking import Rank
from ttci.results import Comparison
from ttci.text.duration import duration_text
from ttci.text.one_line import printable
from ttci.text.table import align

_HEADING = ("figure", "base", "head", "head/base", "between", "")
_WORST_FIRST = (Comparison.SLOWER, Comparison.UNSURE, Comparison.FASTER, Comparison.SAME)


def table(run: ComparisonRun, width: int | None = None) -> str:
    """A row a figure, what is slower first; empty where there is none."""
    if not run.figures:
        return ""
    ordered = sorted(run.figures, key=lambda figure: _WORST_FIRST.index(figure.comparison))
    return align([_HEADING, *map(_row, ordered)], width)


def _row(figure: Figure) -> tuple[str, ...]:
    return (
        f"{printable(figure.id)} {figure.name}",
        *(f"{value:.4g} {figure.unit}" for value in (figure.base, figure.head)),
        "-" if figure.ratio is None else f"{figure.ratio:.4g}",
        interval_text(figure),
        str(figure.comparison),
    )


def interval_text(figure: Figure) -> str:
    """Between which ratios it lies."""
    if figure.noise == 0:
        return "exactly"
    if figure.low is None or figure.high is None:
        return "not known"
    return f"{figure.low:.3f} and {figure.high:.3f}"


def lines_of(run: ComparisonRun) -> Iterator[str]:
    """What stands below the table: what could not be compared, what is unsure and why, and the sum."""
    for entry in run.not_compared:
        yield f"{printable(entry.id)}: {_why(entry)}"
    for note in run.notes:
        yield f"note: {printable(note)}"
    yield from _unsure_lines(run)
    yield conclusion(run)


def _why(entry: NotCompared) -> str:
    what = "fails in" if entry.is_failure else "not compared, for"
    reason = printable(entry.reason).replace("\\n", "\n  ")
    return f"{what} {'both' if entry.side == 'both' else f'the {entry.side}'}: {reason}"


def _unsure_lines(run: ComparisonRun) -> Iterator[str]:
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


def conclusion(run: ComparisonRun) -> str:
    """One line of everything."""
    counts = Counter(figure.comparison for figure in run.figures)
    said = [f"{counts[word]} {word}" for word in _WORST_FIRST if counts[word]]
    said += [f"{len(run.not_compared)} not compared"] if run.not_compared else []
    cut = ", interrupted" if run.is_interrupted else ""
    pairs = run.pairs_of_processes
    took = f"{duration_text(run.seconds)}, {pairs} pair{'' if pairs == 1 else 's'} of processes{cut}"
    return f"{', '.join(said) or 'nothing was measured'} ({took})"


def findings(run: ComparisonRun) -> list[Finding]:
    """What a reviewer should see, for annotations."""
    return [*_changes(run), *_failures(run.not_compared)]


def _changes(run: ComparisonRun) -> Iterator[Finding]:
    ranks = {Comparison.SLOWER: Rank.SLOWER, Comparison.FASTER: Rank.FASTER}
    for figure in run.figures:
        if figure.comparison in ranks:
            text = (
                f"{figure.name} is {figure.comparison} than {run.base.name or 'the base'}: "
                f"{figure.base:.4g} -> {figure.head:.4g} {figure.unit}, head/base {interval_text(figure)}"
            )
            ratio = figure.ratio
            yield Finding(ranks[figure.comparison], figure.id, text, ratio, _place(figure.declared_at))


def _failures(entries: Sequence[NotCompared]) -> Iterator[Finding]:
    for entry in entries:
        if entry.is_failure:
            rank = Rank.UNAVAILABLE if entry.side == "base" else Rank.ERROR
            yield Finding(rank, entry.id, _why(entry))


def _place(declared_at: str | None) -> Place | None:
    file, _, line = (declared_at or "").rpartition(":")
    return Place(file, int(line)) if file and line.isdecimal() else None
