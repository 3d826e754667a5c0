"""The verdict of a whole report, and when it makes a job fail."""

from __future__ import annotations

from dataclasses import replace

from ttci.errors import ExitCode
from ttci.report.collect import PairReport, Report
from ttci.report.findings import missed_targets
from ttci.results import Outcome, Result, Verdict

VERDICTS = {  # what an exit code is called
    ExitCode.OK: "passed",
    ExitCode.FAILED: "failed",
    ExitCode.BAD_INPUT: "wrong-input",
    ExitCode.UNAVAILABLE: "unavailable",
    ExitCode.MACHINERY: "error",
    ExitCode.NOTHING_MATCHED: "nothing-matched",
}


def verdict_word(report: Report) -> str:
    """The verdict in a word, whatever the report fails on."""
    return VERDICTS[report.exit_code]


def verdict_line(report: Report) -> str:
    """The verdict and what it is made of: nothing that was counted is silent."""
    verdicts = report.verdicts
    outcomes = report.outcomes
    counted = [f"{outcomes[outcome]:,} {outcome}" for outcome in Outcome]
    counted += [f"{verdicts[verdict]:,} {verdict}" for verdict in Verdict if verdicts[verdict]]
    pairs = len({entry.pair for entry in report.pairs})
    left_out = f", {len(report.left_out)} left out" if report.left_out else ""
    plural = "" if pairs == 1 else "s"
    return f"{verdict_word(report)}: {pairs:,} pair{plural}{left_out}; {', '.join(counted)}"


def exit_code_of(report: Report, fail_on: str) -> ExitCode:
    """What the command ends with, for one of `ttci.report.FAIL_ON`.

    `regression` is for branches with checks that are known to fail: as long as no
    history says what became worse, it fails on missed targets and on everything that
    could not be judged or was not there, and not on wrong numbers.
    """
    if fail_on == "never":
        return ExitCode.OK
    if fail_on == "regression":
        report = replace(report, pairs=tuple(map(_without_wrong_numbers, report.pairs)))
    return report.exit_code


def _without_wrong_numbers(entry: PairReport) -> PairReport:
    if entry.run is None:
        return entry
    results = tuple(map(_forgiven, entry.results))
    return replace(entry, run=entry.run.model_copy(update={"results": results}))


def _forgiven(result: Result) -> Result:
    if result.outcome is not Outcome.FAILED or missed_targets(result):
        return result
    return result.model_copy(update={"outcome": Outcome.PASSED})
