"""A table of pairs: how each ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ttci.report.collect import PairReport, Report
from ttci.report.table import align
from ttci.results import Measurement, Outcome, Result, Run, Verdict

_ALWAYS_SHOWN = (Verdict.MISSED, Verdict.IMPROVED, Verdict.NO_TARGET)
_SHOWN_WHERE_ANY = (Verdict.NO_MEASUREMENT, Verdict.REPORT_ONLY)


def pair_table(runs: Sequence[Run]) -> str:
    """One line a pair: outcomes of its checks, verdicts of its targets, time."""
    return report_table(Report(tuple(PairReport(run.pair, run=run) for run in runs)))


def report_table(report: Report) -> str:
    """As `pair_table`; what is missing of a pair counts as an outcome."""
    present = {measurement.verdict for entry in report.pairs for measurement in _measurements(entry.results)}
    verdicts = (*_ALWAYS_SHOWN, *(verdict for verdict in _SHOWN_WHERE_ANY if verdict in present))
    header = ("pair", "fidelity", *map(str, Outcome), *map(str, verdicts), "seconds")
    return align([header, *(_row(entry, verdicts) for entry in report.pairs)])


def _row(entry: PairReport, verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    outcomes = entry.outcomes
    reached = Counter(measurement.verdict for measurement in _measurements(entry.results))
    return (
        entry.pair,
        str(entry.run.fidelity) if entry.run else "-",
        *(str(outcomes[outcome]) for outcome in Outcome),
        *(str(reached[verdict]) for verdict in verdicts),
        f"{sum(result.seconds for result in entry.results):.1f}",
    )


def _measurements(results: Iterable[Result]) -> Iterator[Measurement]:
    return (measurement for result in results for measurement in result.measurements)
