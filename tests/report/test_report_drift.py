"""Drift in a report: counted, ranked, annotated, in every file, and never in the way of the verdict."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.histories import PAIR, drifted, kept, run_before, view_of
from tests.pair_folders import MODEL_LINE, latency, leave, missed, result_of, run_of
from ttci.cli.main import main
from ttci.drift.judgement import HistoryView, SeriesDrift
from ttci.drift.reasons import LooksChanged, UnknownHost
from ttci.errors import ExitCode
from ttci.report.annotations import annotation_lines
from ttci.report.as_json import encode_report
from ttci.report.collect import PairReport, Report
from ttci.report.conclusion import exit_code_of, verdict_line
from ttci.report.drift_text import changed_lines, from_to, how_changed, sparkline
from ttci.report.findings import findings
from ttci.report.html.report import write_html
from ttci.report.pairs import report_table
from ttci.report.ranking import Rank, worst_first
from ttci.report.summary.job import render_summary
from ttci.results import Drift, Outcome, Result, Run

ATTENTION = f"{PAIR}/attention[performance]"
SLOWER = drifted(Drift.SLOWER, current=5.6)
FASTER = drifted(Drift.FASTER, current=4.0)
BEYOND_NOISE = "12.0% higher; the newest 3 runs lie 9.0 standard errors off."
SUSPECTED = drifted(Drift.SAME, current=5.6, is_suspected=True)


def named(name: str, drift: Drift, current: float, **judged: Any) -> SeriesDrift:
    return drifted(drift, current=current, identity=f"{PAIR}/{name}[performance]", **judged)


def report_of(view: HistoryView | None, *results: Result) -> Report:
    found = results or (result_of(PAIR, check="performance", measurements=[latency(5.0)]),)
    return Report((PairReport(PAIR, run=run_of(PAIR, *found)),), history=view)


@pytest.fixture(autouse=True)
def outside_github(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TTCI_CACHE", str(tmp_path / "cache"))
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_EVENT_PATH", "GITHUB_EVENT_NAME"):
        monkeypatch.delenv(name, raising=False)


def every_word() -> HistoryView:
    return view_of(*(drifted(drift, identity=f"{PAIR}/{drift}[performance]") for drift in Drift), SUSPECTED)


def test_every_word_is_counted_in_the_table() -> None:
    header, row = (line.split() for line in report_table(report_of(every_word())).splitlines())
    counted = dict(zip(header, row, strict=True))
    words = list(map(str, Drift))
    assert {word: counted[word] for word in words} == {**dict.fromkeys(words, "1"), "same": "2"}
    assert "suspected" not in counted  # who sums the columns counts it once


@pytest.mark.parametrize("view", [None, view_of(notes=["no history yet"])])
def test_table_has_no_word_of_a_history_that_nothing_was_compared_with(view: HistoryView | None) -> None:
    assert "same" not in report_table(report_of(view))


def test_every_word_is_counted_in_the_verdict_line() -> None:
    assert verdict_line(report_of(every_word())).endswith(
        "; history: 2 same (1 suspected), 1 slower, 1 faster, 1 new, 1 gone, 1 incomparable, 1 too-few"
    )


def test_verdict_line_says_where_nothing_was_compared_and_nothing_where_nobody_asked() -> None:
    assert verdict_line(report_of(view_of())).endswith("; history: nothing was compared")
    assert "history" not in verdict_line(report_of(None))


@pytest.mark.parametrize(
    ("fail_on", "view", "expected"),
    [
        ("failure", view_of(SLOWER), ExitCode.OK),
        ("drift", view_of(SLOWER), ExitCode.FAILED),
        ("regression", view_of(SLOWER), ExitCode.FAILED),
        ("never", view_of(SLOWER), ExitCode.OK),
        ("drift", view_of(SUSPECTED, FASTER), ExitCode.OK),
        ("drift", view_of(), ExitCode.OK),
        ("drift", None, ExitCode.OK),
    ],
)
def test_slower_fails_where_the_report_is_told_to(
    fail_on: str, view: HistoryView | None, expected: ExitCode
) -> None:
    assert exit_code_of(report_of(view), fail_on) is expected


@pytest.mark.parametrize("fail_on", ["drift", "regression"])
def test_nothing_a_person_reads_says_passed_of_a_report_that_fails_for_drift(
    tmp_path: Path, fail_on: str
) -> None:
    report = report_of(view_of(SLOWER))
    summary = render_summary(report, fail_on=fail_on)
    write_html(report, tmp_path / "report.html", fail_on)
    page = (tmp_path / "report.html").read_text()
    assert summary.startswith("## ❌ ttci: slower than its history\n\nslower than its history: 1 pair")
    assert "<title>Slower than its history" in page
    assert "All well" not in page
    assert "passed: 1 pair" not in summary + page
    document = json.loads("".join(encode_report(report, fail_on)))
    assert (document["verdict"], document["fails_on_drift"]) == ("passed", True)


def test_a_report_that_drift_does_not_fail_is_called_what_it_was(tmp_path: Path) -> None:
    report, wrong = report_of(view_of(SLOWER)), report_of(view_of(SLOWER), missed(PAIR))
    write_html(report, tmp_path / "report.html")
    assert "<title>All well" in (tmp_path / "report.html").read_text()
    assert render_summary(report).startswith("## ✅ ttci: passed\n")
    assert render_summary(wrong, fail_on="drift").startswith("## ❌ ttci: failed\n")
    assert not json.loads("".join(encode_report(report)))["fails_on_drift"]


def test_drift_fails_on_whatever_failure_fails_on_and_regression_not_on_wrong_numbers() -> None:
    wrong = report_of(view_of(), result_of(PAIR, outcome=Outcome.FAILED))
    assert exit_code_of(wrong, "drift") is ExitCode.FAILED
    assert exit_code_of(wrong, "regression") is ExitCode.OK
    assert exit_code_of(replace(wrong, history=view_of(SLOWER)), "regression") is ExitCode.FAILED


def test_slower_ranks_below_a_missed_target_and_above_an_improved_one() -> None:
    view = view_of(
        named("little", Drift.SLOWER, 5.3),
        named("faster", Drift.FASTER, 4.0),
        named("suspected", Drift.SAME, 5.6, is_suspected=True),
        named("much", Drift.SLOWER, 9.0),
        named("same", Drift.SAME, 5.0),
    )
    better = result_of(PAIR, "better", "performance", measurements=[latency(3.0)])
    ranked = findings(report_of(view, missed(PAIR), better))
    assert [(finding.rank, finding.identity.partition("/")[2]) for finding in ranked] == [
        (Rank.MISSED, "attention[performance]"),
        (Rank.SLOWER, "much[performance]"),
        (Rank.SLOWER, "little[performance]"),
        (Rank.SUSPECTED, "suspected[performance]"),
        (Rank.IMPROVED, "better[performance]"),
        (Rank.FASTER, "faster[performance]"),
    ]


@pytest.mark.parametrize(
    ("fail_on", "entry", "level"),
    [
        ("failure", SLOWER, "warning"),
        ("never", SLOWER, "warning"),
        ("drift", SLOWER, "error"),
        ("regression", SLOWER, "error"),
        ("drift", FASTER, "notice"),
        ("drift", SUSPECTED, "notice"),
    ],
)
def test_annotation_has_the_level_that_the_report_gives_it(fail_on: str, entry: object, level: str) -> None:
    (line,) = annotation_lines(findings(report_of(view_of(entry))), fail_on)  # type: ignore[arg-type]
    assert line.startswith(f"::{level} ")


def test_annotation_points_at_the_declaration_and_says_from_what_to_what() -> None:
    (line,) = annotation_lines(findings(report_of(view_of(SLOWER))))
    file, _, number = MODEL_LINE.partition(":")
    assert f"file={file},line={number},title={ATTENTION}::" in line
    assert f"latency_ms is 12.0%25 slower (5 → 5.6 ms). {BEYOND_NOISE.replace('%', '%25')}" in line


def test_annotation_says_why_and_against_what_in_whole_sentences() -> None:
    (line,) = annotation_lines(
        findings(report_of(view_of(drifted(Drift.SLOWER, current=5.6, reason=LooksChanged(0.12)))))
    )
    assert line.endswith(
        "slower (5 → 5.6 ms). Looks 12.0%25 higher; one run alone does not show it. 4 runs of main."
    )


def test_annotation_of_a_suspicion_says_how_to_confirm_it() -> None:
    (line,) = annotation_lines(findings(report_of(view_of(SUSPECTED))))
    assert "looks 12.0%25 slower (5 → 5.6 ms); one run alone does not show it: --confirm" in line


def test_what_is_new_gone_incomparable_or_the_same_is_no_annotation() -> None:
    quiet = (Drift.SAME, Drift.NEW, Drift.GONE, Drift.INCOMPARABLE, Drift.TOO_FEW)
    assert annotation_lines(findings(report_of(view_of(*map(drifted, quiet))))) == []


@pytest.mark.parametrize(
    ("unit", "direction", "current", "said"),
    [
        ("ms", "lower", 6.0, "20.0% slower"),
        ("tokens/s", "higher", 4.0, "20.0% slower"),
        ("tokens/s", "higher", 6.0, "20.0% faster"),
        ("MB", "lower", 6.0, "20.0% worse"),
        ("MB", "lower", 4.0, "20.0% better"),
    ],
)
def test_change_is_said_in_words_of_the_figure(unit: str, direction: str, current: float, said: str) -> None:
    entry = drifted(Drift.SLOWER, [5.0], current, unit=unit, direction=direction)
    assert how_changed(entry) == said


@pytest.mark.parametrize(
    ("level", "change", "current", "unit", "said"),
    [
        (2.026, 0.233, 2.498, "ms", "2.026 → 2.498 ms"),
        (2.0, 0.25, 2.6, "ms", "2 → 2.5 ms, this run 2.6 ms"),
        (0.99999, -0.001, 0.99899, "1", "0.99999 → 0.99899"),
        (0.0, 1.0, 3.0, "ms", "0 → 3 ms"),
        (2.0, None, 3.0, "ms", ""),
    ],
)
def test_from_and_to_are_what_the_change_is_of(
    level: float, change: float | None, current: float, unit: str, said: str
) -> None:
    entry = drifted(Drift.SLOWER, current=current, unit=unit, level=level, change=change)
    assert from_to(entry) == said


def test_what_is_unchanged_comes_after_what_changed() -> None:
    changes = {"none": 0.0, "hardly": 0.0004, "better": -0.02, "worse": 0.01}
    entries = [named(name, Drift.SAME, 5.0, change=change) for name, change in changes.items()]
    ordered = [entry.series.identity.partition("/")[2].partition("[")[0] for entry in worst_first(entries)]
    assert ordered == ["worse", "better", "hardly", "none"]


@pytest.mark.parametrize(
    ("values", "current", "blocks"),
    [([1.0, 2.0, 8.0], 4.5, "▁▂█▅"), ([3.0, 3.0], 3.0, "▅▅▅"), ([], None, ""), ([1.0], None, "▅")],
)
def test_sparkline_goes_from_the_least_to_the_most(
    values: list[float], current: float | None, blocks: str
) -> None:
    assert sparkline(drifted(Drift.SAME, values, current)) == blocks


def test_json_has_every_figures_drift_and_the_counts() -> None:
    document = json.loads("".join(encode_report(report_of(view_of(SLOWER, SUSPECTED, notes=["a note"])))))
    assert document["history"] == {
        "source": "folder:history",
        "notes": ["a note"],
        "counts": {**dict.fromkeys(map(str, Drift), 0), "slower": 1, "same": 1, "suspected": 1},
    }
    first, second = document["pairs"][0]["drift"]
    assert {name: first[name] for name in ("id", "metric", "drift", "window", "is_suspected", "reason")} == {
        "id": ATTENTION,
        "metric": "latency_ms",
        "drift": "slower",
        "window": 4,
        "is_suspected": False,
        "reason": BEYOND_NOISE,
    }
    assert first["change"] == pytest.approx(0.12)
    assert first["noise"] is None
    assert second["is_suspected"]


def test_json_of_a_report_without_a_history_says_so() -> None:
    document = json.loads("".join(encode_report(report_of(None))))
    assert document["history"] is None
    assert document["pairs"][0]["drift"] == []


def test_summary_lists_the_worst_movers_with_their_runs_and_what_was_not_compared() -> None:
    gone = drifted(Drift.GONE, current=None, identity=f"{PAIR}/old[performance]")
    text = render_summary(report_of(view_of(FASTER, gone, SLOWER, notes=["one file is torn"])))
    part = text.partition("### Against its history")[2].partition("### Models")[0]
    rows = [line for line in part.splitlines() if line.startswith(("| 🐢", "| ⚡", "| gone"))]
    assert [row.split("|")[1].strip() for row in rows] == ["🐢 slower", "⚡ faster", "gone"]
    assert f"12.0% slower<br>5 → 5.6 ms | ▂▃▁▂█ | {BEYOND_NOISE} |" in rows[0]
    assert "- one file is torn\n" in part


def test_summary_of_thousands_of_movers_stays_small_and_says_what_is_left_out() -> None:
    many = (
        drifted(Drift.SLOWER, current=6.0, identity=f"{PAIR}/t{number}[performance]")
        for number in range(3000)
    )
    text = render_summary(report_of(view_of(*many)))
    assert "**2,950 more changes are left out here**" in text
    assert len(render_summary(report_of(view_of(*many)), 20_000).encode()) <= 20_000


def test_hostile_words_of_a_history_stay_text() -> None:
    text = "<script>|`\n::error::%0A"
    entry = drifted(
        Drift.SLOWER, current=9.0, identity=f"{PAIR}/{text}[performance]", reason=UnknownHost(text, 3)
    )
    view = HistoryView(text, (entry,), (text,))
    summary = render_summary(report_of(view))
    assert "<script>" not in summary
    assert all(not line.startswith("::error") for line in summary.splitlines())
    (line,) = annotation_lines(findings(report_of(view)))
    assert "\n" not in line


def steady(history: Path, now: float) -> Run:
    """A history of forty runs of about 5 ms, and the run that comes now."""
    kept(history, *(run_before(days, 5.0 + 0.01 * (days % 5)) for days in range(1, 41)))
    return run_before(0, now)


def arguments(*more: str) -> list[str]:
    return ["report", "reports", "--history", "folder:history", "--default-branch", "main", *more]


def test_command_compares_with_the_history_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path / "reports", steady(tmp_path / "history", 5.02))
    assert main(arguments()) == 0
    assert "history: 1 same" in capsys.readouterr().out
    document = json.loads((tmp_path / "reports" / "report.json").read_text())
    assert document["history"]["counts"]["same"] == 1
    assert document["pairs"][0]["drift"][0]["window"] == 40


@pytest.mark.parametrize(("fail_on", "code", "level"), [("failure", 0, "warning"), ("drift", 1, "error")])
def test_command_calls_a_clear_step_slower(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fail_on: str, code: int, level: str
) -> None:
    now = steady(tmp_path / "history", 7.0)
    leave(tmp_path / "reports", confirmed(now, 7.0, 7.02, 6.99, 7.01))
    assert main(arguments("--fail-on", fail_on, "--annotations")) == code
    said = capsys.readouterr()
    assert "history: 1 slower" in said.out
    assert f"::{level} file=models/llama3/model.py" in said.out
    assert ("--fail-on drift: 1 slower than their history" in said.err) is (code == 1)
    (line,) = [line for line in said.out.splitlines() if line.startswith("slower: ")]
    assert line.startswith(f"slower: {ATTENTION} latency_ms (5.02 → ")
    assert "its reruns lie" in line
    options = "--reports reports --history folder:history --default-branch main"
    assert f"`ttci history explain ID {options}` says why\n" in said.out
    assert ("\nslower than its history: 1 pair" in said.out) is (code == 1)


def test_command_names_what_is_suspected_and_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path / "reports", steady(tmp_path / "history", 7.0))
    assert main(arguments()) == 0
    said = capsys.readouterr().out
    assert f"\nsuspected: {ATTENTION} latency_ms (5.02 → " in said
    assert "says why, `ttci run --confirm` measures suspected ones again\n" in said
    assert "history: 1 same (1 suspected)\n" in said


def test_of_many_slower_ones_a_terminal_has_the_worst_and_says_how_many_more() -> None:
    many = [named(f"t{number:02}", Drift.SLOWER, 6.0 + number) for number in range(23)]
    lines = changed_lines(view_of(*many, SUSPECTED))
    assert [line.split(":")[0] for line in lines[:20]] == ["slower"] * 20
    assert "/t22[performance]" in lines[0]
    assert lines[20] == "and 3 more slower in summary.md"
    assert lines[21].startswith(f"suspected: {ATTENTION} latency_ms (5 → 5.6 ms): ")


def confirmed(run: Run, *reruns: float) -> Run:
    (result,) = run.results
    (measured,) = result.measurements
    again = result.model_copy(update={"measurements": (measured.model_copy(update={"reruns": reruns}),)})
    return run.model_copy(update={"results": (again,)})


def test_empty_history_is_a_plain_note_and_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "history").mkdir()
    leave(tmp_path / "reports", run_of(PAIR))
    assert main(arguments("--fail-on", "drift")) == 0
    assert "no history yet" in capsys.readouterr().err
    assert "no history yet" in (tmp_path / "reports" / "summary.md").read_text()
    assert "no history yet" in (tmp_path / "reports" / "report.html").read_text()


@pytest.mark.parametrize("fail_on", ["failure", "drift", "regression"])
def test_whatever_is_wrong_with_the_history_is_a_note_and_the_verdict_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fail_on: str
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("ttci.drift.compare.view_of", broken)
    leave(tmp_path / "reports", steady(tmp_path / "history", 5.0))
    assert main(arguments("--fail-on", fail_on)) == 0
    assert "history: not read, for a bug of ttci: ZeroDivisionError: a bug" in capsys.readouterr().err


def test_torn_file_of_the_history_is_a_note_and_the_rest_is_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path / "reports", steady(tmp_path / "history", 5.0))
    torn = sorted((tmp_path / "history").rglob("*.json"))[0]
    torn.write_bytes(torn.read_bytes()[:100])
    assert main(arguments()) == 0
    said = capsys.readouterr()
    assert "history: 1 same" in said.out
    assert torn.name in said.err


def test_branch_that_cannot_be_there_is_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(tmp_path / "reports", run_of(PAIR))
    assert main(["report", "reports", "--history", "branch"]) == 0
    assert "history: " in capsys.readouterr().err


def test_history_that_is_none_of_the_forms_is_a_mistake_of_the_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path / "reports", run_of(PAIR))
    assert main(["report", "reports", "--history", "fodler:x"]) == 2
    assert "not a history" in capsys.readouterr().err


def test_failing_on_drift_without_a_history_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path / "reports", run_of(PAIR))
    assert main(["report", "reports", "--fail-on", "drift"]) == 0
    assert "--fail-on drift: there is no history" in capsys.readouterr().err


def test_manifest_that_is_wrong_is_a_note_where_it_would_name_the_history(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models_manifest.toml").write_text("[devices.cpu]\nbackend = 7\n")
    leave(tmp_path / "reports", run_of(PAIR))
    assert main(["report", "reports"]) == 0
    assert "models_manifest.toml" in capsys.readouterr().err


@pytest.mark.parametrize(("more", "is_compared"), [([], True), (["--history", "off"], False)])
def test_manifest_names_the_history_where_no_option_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], *, is_compared: bool
) -> None:
    stated = '[history]\nstore = "folder:history"\ndefault-branch = "main"\n'
    (tmp_path / "models_manifest.toml").write_text(stated + "[devices]\n[models]\n")
    leave(tmp_path / "reports", steady(tmp_path / "history", 5.0))
    assert main(["report", "reports", *more]) == 0
    assert ("history: 1 same" in capsys.readouterr().out) is is_compared


def test_without_the_statistics_the_note_says_how_to_get_them(tmp_path: Path) -> None:
    leave(tmp_path / "reports", steady(tmp_path / "history", 5.0))
    absent = "import sys; sys.modules.update(dict.fromkeys(('numpy', 'scipy', 'ruptures')))"
    code = f"{absent}; from ttci.cli.main import main; raise SystemExit(main({arguments()!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert "python -m pip install 'ttci[history]'" in done.stderr


def test_report_without_a_history_loads_nothing_of_it(tmp_path: Path) -> None:
    leave(tmp_path / "reports", run_of(PAIR))
    watched = ("numpy", "scipy", "ruptures", "ttci.history.index.index", "ttci.drift.compare")
    code = (
        "import sys; from ttci.cli.main import main; main(['report', 'reports']);"
        f"sys.exit(','.join(name for name in {watched!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) in ((0, ""), (1, ""))
