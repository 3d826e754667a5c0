"""What a report makes of a comparison of two commits beside its runs, and of what history says alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.comparisons import compared, comparison_of, counted
from tests.conftest import Project
from tests.histories import drifted, kept, run_before, view_of
from tests.pair_folders import STARTED, latency, leave, result_of, run_of
from ttci.drift.reasons import BesideBase
from ttci.errors import ExitCode
from ttci.report.annotations import annotation_lines
from ttci.report.as_json import encode_report
from ttci.report.collect import PairReport, Report, collect
from ttci.report.compared import with_comparisons
from ttci.report.conclusion import exit_code_of, heading, verdict_line
from ttci.report.drift_reasons import reason_text
from ttci.report.findings import findings
from ttci.report.ranking import Rank
from ttci.report.summary.job import render_summary
from ttci.results import Comparison, Drift, Outcome, Run
from ttci.results.comparison import ComparisonRun, Figure, NotCompared

PAIR = "llama3@cpu"
ID = f"{PAIR}/attention[performance]"


def run_here() -> Run:
    return run_of(PAIR, result_of(PAIR, check="performance", measurements=[latency(5.6, None)]))


def beside(*figures: Figure, minutes: int = 5, not_compared: tuple[NotCompared, ...] = ()) -> ComparisonRun:
    """Of the commit of the run, begun so many minutes after it."""
    run = run_here()
    made = comparison_of(*figures, not_compared=not_compared)
    head = made.head.model_copy(update={"commit": run.environment.git_commit})
    return made.model_copy(update={"head": head, "started": run.started + timedelta(minutes=minutes)})


def report_with(comparison: ComparisonRun, drift: Drift | None = None, *, suspected: bool = False) -> Report:
    """One run, its comparison, and what history says of it alone."""
    history = view_of(drifted(drift, current=5.6, identity=ID, is_suspected=suspected)) if drift else None
    report = Report((PairReport(PAIR, run=run_here()),), comparisons=(comparison,), history=history)
    return with_comparisons(report)


def test_what_looks_slower_and_is_the_same_beside_the_base_is_the_same_and_that_is_said() -> None:
    report = report_with(beside(compared(Comparison.SAME, 1.0, 0.01)), Drift.SAME, suspected=True)
    assert report.history
    [entry] = report.history.series
    assert (entry.judgement.drift, entry.judgement.is_suspected) == (Drift.SAME, False)
    assert reason_text(entry.judgement.reason).startswith(
        "Measured beside main on one machine: same, head/base between 0.990 and 1.010. History alone: "
    )
    [note] = report.history.notes
    assert "looks 12.0% slower" in note
    assert note.endswith("measured beside main it is same, which counts")
    assert annotation_lines(findings(report), "drift") == []
    assert exit_code_of(report, "drift") == ExitCode.OK
    assert "which counts" in render_summary(report)


def test_history_that_is_sure_does_not_fail_what_is_the_same_beside_the_base() -> None:
    report = report_with(beside(compared(Comparison.SAME, 1.0, 0.01)), Drift.SLOWER)
    assert exit_code_of(report, "drift") == exit_code_of(report, "regression") == ExitCode.OK
    assert "1 slower" not in verdict_line(report)


@pytest.mark.parametrize("suspected", [True, False])
def test_slower_beside_the_base_is_the_verdict_said_once_whatever_history_says(suspected: bool) -> None:
    report = report_with(beside(compared()), Drift.SAME, suspected=suspected)
    assert exit_code_of(report, "failure") == ExitCode.OK
    for fail_on in ("drift", "regression"):
        assert exit_code_of(report, fail_on) == ExitCode.FAILED
        assert heading(report, fail_on) == "slower than its base"
    [line] = annotation_lines(findings(report), "drift")
    assert line.startswith(f"::error file=model.py,line=8,title={ID}::")
    assert "latency_ms is slower than main: 5 -> 5.5 ms" in line
    assert annotation_lines(findings(report), "failure")[0].startswith("::warning ")
    assert "; against main: 1 slower" in verdict_line(report)


def test_what_is_unsure_beside_the_base_leaves_history_its_word() -> None:
    report = report_with(beside(compared(Comparison.UNSURE, 1.0, 0.1)), Drift.SLOWER)
    assert exit_code_of(report, "drift") == ExitCode.FAILED
    assert report.history
    assert not isinstance(report.history.series[0].judgement.reason, BesideBase)


@pytest.mark.parametrize(
    "other",
    [
        beside(compared(), minutes=-5),
        beside(compared()).model_copy(update={"started": None}),
        beside(compared()).model_copy(update={"head": comparison_of().head}),
        beside(compared(identity="bert@cpu/attention[performance]")),
    ],
    ids=["older than the run", "of no time", "of another commit", "of another pair"],
)
def test_a_comparison_of_another_state_counts_for_nothing(other: ComparisonRun) -> None:
    report = report_with(other, Drift.SAME, suspected=True)
    assert report.comparisons == ()
    assert exit_code_of(report, "drift") == ExitCode.OK
    assert [finding.rank for finding in findings(report)] == [Rank.SUSPECTED]


def test_what_fails_in_the_newer_commit_only_there_is_a_warning_and_what_failed_before_is_said_once() -> None:
    broken = NotCompared(id=f"{PAIR}/attention", side="head", reason="no", is_failure=True)
    report = report_with(beside(not_compared=(broken,)))
    [finding] = findings(report)
    assert (finding.rank, finding.text) == (Rank.UNAVAILABLE, "fails in the head: no")
    failed = run_of(PAIR, result_of(PAIR, outcome=Outcome.ERROR, message="no"))
    again = replace(report, pairs=(PairReport(PAIR, run=failed),))
    assert [finding.rank for finding in findings(again)] == [Rank.ERROR]


def test_the_summary_has_what_differs_first_and_the_rest_folded() -> None:
    broken = NotCompared(id=f"{PAIR}/norm", side="base", reason="only the head has it", is_failure=False)
    figures = (counted(2.0, 2.0, f"{PAIR}/ffn[memory]"), compared())
    text = render_summary(report_with(beside(*figures, not_compared=(broken,))))
    assert "### Measured beside main" in text
    assert "🐢 slower" in text
    assert "| 5 → 5.5 ms | 1.100 | 1.070 and 1.130 |" in text
    places = [text.rindex(said) for said in ("🐢 slower", ">1 the same<", ">1 not compared<")]
    assert places == sorted(places)
    assert "only the head has it" in text


def test_report_json_counts_each_word() -> None:
    document = json.loads("".join(encode_report(report_with(beside(compared(), counted(2.0, 2.0))))))
    [comparison] = document["comparisons"]
    assert comparison["counts"] == {"same": 1, "slower": 1, "faster": 0, "unsure": 0}
    assert comparison["base"]["name"] == "main"


def written(folder: Path, comparison: ComparisonRun) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "comparison.json").write_text(comparison.model_dump_json(by_alias=True))


def test_comparisons_of_several_jobs_are_read_from_their_folders_and_made_one(tmp_path: Path) -> None:
    leave(tmp_path / "one", run_here())
    written(tmp_path / "one", beside(compared(Comparison.SAME, 1.0, 0.01)))
    written(tmp_path / "two", beside(counted(1.0, 1.0)))
    written(tmp_path / "again", beside(compared(), minutes=9))
    [comparison] = with_comparisons(collect([tmp_path])).comparisons
    words = {figure.id: figure.comparison for figure in comparison.figures}
    assert words == {ID: Comparison.SLOWER, f"{PAIR}/attention[memory]": Comparison.SAME}
    assert (comparison.seconds, comparison.pairs_of_processes) == (126.0, 36)


def test_comparisons_with_two_bases_stay_two(tmp_path: Path) -> None:
    leave(tmp_path / "one", run_here())
    other = comparison_of().base.model_copy(update={"commit": "c" * 40})
    written(tmp_path / "one", beside(compared()))
    written(tmp_path / "two", beside(counted(1.0, 1.0)).model_copy(update={"base": other}))
    assert len(with_comparisons(collect([tmp_path])).comparisons) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a comparison.json"),
        ('{"schema": 2}', "written by a newer ttci (schema 2, this one reads 1); upgrade ttci"),
        ("{}", "not a comparison.json: base: Field required"),
    ],
)
def test_a_comparison_that_cannot_be_read_is_a_problem_of_the_report(
    tmp_path: Path, text: str, said: str
) -> None:
    leave(tmp_path, run_here())
    (tmp_path / "comparison.json").write_text(text)
    [problem] = collect([tmp_path]).problems
    assert said in problem.text
    assert "comparison.json" in problem.text


def test_ttci_report_ends_with_1_where_it_is_told_to_fail_on_what_is_slower(
    make_project: Callable[..., Project],
) -> None:
    project = make_project()
    reports = project.path / "reports"
    leave(reports, run_here())
    written(reports, beside(compared()))
    assert project.ttci("report").code == 0
    done = project.ttci("report", "--fail-on", "drift")
    assert done.code == 1, done.output
    assert "--fail-on drift: 1 slower than their history or base" in done.output
    assert "<title>Slower than its base" in (reports / "report.html").read_text(encoding="utf-8")
    assert "<title>1 slower" in (reports / "compare.html").read_text(encoding="utf-8")
    written(reports, beside(compared(), minutes=-5))
    done = project.ttci("report", "--fail-on", "drift")
    assert done.code == 0
    assert "older than they are: it is not counted" in done.output


def test_a_suspicion_of_a_real_history_is_settled_by_the_comparison(
    make_project: Callable[..., Project],
) -> None:
    project = make_project()
    reports, history = project.path / "reports", project.path / "kept"
    values = [5.0, 5.01, 4.99, 5.02, 5.0, 4.98] * 4
    kept(history, *(run_before(30 - day, value, pair=PAIR) for day, value in enumerate(values)))
    now = run_before(0, 5.6, pair=PAIR)
    leave(reports, now)

    def history_of_report() -> Any:
        assert project.ttci("report", "--history", f"folder:{history}").code == 0
        return project.run_json("reports/report.json")["history"]

    before = history_of_report()["counts"]
    assert (before["same"], before["suspected"]) == (1, 1)
    made = beside(compared(Comparison.SAME, 1.0, 0.01))
    written(reports, made.model_copy(update={"started": STARTED + timedelta(minutes=5)}))
    after = history_of_report()
    assert (after["counts"]["same"], after["counts"]["suspected"]) == (1, 0)
    assert "which counts" in after["notes"][0]
