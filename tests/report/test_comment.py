"""ttci comment: one comment a pull request, found by its mark, within GitHub's limit, that calls nobody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.pair_folders import leave, missed, result_of, run_of
from ttci.cli.main import main
from ttci.report.collect import PairReport, Report
from ttci.report.summary.comment import render_comment
from ttci.report.summary.job import render_summary
from ttci.results import Outcome, Result

PAIR = "llama3@n150"
# What GitHub makes a link of, in what a reader sees: its filters look at the text once it is rendered.
CALLS = re.compile(r"(?<!\w)@\w|#\d|\bGH-\d", re.IGNORECASE)


@pytest.fixture(autouse=True)
def _no_github(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def report_of(*results: Result) -> Report:
    return Report((PairReport(PAIR, Path(PAIR), run_of(PAIR, *results)),))


def printed(capsys: pytest.CaptureFixture[str], *arguments: str | Path, code: int = 0) -> str:
    assert main(["comment", *map(str, arguments)]) == code
    return capsys.readouterr().out


def test_it_begins_with_a_mark_that_stays_the_same_whatever_the_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, result in (("red", missed(PAIR)), ("green", result_of(PAIR))):
        leave(tmp_path / name, run_of(PAIR, result))
    red, green = (printed(capsys, tmp_path / name) for name in ("red", "green"))
    assert red.splitlines()[:2] == ["<!-- ttci report -->", "## ❌ ttci: failed"]
    assert green.splitlines()[:2] == ["<!-- ttci report -->", "## ✅ ttci: passed"]


def test_it_says_what_the_summary_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(tmp_path, run_of(PAIR, missed(PAIR)))
    text = printed(capsys, tmp_path)
    main(["report", str(tmp_path)])
    assert text == f"<!-- ttci report -->\n{(tmp_path / 'summary.md').read_text('utf-8')}"


def test_it_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(tmp_path, run_of(PAIR, missed(PAIR)))
    before = sorted(tmp_path.rglob("*"))
    printed(capsys, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_pair_that_was_planned_and_left_nothing_stands_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path / "reports", run_of(PAIR))
    plan = tmp_path / "plan.json"
    plan.write_text('{"schema": 1, "pairs": ["bert@cpu"], "left_out": []}')
    assert "bert@cpu" in printed(capsys, tmp_path / "reports", "--plan", plan)


def test_several_comments_have_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(tmp_path, run_of(PAIR))
    assert printed(capsys, tmp_path, "--name", "nightly-n150").startswith("<!-- ttci nightly-n150 -->\n")


@pytest.mark.parametrize("name", ["a b", "-->", "a--b", "", "ü", "a\nb"])
def test_name_that_would_break_the_mark_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["comment", str(tmp_path), f"--name={name}"])
    assert ended.value.code == 2
    assert "argument --name: " in capsys.readouterr().err.splitlines()[-1]


def test_it_links_to_the_run_that_it_comes_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(tmp_path, run_of(PAIR))
    assert "The run" not in printed(capsys, tmp_path)
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/name")
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    last = printed(capsys, tmp_path).splitlines()[-1]
    assert last == "[The run](https://github.com/owner/name/actions/runs/7) has the whole report."


@pytest.mark.parametrize("name", ["layer_{}", "🐍{}", "#1 @a {}", "#1" * 80 + "{}"])
def test_3000_failures_fit(name: str) -> None:
    bad = [missed(PAIR, test=name.format(index)) for index in range(3000)]
    link = f"https://github.com/owner/{'n' * 10_000}/actions/runs/7"
    text = render_comment(report_of(*bad), "report", link)
    assert 30_000 < len(text) <= 65_536
    assert "more failures are left out here" in text
    assert text.count("<details>") == text.count("</details>")
    assert text.endswith("has the whole report.\n")


@pytest.mark.parametrize(
    "message",
    [
        "see #12",
        "@torch.no_grad",
        "owner/name#7 and (@someone)",
        "gh-26",
        "&#12; #3",
        "&@a",
        "x @a#1@b",
        "/@a",
    ],
)
def test_no_text_calls_a_person_or_marks_an_issue(message: str) -> None:
    report = report_of(result_of(PAIR, f"t {message}", outcome=Outcome.FAILED, message=message))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(render_comment(report, "report"))
    seen = re.sub(r"<pre>.*?</pre>|<!--.*?-->", "", html, flags=re.DOTALL)
    words = re.sub("<[^>]*>", " ", seen).replace("&amp;", "&")
    assert CALLS.findall(words) == []
    assert message in words.replace("\u200b", "")
    assert CALLS.search(message)  # so that the test could fail
    assert message.replace("&", "&amp;") in html  # as it is where it may be copied from


def test_text_that_calls_nobody_is_that_of_the_summary() -> None:
    report = report_of(result_of(PAIR, "a|b*c", outcome=Outcome.FAILED, message="mean 3 # not 4; a@b"))
    assert render_comment(report, "x").partition("\n")[2] == render_summary(report)


def test_no_reports_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["comment", str(tmp_path)]) == 5
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"there is no run.json in {tmp_path}\n")
