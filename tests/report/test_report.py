"""ttci report: many pairs, one verdict, the files it writes and the code it ends with."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from junitparser import JUnitXml

from tests.conftest import MANIFEST, Project, clean_environment
from tests.pair_folders import latency, leave, missed, result_of, run_of, throughput
from tests.root import ROOT
from ttci.artifacts import find
from ttci.artifacts.ended import write_ended
from ttci.artifacts.plan_file import write_planned
from ttci.cli.main import main
from ttci.report.collect import collect
from ttci.results import Fidelity, Measurement, Outcome, Verdict, exit_code

FILES = ("junit.xml", "benchmark.json", "report.json", "report.html", "summary.md")


@pytest.fixture(autouse=True)
def outside_github(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def passing_and_failing(reports: Path) -> None:
    leave(reports, run_of("bert@cpu", result_of("bert@cpu", "ffn"), fidelity=Fidelity.REFERENCE))
    leave(reports, run_of("llama3@n150", missed("llama3@n150"), result_of("llama3@n150")))


def test_every_file_is_written_into_the_first_folder(tmp_path: Path) -> None:
    passing_and_failing(tmp_path / "reports")
    assert main(["report", "reports"]) == 1
    assert {path.name for path in (tmp_path / "reports").glob("*.*")} == set(FILES)


def test_a_figure_that_was_not_steady_is_marked_in_every_file_that_shows_it(tmp_path: Path) -> None:
    figure = latency(4.0, samples=(3.0, 4.0, 9.0)).model_copy(update={"steady": False, "seconds": 10.02})
    leave(
        tmp_path / "reports", run_of("a@cpu", result_of("a@cpu", check="performance", measurements=[figure]))
    )
    assert main(["report", "reports"]) == 0
    mark = "not steady after 10 s, 3 rounds"
    assert f"latency_ms 4 ms ({mark}; target 5 ms: improved)" in (tmp_path / "reports/summary.md").read_text()
    assert f"median, {mark}" in (tmp_path / "reports/report.html").read_text()
    assert '"steady":false,"seconds":10.02' in (tmp_path / "reports/report.json").read_text()
    (benchmark,) = json.loads((tmp_path / "reports/benchmark.json").read_text())["benchmarks"]
    assert benchmark["extra_info"]["steady"] is False


def test_files_are_written_where_out_says_and_the_pairs_own_stay(tmp_path: Path) -> None:
    passing_and_failing(tmp_path / "reports")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
    assert main(["report", "reports", "--out", "merged/here"]) == 1
    assert {path.name for path in (tmp_path / "merged/here").iterdir()} == set(FILES)
    assert {path: path.read_bytes() for path in before} == before


def test_report_of_one_pairs_folder_leaves_its_files_alone(tmp_path: Path) -> None:
    folder = leave(tmp_path / "reports", run_of("bert@cpu"))
    before = (folder / "junit.xml").read_bytes()
    assert main(["report", "reports/bert@cpu"]) == 0
    assert (folder / "junit.xml").read_bytes() == before
    assert (tmp_path / "reports" / "report.json").exists()


def test_out_may_not_be_a_pairs_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(tmp_path / "reports", run_of("bert@cpu"))
    assert main(["report", "reports", "--out", "reports/bert@cpu"]) == 2
    assert capsys.readouterr().err.startswith("--out reports/bert@cpu: the folder of a pair")


def test_out_that_cannot_be_made_is_a_mistake_of_the_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path / "reports", run_of("bert@cpu"))
    (tmp_path / "file").touch()
    assert main(["report", "reports", "--out", "file"]) == 2
    assert capsys.readouterr().err == "--out file: File exists\n"


def test_second_report_of_the_same_folder_says_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passing_and_failing(tmp_path / "reports")
    assert main(["report"]) == 1
    first = capsys.readouterr().out
    assert main(["report"]) == 1
    assert capsys.readouterr().out == first


def test_pairs_are_found_in_folders_of_artifacts(tmp_path: Path) -> None:
    leave(tmp_path / "artifacts" / "pair-1", run_of("bert@cpu"))
    leave(tmp_path / "artifacts" / "pair-2", run_of("llama3@cpu"))
    assert [entry.pair for entry in collect([tmp_path / "artifacts"]).pairs] == ["bert@cpu", "llama3@cpu"]


def test_a_failing_pair_at_any_depth_is_found(tmp_path: Path) -> None:
    leave(tmp_path / "artifacts", run_of("bert@cpu"))
    deep = tmp_path / "artifacts" / "ttci (3.12)" / "out" / "ci" / "reports"
    leave(deep, run_of("llama3@cpu", missed("llama3@cpu")))
    write_planned(deep, ["llama3@cpu", "lost@cpu"], [])
    found = collect([tmp_path / "artifacts"])
    assert [entry.pair for entry in found.pairs] == ["bert@cpu", "llama3@cpu", "lost@cpu"]
    assert found.exit_code == 4
    assert found.verdicts[Verdict.MISSED] == 1


def test_an_artifact_named_after_its_pair_is_no_pair_of_its_own(tmp_path: Path) -> None:
    leave(tmp_path / "bert@cpu" / "reports", run_of("bert@cpu"))
    assert collect([tmp_path]).exit_code == 0


def test_a_pair_inside_the_folder_of_another_is_found_and_its_parts_are_none(tmp_path: Path) -> None:
    folder = leave(tmp_path, run_of("bert@cpu"))
    leave(folder / "more", run_of("llama3@cpu", missed("llama3@cpu")))
    leave(folder, run_of("bert@cpu"), name="spread")
    assert [entry.pair for entry in collect([tmp_path]).pairs] == ["bert@cpu", "llama3@cpu"]


def test_one_pair_at_two_depths_is_an_error(tmp_path: Path) -> None:
    leave(tmp_path, run_of("bert@cpu"))
    leave(tmp_path / "a" / "b" / "c" / "d", run_of("bert@cpu"))
    assert collect([tmp_path]).exit_code == 4


def test_more_folders_than_are_looked_into_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "MOST_FOLDERS", 3)
    leave(tmp_path / "z" / "y" / "x", run_of("bert@cpu"))
    (problem,) = collect([tmp_path]).problems
    assert problem.text == f"{tmp_path}: more than 3 folders; name those of the reports"


def test_a_check_that_took_its_process_along_ends_the_report_as_the_run(tmp_path: Path) -> None:
    crashed = result_of("bert@cpu").lost("the process died of SIGSEGV")
    leave(tmp_path, run_of("bert@cpu", crashed, result_of("bert@cpu", check="memory")))
    assert main(["report", str(tmp_path)]) == exit_code((crashed,)) == 4


def test_folder_named_twice_counts_once(tmp_path: Path) -> None:
    leave(tmp_path, run_of("bert@cpu"))
    assert len(collect([tmp_path, tmp_path, tmp_path / "bert@cpu"]).pairs) == 1


def test_merged_junit_has_a_suite_a_pair_and_right_totals(tmp_path: Path) -> None:
    passing_and_failing(tmp_path / "reports")
    main(["report"])
    merged = JUnitXml.fromfile(str(tmp_path / "reports" / "junit.xml"))
    assert [suite.name for suite in merged] == ["bert@cpu", "llama3@n150"]
    assert (merged.tests, merged.failures, merged.errors) == (3, 1, 0)
    assert merged.time == 4.5
    names = [case.name for suite in merged for case in suite]
    assert names == [
        "bert@cpu/ffn[correctness]",
        "llama3@n150/attention[performance]",
        "llama3@n150/attention[correctness]",
    ]


# The elements of JUnit, each with its attributes and those inside it, as far as pytest and we write them:
# junit-10.xsd, in the source of Jenkins' plugin xunit, allows these and a few more.
JUNIT = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "time", "tests", "failures", "errors", "skipped", "timestamp", "hostname"},
        {"testcase", "properties", "system-out", "system-err"},
    ),
    "testcase": ({"name", "time", "classname"}, {"failure", "error", "skipped", "system-out", "system-err"}),
    **dict.fromkeys(("failure", "error", "skipped"), ({"type", "message"}, set())),
}
TIME = re.compile(r"[0-9]*(\.[0-9]*)?")


def test_merged_junit_is_of_the_schema_of_junit(tmp_path: Path) -> None:
    absent = result_of("bert@cpu", "a", outcome=Outcome.UNAVAILABLE, message="no implementation")
    crashed = result_of("bert@cpu", "b", outcome=Outcome.ERROR, message="killed")
    quick = result_of("bert@cpu", "c").model_copy(update={"seconds": 1.5e-7})
    leave(tmp_path, run_of("bert@cpu", absent, crashed, quick, missed("bert@cpu")))
    leave(tmp_path, run_of("bert@n150", is_finished=False))
    assert main(["report", str(tmp_path)]) == 4
    root = ET.parse(tmp_path / "junit.xml").getroot()
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, inside = JUNIT[element.tag]
        assert (set(element.attrib) - attributes, {child.tag for child in element} - inside) == (set(), set())
    for element in (root, *root):
        assert {"name", "tests", "failures", "errors"} <= set(element.attrib)
        assert TIME.fullmatch(element.attrib["time"])


def test_merged_junit_keeps_what_pytest_wrote(tmp_path: Path) -> None:
    folder = leave(tmp_path / "reports", run_of("bert@cpu"))
    (folder / "junit.xml").write_text(
        '<testsuites><testsuite name="pytest" hostname="rack7"><properties><property name="owner" value="x"/>'
        '</properties><testcase name="bert@cpu/attention[correctness]" classname="c" time="2.5">'
        "<system-out>printed</system-out></testcase></testsuite></testsuites>"
    )
    main(["report"])
    root = ET.parse(tmp_path / "reports" / "junit.xml").getroot()
    assert root.find(".//property[@name='owner']") is not None
    assert root.findtext(".//system-out") == "printed"
    assert root[0].get("hostname") == "rack7"


def test_merged_benchmarks_are_read_by_pytest_benchmark(tmp_path: Path) -> None:
    for pair in ("bert@cpu", "llama3@cpu"):
        timed = result_of(pair, check="performance", measurements=[latency(4.0, samples=(3.9, 4.0, 4.2))])
        leave(tmp_path / "reports", run_of(pair, timed))
    main(["report"])
    merged = tmp_path / "reports" / "benchmark.json"
    command = [sys.executable, "-m", "pytest_benchmark", "compare", str(merged), "--csv=rows.csv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Failed to load" not in done.stdout + done.stderr
    rows = (tmp_path / "rows.csv").read_text()
    assert "bert@cpu/attention[performance]" in rows
    assert "llama3@cpu/attention[performance]" in rows
    entry = json.loads(merged.read_text())["benchmarks"][0]
    assert entry["extra_info"]["identity"] == "bert@cpu/attention[performance]"
    assert "machine" in entry["extra_info"]


def test_report_of_no_benchmarks_is_readable_too(tmp_path: Path) -> None:
    leave(tmp_path / "reports", run_of("bert@cpu"))
    main(["report"])
    assert json.loads((tmp_path / "reports" / "benchmark.json").read_text())["benchmarks"] == []


def test_report_json_holds_the_counts_and_every_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passing_and_failing(tmp_path / "reports")
    write_ended(tmp_path / "reports" / "llama3@n300", "llama3@n300", 3, "no board")
    assert main(["report", "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "reports" / "report.json").read_text())
    assert printed["verdict"] == "failed"
    assert printed["exit_code"] == 1
    assert printed["outcomes"] == {"passed": 2, "failed": 1, "unavailable": 1}
    assert printed["verdicts"] == {"missed": 1}
    bert, n150, n300 = printed["pairs"]
    assert bert["run"]["results"][0]["id"] == "bert@cpu/ffn[correctness]"
    assert n150["exit_code"] == 1
    assert (n300["run"], n300["problems"][0]["text"]) == (None, "no board")


def test_table_shows_every_pair_and_the_verdict_below(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passing_and_failing(tmp_path / "reports")
    (tmp_path / "reports" / "qwen3@cpu").mkdir()
    assert main(["report"]) == 4
    printed = capsys.readouterr()
    header, bert, llama, qwen, _, verdict = printed.out.splitlines()
    assert header.split()[:6] == ["pair", "fidelity", "passed", "failed", "error", "unavailable"]
    assert bert.split()[:6] == ["bert@cpu", "reference", "1", "0", "0", "0"]
    assert llama.split()[:6] == ["llama3@n150", "silicon", "1", "1", "0", "0"]
    assert qwen.split()[:6] == ["qwen3@cpu", "-", "0", "0", "1", "0"]
    assert verdict == "error: 3 pairs; 2 passed, 1 failed, 1 error, 0 unavailable, 1 missed"
    assert printed.err == "reports/qwen3@cpu: the run left no run.json; its log.txt says why\n"


def test_device_that_was_not_available_is_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path / "reports", run_of("bert@cpu"))
    folder = tmp_path / "reports" / "bert@n150"
    folder.mkdir()
    (folder / "log.txt").touch()
    write_ended(folder, "bert@n150", 3, "n150: there is no Tenstorrent board")
    assert main(["report"]) == 3
    printed = capsys.readouterr()
    assert "unavailable: 2 pairs; 1 passed, 0 failed, 0 error, 1 unavailable" in printed.out
    assert printed.err == "bert@n150: n150: there is no Tenstorrent board\n"
    skipped = ET.parse(tmp_path / "reports" / "junit.xml").getroot().find("testsuite[@name='bert@n150']/*/*")
    assert skipped is not None
    assert (skipped.tag, skipped.get("message")) == ("skipped", "n150: there is no Tenstorrent board")


@pytest.mark.parametrize(("code", "ends_with"), [(2, 2), (4, 4), (5, 5), (0, 4), (1, 4), (130, 4)])
def test_end_without_results_is_never_well(tmp_path: Path, code: int, ends_with: int) -> None:
    leave(tmp_path / "reports", run_of("bert@cpu"))
    write_ended(tmp_path / "reports" / "bert@n150", "bert@n150", code, "why")
    assert main(["report"]) == ends_with


@pytest.mark.parametrize(
    ("outcome", "measurements", "codes"),
    [
        (Outcome.PASSED, [latency(4.0)], {"failure": 0, "regression": 0, "never": 0}),
        (Outcome.FAILED, [], {"failure": 1, "regression": 0, "never": 0}),
        (Outcome.FAILED, [latency(6.0)], {"failure": 1, "regression": 1, "never": 0}),
        (Outcome.FAILED, [throughput(10.0)], {"failure": 1, "regression": 1, "never": 0}),
        (Outcome.ERROR, [], {"failure": 1, "regression": 1, "never": 0}),
        (Outcome.UNAVAILABLE, [], {"failure": 3, "regression": 3, "never": 0}),
    ],
)
def test_fail_on_decides_what_fails(
    tmp_path: Path, outcome: Outcome, measurements: list[Measurement], codes: dict[str, int]
) -> None:
    bad = result_of("bert@cpu", outcome=outcome, measurements=measurements)
    leave(tmp_path / "reports", run_of("bert@cpu", bad))
    assert {on: main(["report", "--fail-on", on]) for on in codes} == codes


def test_fail_on_never_still_fails_where_there_is_nothing_to_report() -> None:
    assert main(["report", "--fail-on", "never"]) == 5
    assert main(["report", "--fail-on", "never", "--plan", "plan.json"]) == 2


@pytest.mark.parametrize("on", ["failure", "regression"])
def test_incomplete_pair_fails_whatever_the_report_fails_on(tmp_path: Path, on: str) -> None:
    (tmp_path / "reports" / "bert@cpu").mkdir(parents=True)
    assert main(["report", "--fail-on", on]) == 4


def test_help_says_what_each_fail_on_does() -> None:
    command = [sys.executable, "-m", "ttci", "report", "--help"]
    environment = clean_environment() | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    words = " ".join(done.stdout.split())
    assert "failure: whatever is not well; regression: missed targets and what could not be judged" in words
    assert "never: only a report that could not be made" in words


def test_target_of_the_manifest_that_is_missed_is_marked_at_its_line(
    make_project: Callable[..., Project],
) -> None:
    impossible = "[models.tiny.targets.cpu.lin]\nlatency_ms = 1e-9\n"
    project = make_project(manifest=MANIFEST + impossible)
    line = (project.path / "models_manifest.toml").read_text().splitlines().index("latency_ms = 1e-9") + 1
    assert project.ttci("run", "tiny", "--device", "cpu").code == 1
    done = project.ttci("report", "--annotations")
    assert done.code == 1
    (mark,) = [text for text in done.lines if text.startswith("::error ")]
    place = f"::error file=models_manifest.toml,line={line},title=tiny@cpu/lin[performance]::"
    assert mark.startswith(f"{place}latency_ms missed its target: measured ")
    assert mark.endswith("%0Afidelity of cpu: reference")
