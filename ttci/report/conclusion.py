"""The verdict of a whole report, and when it makes a job fail."""

from __future__ import annotations

from dataclasses import replace

from ttci.errors import VERDICTS, ExitCode, worst
from ttci.report import FAIL_ON_SLOWER
from ttci.report.collect import PairReport, Report
from ttci.report.compared import compared_figures, counts_of
from ttci.report.drift_text import history_line
from ttci.report.ranking import missed_targets
from ttci.results import Comparison, Drift, Outcome, Result, Verdict

# The headings of what passed, and yet fails for being slower.
SLOWER_THAN_HISTORY = "slower than its history"
SLOWER_THAN_BASE = "slower than its base"


def verdict_word(report: Report) -> str:
    """The verdict in a word, whatever the report fails on."""
    return VERDICTS[report.exit_code]


def fails_on_drift(report: Report, fail_on: str) -> bool:
    """Whether what is slower than its history or its base fails the report, be it for other reasons too."""
    return fail_on in FAIL_ON_SLOWER and slower_count(report) > 0


def heading(report: Report, fail_on: str) -> str:
    """The verdict for a person: no report that fails for drift alone is called passed."""
    is_drift_alone = report.exit_code is ExitCode.OK and fails_on_drift(report, fail_on)
    if not is_drift_alone:
        return verdict_word(report)
    return SLOWER_THAN_BASE if counts_of(report)[Comparison.SLOWER] else SLOWER_THAN_HISTORY


def verdict_line(report: Report, fail_on: str = "failure") -> str:
    """The heading and what it is made of: nothing that was counted is silent."""
    history = f"; {history_line(report.history)}" if report.history else ""
    return f"{heading(report, fail_on)}: {counts_text(report)}{_compared_text(report)}{history}"


def _compared_text(report: Report) -> str:
    """``; against main: 1 slower, 3 same``; empty where nothing was compared."""
    counts = counts_of(report)
    if not report.comparisons:
        return ""
    said = ", ".join(f"{counts[word]:,} {word}" for word in Comparison if counts[word])
    bases = dict.fromkeys(run.base.short for run in report.comparisons)
    return f"; against {', '.join(bases)}: {said or 'nothing was compared'}"


def counts_text(report: Report) -> str:
    """How many pairs there are, and what their checks and targets came to."""
    verdicts = report.verdicts
    outcomes = report.outcomes
    counted = [f"{outcomes[outcome]:,} {outcome}" for outcome in Outcome]
    counted += [f"{verdicts[verdict]:,} {verdict}" for verdict in Verdict if verdicts[verdict]]
    pairs = len({entry.pair for entry in report.pairs})
    left_out = f", {len(report.left_out)} left out" if report.left_out else ""
    plural = "" if pairs == 1 else "s"
    cached = sum(entry.is_cached for entry in report.pairs)
    counted += [f"{cached:,} cached"] if cached else []
    return f"{pairs:,} pair{plural}{left_out}; {', '.join(counted)}"


def exit_code_of(report: Report, fail_on: str) -> ExitCode:
    """What the command ends with, for one of `ttci.report.FAIL_ON`.

    `drift` also fails on what is slower than its history, or than the base that it was
    measured beside. `regression` is for branches with checks that are known to fail: it
    fails on what became worse, missed targets and slower figures, and on everything that
    could not be judged or was not there, and not on wrong numbers.
    """
    if fail_on == "never":
        return ExitCode.OK
    if fail_on == "regression":
        report = replace(report, pairs=tuple(map(_without_wrong_numbers, report.pairs)))
    return worst([report.exit_code, *([ExitCode.FAILED] if fails_on_drift(report, fail_on) else [])])


def slower_count(report: Report) -> int:
    """How many figures are slower than their history, or than their base."""
    entries = report.history.series if report.history else ()
    slower = {(e.series.identity, e.series.metric) for e in entries if e.judgement.drift is Drift.SLOWER}
    compared = compared_figures(report).items()
    return len(slower | {key for key, entry in compared if entry.figure.comparison is Comparison.SLOWER})


def _without_wrong_numbers(entry: PairReport) -> PairReport:
    if entry.run is None:
        return entry
    results = tuple(map(_forgiven, entry.results))
    return replace(entry, run=entry.run.model_copy(update={"results": results}))


def _forgiven(result: Result) -> Result:
    if result.outcome is not Outcome.FAILED or missed_targets(result):
        return result
    return result.model_copy(update={"outcome": Outcome.PASSED})
