"""The job's summary: the verdict first, what failed next, cut to fit, and every name stays text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.pair_folders import latency, leave, missed, result_of, run_of
from ttci.artifacts.plan_file import LeftOut
from ttci.catalog.checks import check_class
from ttci.cli.main import main
from ttci.report.collect import PairReport, Problem, Report
from ttci.report.summary import markdown
from ttci.report.summary.job import MOST_BYTES, render_summary
from ttci.results import Outcome, Result

PAIR = "llama3@n150"


def report_of(*results: Result, pair: str = PAIR, left_out: tuple[LeftOut, ...] = ()) -> Report:
    return Report((PairReport(pair, Path(pair), run_of(pair, *results)),), left_out)


class Reader(HTMLParser):
    """The tags of a rendered summary, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert attrs == []
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


def rendered(text: str) -> Reader:
    return Reader(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))


def test_verdict_comes_first_then_what_failed_then_the_models_then_the_details() -> None:
    text = render_summary(report_of(missed(PAIR), result_of(PAIR)))
    positions = [
        text.index(part)
        for part in (
            *("## ❌ ttci: failed", "failed: 1 pair; 1 passed, 1 failed"),
            *("### What failed", "### Models and devices", "<details><summary>llama3@n150: "),
        )
    ]
    assert positions == sorted(positions)
    assert positions[0] == 0


def test_failed_target_shows_its_place_and_how_far_it_is_beyond_its_limit() -> None:
    (row,) = [line for line in render_summary(report_of(missed(PAIR, 10.5))).splitlines() if "🐢" in line]
    assert "models_manifest.toml:88" in row
    assert "measured 10.5 ms, target 5 ms, limit 5.25 ms, +110.0% against the target" in row
    assert row.endswith("| ██████████▶ 2.00x |")


def test_what_to_do_is_said_once_for_each_check_that_failed() -> None:
    text = render_summary(report_of(missed(PAIR), missed(PAIR)))
    (line,) = [line for line in text.splitlines() if line.startswith("- **performance**: ")]
    assert line.endswith(markdown.text(check_class("performance").advice))
    assert "- **" not in render_summary(report_of(result_of(PAIR)))


def test_table_of_models_and_devices_counts_and_names_the_worst_ratio() -> None:
    entries = [
        PairReport("bert@cpu", run=run_of("bert@cpu")),
        PairReport(
            "llama3@cpu", run=run_of("llama3@cpu", result_of("llama3@cpu", measurements=[latency(4.2)]))
        ),
        PairReport("llama3@n150", problems=(Problem("torn"),)),
    ]
    text = render_summary(Report(tuple(entries), (LeftOut(pair="bert@n150", reason="no board"),)))
    rows = text.partition("### Models and devices\n\n")[2].splitlines()[:4]
    assert rows == [
        "| model | cpu | n150 |",
        "| --- | --- | --- |",
        "| bert | ✅ 1 | not run: no board |",
        "| llama3 | ✅ 1<br>████████░░ 0.80x of a limit | 💥 1 |",
    ]


def test_target_that_does_not_bind_is_no_worst_ratio() -> None:
    beyond = result_of(PAIR, measurements=[latency(50.0, binds=False)])
    assert "of a limit" not in render_summary(report_of(beyond))


def test_green_report_names_nothing_that_failed() -> None:
    text = render_summary(report_of(result_of(PAIR)))
    assert text.startswith("## ✅ ttci: passed\n")
    assert "What failed" not in text


def test_what_is_unavailable_or_left_out_is_never_silent() -> None:
    absent = result_of(PAIR, outcome=Outcome.UNAVAILABLE, message="no implementation")
    text = render_summary(report_of(absent, left_out=(LeftOut(pair="llama3@n300", reason="no board"),)))
    assert text.startswith("## ⚠️ ttci: unavailable\n")
    words = rendered(text).words
    assert "no implementation" in words
    assert "llama3@n300" in words
    assert "1 left out" in words


def test_3000_failures_fit_and_how_many_are_left_out_is_said() -> None:
    why = "TypeError: forward() missing 1 required positional argument: " + "x" * 200
    bad = [result_of(PAIR, f"layer_{index:04}", outcome=Outcome.ERROR, message=why) for index in range(3000)]
    text = render_summary(report_of(*bad))
    assert len(text.encode()) < 2**20
    shown = sum(line.startswith("| 💥 | llama3@n150/") for line in text.splitlines())
    (left_out,) = re.findall(r"\*\*([\d,]+) more failures are left out here\*\*", text)
    assert shown + int(left_out.replace(",", "")) == 3000
    assert shown > 1000
    assert "of this pair are left out here" in text
    assert text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize("most", [0, 100, 5000, 6000, 10_000, 50_000])
def test_summary_keeps_to_the_room_there_is(most: int) -> None:
    bad = [missed(PAIR, test=f"🐍{index}") for index in range(300)]
    text = render_summary(report_of(*bad), most)
    assert len(text.encode()) <= most
    assert text.count("<details>") == text.count("</details>")


NAMES = [
    "<script>alert(1)</script>",
    "a | b || c",
    "`code` ``more``",
    "**bold** _slanted_ __x__ ~~gone~~ *a*",
    "[click](https://evil.example) ![x](y)",
    "[a][b] <https://evil.example>",
    "</details><h1>x",
    "&lt;b&gt; &amp; &#60;",
    "\\| \\` trailing \\",
    "# heading",
    "$x^2$",
    "<!-- comment",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_and_messages_stay_text(name: str) -> None:
    model = result_of(PAIR, name, outcome=Outcome.FAILED, message=f"{name}\n\n{name}\n# x\n| a |")
    report = report_of(model, left_out=(LeftOut(pair="a@b", reason=name),))
    read = rendered(render_summary(report))
    allowed = {
        "h2",
        "h3",
        "p",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "br",
        "details",
        "summary",
        "pre",
        "ul",
        "li",
        "strong",
    }
    assert read.tags <= allowed
    assert read.words.count(f"{PAIR}/{name}[correctness]") == 2
    assert f"{name}\n\n{name}\n# x\n| a |\n" in read.words.replace("\r", "") + "\n"


def test_line_breaks_and_control_characters_break_no_row() -> None:
    bad = result_of(PAIR, "a\n| x | y |\r\n\x1b[31m\u2028", outcome=Outcome.FAILED, message="m")
    text = render_summary(report_of(bad))
    (row,) = [line for line in text.splitlines() if line.startswith("| ❌")]
    assert row.count(" | ") == 3


@pytest.mark.parametrize(
    ("ratio", "bar"),
    [
        *((0.0, "░" * 10), (0.5, "█████░░░░░"), (0.55, "█████▌░░░░"), (1.0, "█" * 10)),
        *((1.01, "██████████▶"), (100.0, "██████████▶"), (-1.0, "░" * 10)),
    ],
)
def test_bar_is_full_at_the_limit(ratio: float, bar: str) -> None:
    assert markdown.bar(ratio) == bar


def test_summary_is_appended_to_what_other_steps_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(tmp_path / "reports", run_of(PAIR))
    step = tmp_path / "step.md"
    step.write_text("# mine\n")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    assert main(["report", str(tmp_path / "reports")]) == 0
    own = (tmp_path / "reports" / "summary.md").read_text()
    assert step.read_text() == f"# mine\n{own}"
    assert main(["report", str(tmp_path / "reports"), "--summary", str(tmp_path / "other.md")]) == 0
    assert (tmp_path / "other.md").read_text() == own
    assert step.read_text() == f"# mine\n{own}"


def test_summary_leaves_room_for_what_is_there_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    leave(tmp_path / "reports", run_of(PAIR, *(missed(PAIR, test=f"t{index}") for index in range(500))))
    step = tmp_path / "step.md"
    step.write_text("x" * (MOST_BYTES - 20_000))
    assert main(["report", str(tmp_path / "reports"), "--summary", str(step)]) == 1
    assert MOST_BYTES - 20_000 < step.stat().st_size <= MOST_BYTES


def test_summary_that_cannot_be_written_is_a_mistake_of_the_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path / "reports", run_of(PAIR))
    path = tmp_path / "no" / "where.md"
    assert main(["report", str(tmp_path / "reports"), "--summary", str(path)]) == 2
    assert capsys.readouterr().err == f"--summary {path}: No such file or directory\n"
