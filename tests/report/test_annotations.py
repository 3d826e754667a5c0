"""Annotations: the right line of the right file, what hurts most first, and nothing that can be forged."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.pair_folders import (
    MANIFEST_LINE,
    MODEL_LINE,
    latency,
    leave,
    missed,
    result_of,
    run_of,
    throughput,
)
from ttci.cli.main import main
from ttci.report.annotations import annotation_lines
from ttci.report.collect import PairReport, Problem, Report
from ttci.report.findings import findings
from ttci.results import Outcome, Result

PAIR = "llama3@n150"


def lines_for(*results: Result, problems: tuple[Problem, ...] = ()) -> list[str]:
    entry = PairReport(PAIR, run=run_of(PAIR, *results), problems=problems)
    return annotation_lines(findings(Report((entry,))))


def understood(line: str) -> tuple[str, dict[str, str], str]:
    """An annotation as GitHub's runner reads it: level, properties, text."""
    assert line.startswith("::")
    head, _, data = line[2:].partition("::")
    level, _, stated = head.partition(" ")
    properties = dict(entry.split("=", 1) for entry in stated.split(","))
    return level, {name: unescaped(value) for name, value in properties.items()}, unescaped(data)


def unescaped(text: str) -> str:
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


def test_missed_target_points_at_its_line_in_the_manifest() -> None:
    (line,) = lines_for(missed(PAIR, value=6.0, target=5.0))
    level, properties, text = understood(line)
    assert level == "error"
    file, _, number = MANIFEST_LINE.partition(":")
    assert properties == {"file": file, "line": number, "title": f"{PAIR}/attention[performance]"}
    assert text == (
        "latency_ms missed its target: measured 6 ms, target 5 ms, limit 5.25 ms, "
        "+20.0% against the target\nfidelity of n150: silicon"
    )


def test_target_that_the_code_states_points_at_the_declaration() -> None:
    bad = result_of(PAIR, check="performance", outcome=Outcome.FAILED, measurements=[latency(6.0)])
    _, properties, _ = understood(lines_for(bad)[0])
    assert f"{properties['file']}:{properties['line']}" == MODEL_LINE


def test_what_was_said_of_a_missed_target_is_not_said_twice() -> None:
    plain = missed(PAIR)
    said = understood(lines_for(plain)[0])[2].partition("\n")[0]
    assert lines_for(plain.model_copy(update={"message": said})) == lines_for(plain)


@pytest.mark.parametrize("place", ["/etc/passwd:1", "../x.py:1", "a/../../x.py:2", "x.py", "x.py:y", 7, None])
def test_place_outside_the_repository_is_left_out(place: object) -> None:
    bad = result_of(PAIR, outcome=Outcome.FAILED, message="wrong", declared_at=place)
    assert set(understood(lines_for(bad)[0])[1]) == {"title"}


def test_levels_are_those_that_are_documented() -> None:
    found = lines_for(
        result_of(PAIR, "a", outcome=Outcome.ERROR, message="crashed"),
        result_of(PAIR, "b", outcome=Outcome.FAILED, message="wrong"),
        result_of(PAIR, "c", outcome=Outcome.UNAVAILABLE, message="no implementation"),
        result_of(PAIR, "d", measurements=[latency(3.0)]),
        result_of(PAIR, "e", measurements=[latency(3.0, target=None)]),
        problems=(Problem("torn"),),
    )
    read = [(level, properties["title"]) for level, properties, _ in map(understood, found)]
    assert read == [
        ("error", PAIR),
        ("error", f"{PAIR}/a[correctness]"),
        ("error", f"{PAIR}/b[correctness]"),
        ("warning", f"{PAIR}/c[correctness]"),
        ("notice", f"{PAIR}/d[correctness]"),
    ]


def test_check_that_a_device_cannot_do_is_no_warning_where_the_test_was_judged() -> None:
    absent = result_of(PAIR, check="gradients", outcome=Outcome.UNAVAILABLE, message="no autograd")
    assert lines_for(result_of(PAIR), absent) == []


def test_test_that_nothing_could_judge_is_one_warning() -> None:
    absent = [
        result_of(PAIR, check=check, outcome=Outcome.UNAVAILABLE, message="no implementation")
        for check in ("correctness", "performance")
    ]
    assert [understood(line)[0] for line in lines_for(*absent)] == ["warning"]


def test_what_hurts_most_comes_first() -> None:
    found = lines_for(
        missed(PAIR, 6.0, test="slow"),
        missed(PAIR, 60.0, test="slowest"),
        result_of(PAIR, "half", "performance", Outcome.FAILED, measurements=[throughput(10.0)]),
        result_of(PAIR, "wrong", outcome=Outcome.FAILED, message="correlation"),
        result_of(PAIR, "crash", outcome=Outcome.ERROR, message="crashed"),
        problems=(Problem("the run never finished"),),
    )
    titles = [understood(line)[1]["title"] for line in found]
    tests = [title.partition("/")[2].partition("[")[0] for title in titles]
    assert tests == ["", "crash", "wrong", "slowest", "half", "slow"]


def test_3000_failures_make_ten_errors_and_the_tenth_says_how_many_more() -> None:
    found = lines_for(*(missed(PAIR, 6.0 + index, test=f"t{index}") for index in range(3000)))
    assert len(found) == 10
    assert all(line.startswith("::error ") for line in found)
    assert understood(found[0])[1]["title"] == f"{PAIR}/t2999[performance]"
    assert understood(found[-1])[2] == "and 2,991 more in the summary"


def test_ten_of_a_level_are_all_shown() -> None:
    found = lines_for(*(missed(PAIR, test=f"t{index}") for index in range(10)))
    assert len(found) == 10
    assert "more in the summary" not in "".join(found)


FORGERIES = [
    "%0A::error::forged",
    "\n::error::forged",
    "\r\n::error::forged",
    "a,file=forged.py,line=1",
    "a::error::forged",
    "quotes \" and ' and `",
    "emoji 🐍 and 👩‍👩‍👧",
    "\x85::error::forged\u2028::error::forged\x0b::error::forged",
    "%250A%25",
    "\x1b[31mred\x00",
]


@pytest.mark.parametrize("text", FORGERIES)
def test_nothing_in_a_name_or_message_forges_a_line(text: str) -> None:
    bad = result_of(PAIR, f"t{text}", outcome=Outcome.FAILED, message=text, declared_at=f"{text}.py:3")
    (line,) = lines_for(bad)
    assert line.splitlines() == [line]
    level, properties, read = understood(line)
    assert level == "error"
    assert set(properties) <= {"file", "line", "title"}
    visible = re.sub(r"[^\x20-\x7e\u00a0-\u2027\u202a-\U0010ffff\r\n]", "\ufffd", text)
    assert properties["title"] == f"{PAIR}/t{visible}[correctness]"
    assert read == f"{visible}\nfidelity of n150: silicon"


def test_long_text_is_cut() -> None:
    (line,) = lines_for(result_of(PAIR, outcome=Outcome.FAILED, message="x" * 100_000))
    assert len(line) < 3000


@pytest.mark.parametrize(
    ("arguments", "environment", "annotated"),
    [
        ([], {}, False),
        ([], {"GITHUB_ACTIONS": "true"}, True),
        (["--no-annotations"], {"GITHUB_ACTIONS": "true"}, False),
        (["--annotations"], {}, True),
    ],
)
def test_annotations_are_printed_on_github_or_when_asked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    environment: dict[str, str],
    annotated: bool,
) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    leave(tmp_path, run_of(PAIR, missed(PAIR)))
    assert main(["report", str(tmp_path), *arguments]) == 1
    assert ("\n::error file=models_manifest.toml,line=88" in capsys.readouterr().out) is annotated


def test_json_on_standard_output_stays_json_beside_annotations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    leave(tmp_path, run_of(PAIR, missed(PAIR)))
    assert main(["report", str(tmp_path), "--json", "--annotations"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["verdict"] == "failed"
    assert printed.err.startswith("::error ")
