"""plan.json: a pair that was planned and left nothing is an error, not an absence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pair_folders import leave, run_of
from ttci.artifacts.plan_file import Planned, read_planned, write_planned
from ttci.cli.main import main
from ttci.errors import MachineryError


@pytest.fixture(autouse=True)
def outside_github(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def test_planned_pair_that_left_nothing_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path / "reports", run_of("bert@cpu"))
    write_planned(tmp_path / "reports", ["bert@cpu", "llama3@n150"], [])
    assert main(["report"]) == 4
    printed = capsys.readouterr()
    assert "error: 2 pairs; 1 passed, 0 failed, 1 error" in printed.out
    assert printed.err == "llama3@n150: planned, and it left nothing: its job did not run, or was lost\n"


def test_plan_with_no_pair_at_all_is_still_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_planned(tmp_path / "reports", ["bert@cpu"], [])
    assert main(["report"]) == 4
    assert "1 error" in capsys.readouterr().out


def test_complete_plan_changes_nothing(tmp_path: Path) -> None:
    leave(tmp_path / "reports", run_of("bert@cpu"))
    write_planned(tmp_path / "reports", ["bert@cpu"], [])
    assert main(["report"]) == 0


def test_what_was_left_out_is_shown_with_its_reason_and_fails_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path / "reports", run_of("bert@cpu"))
    write_planned(tmp_path / "reports", ["bert@cpu"], [("bert@n150", "there is no board")])
    assert main(["report"]) == 0
    printed = capsys.readouterr().out
    assert "bert@n150 is not run: there is no board\n" in printed
    assert "passed: 1 pair, 1 left out; " in printed


def test_plans_of_several_folders_and_of_the_option_are_put_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        leave(tmp_path / name, run_of(f"{name}@cpu"))
        write_planned(tmp_path / name / "artifact", [f"{name}@cpu", f"{name}@n150"], [])
    write_planned(tmp_path / "c", ["c@cpu"], [])
    assert main(["report", "a", "b", "--plan", "c/plan.json"]) == 4
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == [
        *("a@n150", "b@n150", "c@cpu")
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not a plan: "),
        ('{"schema": 1, "pairs": ["a@', "not a plan: "),
        ('{"schema": 2, "pairs": [], "more": 1}', "written by a newer ttci (schema 2, this one reads 1)"),
        ('{"schema": 1, "pairs": ["../../etc@x"]}', '"../../etc@x" is not a pair'),
        ('{"schema": 1, "pairs": "a@b"}', 'not a plan: "pairs": '),
    ],
    ids=["empty", "torn", "newer", "leaving the folder", "no list"],
)
def test_plan_that_cannot_be_read_is_an_error_and_the_rest_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    leave(tmp_path / "reports", run_of("bert@cpu"))
    (tmp_path / "reports" / "plan.json").write_text(content)
    assert main(["report"]) == 4
    printed = capsys.readouterr()
    assert "bert@cpu" in printed.out
    (line,) = printed.err.splitlines()
    assert line.startswith("reports/plan.json: ")
    assert said in line


def test_plan_that_is_not_where_the_option_says_is_a_mistake_of_the_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path / "reports", run_of("bert@cpu"))
    assert main(["report", "--plan", "pln.json"]) == 2
    assert capsys.readouterr().err == "--plan pln.json: there is no such file\n"


def test_writing_a_plan_adds_to_the_one_that_is_there(tmp_path: Path) -> None:
    write_planned(tmp_path, ["a@cpu"], [("b@cpu", "on demand"), ("c@cpu", "no board")])
    write_planned(tmp_path, ["b@cpu", "a@cpu"], [("a@cpu", "not chosen")])
    plan = read_planned(tmp_path / "plan.json")
    assert plan.pairs == ("a@cpu", "b@cpu")
    assert [(entry.pair, entry.reason) for entry in plan.left_out] == [("c@cpu", "no board")]


def test_plan_is_written_with_the_words_that_are_promised(tmp_path: Path) -> None:
    write_planned(tmp_path, ["a@cpu"], [("b@cpu", "on demand")])
    assert json.loads((tmp_path / "plan.json").read_text()) == {
        "schema": 1,
        "pairs": ["a@cpu"],
        "left_out": [{"pair": "b@cpu", "reason": "on demand"}],
    }


def test_torn_plan_is_replaced_by_the_next_writer(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{")
    write_planned(tmp_path, ["a@cpu"], [])
    assert read_planned(tmp_path / "plan.json") == Planned(pairs=("a@cpu",))


def test_many_processes_may_write_one_plan(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ttci.artifacts.plan_file import write_planned\n"
        "for index in range(20): write_planned(Path(sys.argv[1]), [f'm{sys.argv[2]}-{index}@cpu'], [])"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in "ab"]
    assert [process.wait() for process in running] == [0, 0]
    assert len(read_planned(tmp_path / "plan.json").pairs) == 40


def test_reading_a_plan_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(MachineryError, match=r"plan\.json: cannot be read: No such file"):
        read_planned(tmp_path / "plan.json")
