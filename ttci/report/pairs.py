"""A table of pairs: how each ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ttci.report.table import align
from ttci.results import Outcome, Run, Verdict

_HEADER = ("pair", "fidelity", *map(str, Outcome), "missed", "improved", "no-target", "seconds")


def pair_table(runs: Sequence[Run]) -> str:
    """One line a pair: outcomes of its checks, verdicts of its targets, time."""
    return align([_HEADER, *map(_row, runs)])


def _row(run: Run) -> tuple[str, ...]:
    outcomes = Counter(result.outcome for result in run.results)
    verdicts = Counter(m.verdict for result in run.results for m in result.measurements)
    return (
        run.pair,
        str(run.fidelity),
        *_counts(outcomes, Outcome),
        *_counts(verdicts, (Verdict.MISSED, Verdict.IMPROVED, Verdict.NO_TARGET)),
        f"{sum(result.seconds for result in run.results):.1f}",
    )


def _counts(counter: Counter[Outcome] | Counter[Verdict], words: Iterable[Outcome | Verdict]) -> list[str]:
    return [str(counter[word]) for word in words]  # type: ignore[index]
