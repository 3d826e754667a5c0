"""What two commits beside each other say of a report's figures, which counts more than its history.

Which comparisons belong to a run, `ttci.history.beside_base` says. What a chain of them says stays: it knows
of more than the last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ttci.drift.judgement import HistoryView, SeriesDrift
from ttci.drift.reasons import BesideBase, ByComparisons
from ttci.history.beside_base import belongs_to
from ttci.manifest.identity import pair_of
from ttci.report.collect import Report
from ttci.report.drift_text import from_to, how_changed
from ttci.report.ranking import Badness, badness
from ttci.results import Comparison, Drift, Run
from ttci.results.comparison import ComparisonRun, Figure

# What history says of one run, or of its reruns, and a comparison knows better.
_MOVED = (Badness.SLOWER, Badness.SUSPECTED_SLOWER, Badness.FASTER, Badness.SUSPECTED_FASTER)
Key = tuple[str, str]  # the identity of a check, and a metric


@dataclass(frozen=True)
class Compared:
    """A figure of both commits, and the comparison that it is of."""

    figure: Figure
    run: ComparisonRun


def compared_figures(report: Report) -> dict[Key, Compared]:
    """What is known of each figure of both commits; of several comparisons the newest counts."""
    return {(f.id, f.name): Compared(f, run) for run in report.comparisons for f in run.figures}


def counts_of(report: Report) -> Counter[Comparison]:
    """How often each word was reached."""
    return Counter(entry.figure.comparison for entry in compared_figures(report).values())


def with_comparisons(report: Report) -> Report:
    """`report` with the comparisons that belong to it alone, and its history as they leave it."""
    runs = {entry.pair: entry.run for entry in report.pairs if entry.run}
    own = [_of_runs(comparison, runs) for comparison in report.comparisons]
    kept = sorted((entry for entry in own if entry), key=lambda entry: str(entry.started))
    report = replace(report, comparisons=tuple(_merged(kept)))
    if not kept or report.history is None:
        return report
    return replace(report, history=_settled(report.history, compared_figures(report)))


def _merged(comparisons: Iterable[ComparisonRun]) -> Iterator[ComparisonRun]:
    """Those of the same two commits, as the jobs of a fan-out leave them, as one; the newest counts."""
    of_commits: dict[tuple[str, str, float], list[ComparisonRun]] = {}
    for entry in comparisons:
        of_commits.setdefault((entry.base.commit, entry.head.commit, entry.same), []).append(entry)
    for several in of_commits.values():
        figures = {(figure.id, figure.name): figure for entry in several for figure in entry.figures}
        yield several[-1].model_copy(
            update={
                "seconds": sum(entry.seconds for entry in several),
                "pairs_of_processes": sum(entry.pairs_of_processes for entry in several),
                "is_interrupted": any(entry.is_interrupted for entry in several),
                "figures": tuple(figures.values()),
                "not_compared": tuple(dict.fromkeys(e for entry in several for e in entry.not_compared)),
                "notes": tuple(dict.fromkeys(note for entry in several for note in entry.notes)),
            }
        )


def _of_runs(comparison: ComparisonRun, runs: Mapping[str, Run]) -> ComparisonRun | None:
    """What of a comparison is of these runs; None where nothing is."""

    def is_own(identity: str) -> bool:
        run = runs.get(pair_of(identity))
        return run is not None and belongs_to(comparison, run)

    figures = tuple(figure for figure in comparison.figures if is_own(figure.id))
    others = tuple(entry for entry in comparison.not_compared if is_own(entry.id))
    if not figures and not others:
        return None
    return comparison.model_copy(update={"figures": figures, "not_compared": others})


def _settled(view: HistoryView, known: Mapping[Key, Compared]) -> HistoryView:
    """What looks changed as the comparison has it; that is noted."""
    series, notes = [], list(view.notes)
    for entry in view.series:
        compared = known.get((entry.series.identity, entry.series.metric))
        if compared is None or not _is_settled(entry, compared.figure):
            series.append(entry)
            continue
        series.append(_as_compared(entry, compared))
        notes.append(_note(entry, compared))
    return replace(view, series=tuple(series), notes=tuple(notes))


def _is_settled(entry: SeriesDrift, figure: Figure) -> bool:
    if isinstance(entry.judgement.reason, ByComparisons):
        return False
    return badness(entry) in _MOVED and figure.comparison is not Comparison.UNSURE


def _as_compared(entry: SeriesDrift, compared: Compared) -> SeriesDrift:
    figure, judgement = compared.figure, entry.judgement
    base = compared.run.base.short
    reason = BesideBase(figure.comparison, base, figure.low, figure.high, judgement.reason)
    drift = Drift(str(figure.comparison))
    return replace(entry, judgement=replace(judgement, drift=drift, is_suspected=False, reason=reason))


def _note(entry: SeriesDrift, compared: Compared) -> str:
    looks = f"looks {how_changed(entry)} ({from_to(entry)})" if from_to(entry) else "looks changed"
    base = compared.run.base.short
    return f"{entry.series} {looks}; measured beside {base} it is {compared.figure.comparison}, which counts"
