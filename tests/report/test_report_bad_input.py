"""Bad input to ttci report: one clear line each, the report of the rest, and never a green one."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pair_folders import latency, leave, missed, result_of, run_of
from ttci.artifacts import bounded
from ttci.artifacts.ended import write_ended
from ttci.artifacts.plan_file import write_planned
from ttci.cli.main import main
from ttci.report import collect as collecting
from ttci.results import write_run

GOOD = "good@cpu"
BAD = "bad@cpu"
CASE = '<testcase name="bad@cpu/attention[correctness]" classname="c" time="1"/>'
NAN = ('"value":4.0', '"value":NaN')
SUITE = f'<testsuite name="pytest">{CASE}</testsuite>'
BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [
  <!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa">
  <!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
  <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
]>
<testsuites><testsuite name="pytest"><testcase name="&c;"/></testsuite></testsuites>"""


@pytest.fixture(autouse=True)
def reports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with one good pair and one that each test spoils, the working directory above it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    leave(tmp_path / "reports", run_of(GOOD))
    timed = result_of(BAD, check="performance", measurements=[latency(4.0, samples=(4.0, 4.1))])
    leave(tmp_path / "reports", run_of(BAD, result_of(BAD), timed))
    return tmp_path / "reports"


def suite_holding(xml: str) -> str:
    return f"<testsuites>{SUITE.replace('/>', f'>{xml}</testcase>')}</testsuites>"


def reported(capsys: pytest.CaptureFixture[str], *, code: int = 4) -> str:
    """What stands on standard error of a report, which must be one line; the rest is reported."""
    assert main(["report"]) == code
    printed = capsys.readouterr()
    assert GOOD in printed.out
    names = [case.get("name") for case in merged().iter("testcase")]
    assert f"{GOOD}/attention[correctness]" in names
    assert json.loads(Path("reports/benchmark.json").read_text())["benchmarks"] is not None
    (line,) = printed.err.splitlines()
    return line


def merged() -> ET.Element:
    return ET.parse("reports/junit.xml").getroot()


def errors_of(pair: str) -> list[str | None]:
    return [error.get("message") for error in merged().findall(f"testsuite[@name='{pair}']/testcase/error")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"<testsuites>{SUITE}"[:-20], "cannot be read: "),
        ("", "cannot be read: "),
        ("\x00" * 100, "cannot be read: "),
        (BOMB, "declares a document type or entities"),
        (BOMB.replace("<!DOCTYPE", "<!doctype"), "cannot be read: "),
        (f"<testsuites>{SUITE.replace('bad@cpu/', 'a' + chr(27))}</testsuites>", "cannot be read: "),
        ("<html/>", "XML, and no JUnit file"),
        ('<?xml version="1.0" encoding="latin-1"?><testsuites/>', "not in UTF-8"),
        (SUITE.replace('time="1"', 'time="soon"'), "cannot be read: "),
        (suite_holding(5000 * "<a>" + 5000 * "</a>"), "cannot be read: "),
        (suite_holding("<failure/>"), "1 failures that run.json knows nothing of"),
    ],
    ids=[
        *("truncated", "empty", "zeros", "entity bomb", "lower case bomb", "control characters", "html"),
        *("other encoding", "no time", "nested deeply", "failures of its own"),
    ],
)
def test_bad_junit_is_an_error_and_run_json_stands_in_for_it(
    reports: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    (reports / BAD / "junit.xml").write_text(content)
    line = reported(capsys)
    assert line.startswith("reports/bad@cpu/junit.xml: ")
    assert said in line
    assert errors_of(BAD)[-1] == line
    names = [case.get("name") for case in merged().findall(f"testsuite[@name='{BAD}']/testcase")]
    assert "bad@cpu/attention[correctness]" in names


def test_utf_16_cannot_hide_entities(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (reports / BAD / "junit.xml").write_text(BOMB, encoding="utf-16")
    assert "not in UTF-8" in reported(capsys)


def test_junit_of_200_mb_is_not_read(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.truncate(reports / BAD / "junit.xml", 200 * 2**20)
    assert reported(capsys) == ("reports/bad@cpu/junit.xml: 200 MiB, and at most 64 MiB are read of one file")


def test_two_suites_of_one_name_are_both_kept(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = SUITE.replace("attention", "ffn")
    (reports / BAD / "junit.xml").write_text(f"<testsuites>{SUITE}{other}</testsuites>")
    assert main(["report"]) == 0
    assert capsys.readouterr().err == ""
    names = [case.get("name") for case in merged().findall(f"testsuite[@name='{BAD}']/testcase")]
    assert names == ["bad@cpu/attention[correctness]", "bad@cpu/ffn[correctness]"]
    assert merged().get("tests") == "3"


def test_junit_that_hides_a_failure_is_replaced_by_run_json(
    reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = leave(reports, run_of(BAD, missed(BAD)))
    (folder / "junit.xml").write_text(f"<testsuites>{SUITE}</testsuites>")
    assert main(["report"]) == 1
    assert capsys.readouterr().err == ""
    assert merged().get("failures") == "1"


def test_control_characters_of_a_message_are_written_as_pytest_writes_them(reports: Path) -> None:
    bad = missed(BAD).model_copy(update={"message": "\x1b[31mred\x00 \ud800"})
    folder = leave(reports, run_of(BAD, missed(BAD)))
    write_run(folder / "run.json", run_of(BAD, bad.model_copy(update={"message": "\x1b[31mred\x00"})))
    (folder / "junit.xml").unlink()
    assert main(["report"]) == 1
    failure = merged().find(f"testsuite[@name='{BAD}']/testcase/failure")
    assert failure is not None
    assert failure.text == "#x1B[31mred#x00"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[:-9], "cannot be read: "),
        (lambda _: "", "cannot be read: "),
        (lambda _: '{"schema": 2}', "written by a newer ttci (schema 2, this one reads 1); upgrade ttci"),
        (lambda _: "[" * 100_000, "cannot be read: "),
        (lambda text: text.replace(*NAN), "not a run.json: results.1.measurements.0.value: "),
        (
            lambda text: text.replace(f'"pair":"{BAD}"', f'"pair":"{GOOD}"'),
            "the run of another pair, good@cpu",
        ),
        (lambda text: text.replace('"pair":"bad@cpu"', r'"pair":"x\n::error::@y"'), "is not a pair"),
    ],
    ids=["torn", "empty", "newer", "nested", "NaN", "another pair", "forged pair"],
)
def test_bad_run_json_is_an_error(
    reports: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[str], str], said: str
) -> None:
    path = reports / BAD / "run.json"
    path.write_text(spoil(path.read_text()))
    line = reported(capsys)
    assert line.startswith("reports/bad@cpu/run.json: ")
    assert said in line
    assert errors_of(BAD) == [line]


def test_run_that_never_finished_is_an_error(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(reports, run_of(BAD, is_finished=False))
    assert reported(capsys) == "reports/bad@cpu: the run never finished; its log.txt says why"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[:-9], "cannot be read: "),
        (lambda _: "[]", 'it has no list "benchmarks"'),
        (lambda text: text.replace('"min": 0.004', '"min": NaN'), "NaN is no number of JSON"),
        (lambda text: text.replace('"min": 0.004', '"min": 1e999'), "is no number"),
        (lambda text: text.replace('"stats"', '"steps"'), "is no number"),
        (lambda text: text.replace('"fullname"', '"name2"'), "a benchmark has no name"),
        (lambda _: "[" * 100_000, "cannot be read: "),
    ],
    ids=["torn", "a list", "NaN", "infinite", "no statistics", "no name", "nested"],
)
def test_bad_benchmark_json_is_an_error(
    reports: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[str], str], said: str
) -> None:
    path = reports / BAD / "benchmark.json"
    before = path.read_text()
    path.write_text(spoil(before))
    assert path.read_text() != before
    line = reported(capsys)
    assert line.startswith("reports/bad@cpu/benchmark.json: ")
    assert said in line


def test_two_folders_of_one_pair_are_an_error_and_both_are_shown(
    reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(reports / "artifact", run_of(GOOD, missed(GOOD)))
    line = reported(capsys)
    assert line == "reports/good@cpu: a second folder of this pair, beside reports/artifact/good@cpu"
    assert merged().get("failures") == "1"


def test_green_folder_cannot_hide_the_red_one_of_the_same_pair(
    reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(reports, run_of(BAD, missed(BAD)))
    assert main(["report"]) == 1
    leave(reports / "another", run_of(BAD))
    assert main(["report"]) == 4
    assert "1 failed" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["run.json", "junit.xml", "benchmark.json"])
def test_file_that_leaves_its_folder_is_not_read(
    reports: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    outside = reports.parent / name
    (reports / BAD / name).rename(outside)
    (reports / BAD / name).symlink_to(outside)
    assert reported(capsys) == f'reports/bad@cpu/{name}: leads out of "bad@cpu"; it is not read'


def test_folder_that_leaves_the_reports_is_not_read(
    reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = leave(reports.parent / "elsewhere", run_of("other@cpu"))
    (reports / "other@cpu").symlink_to(outside)
    assert reported(capsys) == 'reports/other@cpu: leads out of "reports"; it is not read'


def test_link_to_another_pair_is_an_error_and_that_pair_is_reported(
    reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(reports, run_of(BAD, missed(BAD)))
    (reports / "absent@cpu").symlink_to(BAD)
    assert reported(capsys) == "reports/absent@cpu/run.json: the run of another pair, bad@cpu"
    suite = merged().find(f"testsuite[@name='{BAD}']")
    assert suite is not None
    assert suite.get("failures") == "1"


def test_end_of_another_pair_is_an_error(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ended(reports / BAD, GOOD, 3, "no board")
    assert reported(capsys) == 'reports/bad@cpu/ended.json: the end of another pair, "good@cpu"'


def test_log_beside_the_pairs_hides_none_of_them(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (reports / "log.txt").touch()
    assert main(["report"]) == 0
    assert "passed: 2 pairs" in capsys.readouterr().out


def test_link_that_leads_nowhere_is_an_error(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (reports / BAD / "run.json").unlink()
    (reports / BAD / "run.json").symlink_to("run.json")
    assert reported(capsys).startswith("reports/bad@cpu/run.json: cannot be read: ")


def test_results_beyond_the_limit_are_named_and_the_rest_is_reported(
    reports: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(reports, run_of("zeta@cpu", *(result_of("zeta@cpu", f"t{index}") for index in range(100))))
    monkeypatch.setattr(collecting, "MOST_BYTES", 2**13)
    line = reported(capsys)
    assert line.startswith("reports/zeta@cpu/run.json: not read: ")
    assert line.endswith(" of results are read already; report it by itself")


def test_run_json_beyond_the_limit_of_a_file_is_an_error(
    reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (reports / BAD / "run.json").open("a") as file:
        file.truncate(bounded.MOST_BYTES + 2**20)
    assert reported(capsys) == "reports/bad@cpu/run.json: 65 MiB, and at most 64 MiB are read of one file"


@pytest.mark.parametrize(
    "content", ["", "{", '{"schema": 1, "pair": "bad@cpu", "exit_code": 0, "reason": ""}']
)
def test_bad_ended_json_is_an_error(reports: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    (reports / BAD / "ended.json").write_text(content)
    assert reported(capsys).startswith("reports/bad@cpu/ended.json: not an ended.json: ")


def test_folder_that_is_not_there_is_an_error_beside_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["report", "reports", "lost"]) == 4
    assert capsys.readouterr().err == "lost: there is no such folder\n"
    assert errors_of("report") == ["lost: there is no such folder"]


def test_names_of_folders_cannot_forge_a_command(
    reports: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = reports / "::error::x\n::error::y ##[error]z@"
    folder.mkdir()
    (folder / "log.txt").touch()
    monkeypatch.chdir(reports)
    assert main(["report", "."]) == 4
    printed = capsys.readouterr()
    for line in (printed.out + printed.err).splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


def test_folder_whose_name_is_no_text_is_reported(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = os.fsencode(reports) + b"/\xff\xfe"
    os.mkdir(folder)  # noqa: PTH102  # a Path is text
    (Path(os.fsdecode(folder)) / "log.txt").touch()
    line = reported(capsys)
    assert line == "reports/\\udcff\\udcfe: the run left no run.json; its log.txt says why"


@pytest.mark.parametrize("name", ["run.json", "junit.xml", "benchmark.json", "ended.json", "plan.json"])
def test_no_cut_through_a_file_makes_a_red_report_green(
    reports: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = leave(reports, run_of(BAD, missed(BAD)))
    write_ended(folder, BAD, 3, "no board")
    write_planned(reports, [GOOD, BAD, "lost@cpu"], [("lost@n150", "no board")])
    path = (reports if name == "plan.json" else folder) / name
    whole = path.read_bytes()
    for cut in range(0, len(whole), max(1, len(whole) // 12)):
        path.write_bytes(whole[:cut])
        assert main(["report"]) in (1, 4), cut
        path.write_bytes(whole[:cut] + bytes(20) + whole[cut + 20 :])
        assert main(["report"]) in (1, 4), cut
    assert "\npassed: " not in capsys.readouterr().out
