"""A table of pairs: how each ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ttci.report.table import align
from ttci.results import Measurement, Outcome, Run, Verdict

_ALWAYS_SHOWN = (Verdict.MISSED, Verdict.IMPROVED, Verdict.NO_TARGET)
_SHOWN_WHERE_ANY = (Verdict.NO_MEASUREMENT, Verdict.REPORT_ONLY)


def pair_table(runs: Sequence[Run]) -> str:
    """One line a pair: outcomes of its checks, verdicts of its targets, time."""
    present = {measurement.verdict for run in runs for measurement in _measurements(run)}
    verdicts = (*_ALWAYS_SHOWN, *(verdict for verdict in _SHOWN_WHERE_ANY if verdict in present))
    header = ("pair", "fidelity", *map(str, Outcome), *map(str, verdicts), "seconds")
    return align([header, *(_row(run, verdicts) for run in runs)])


def _row(run: Run, verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    outcomes = Counter(result.outcome for result in run.results)
    reached = Counter(measurement.verdict for measurement in _measurements(run))
    return (
        run.pair,
        str(run.fidelity),
        *(str(outcomes[outcome]) for outcome in Outcome),
        *(str(reached[verdict]) for verdict in verdicts),
        f"{sum(result.seconds for result in run.results):.1f}",
    )


def _measurements(run: Run) -> Iterator[Measurement]:
    return (measurement for result in run.results for measurement in result.measurements)
