"""report.html, in a real Chromium."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser import DESKTOP, PHONE, Page
from tests.pair_folders import latency, leave, missed, result_of, run_of, throughput
from ttci.artifacts.plan_file import write_planned
from ttci.report.collect import collect
from ttci.report.html import columns, report_data
from ttci.report.html.report import write_html
from ttci.results import Environment, ErrorMap, Fidelity, Measurement, Outcome, Result, Run, Verdict

HOSTILE = (
    "<script>window.pwned = 1</script>",
    "</script><script>window.pwned = 1</script>",
    "<!--<script>",
    "<img src=x onerror='window.pwned = 1'>",
    "\"quotes' `ticks` ${window.pwned = 1} \\",
    "]]>&lt;&amp;\u2028\u2029",
)
PAINTED = (
    "return [...document.querySelectorAll('.details canvas')].map((canvas) => canvas.getContext('2d')"
    ".getImageData(0, 0, canvas.width, canvas.height).data.filter((_, at) => at % 4 === 3).some(Boolean))"
)
ROUNDS = [4.9 + 0.01 * (number % 7) for number in range(30)]
UPLOT = "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"  # 1.6.32, from npm


@pytest.fixture
def show(page: Page, tmp_path: Path) -> Callable[..., Path]:
    """Leave these runs on the disk, write the page of them, and open it."""

    def show_runs(*runs: Run, fragment: str = "") -> Path:
        for run in runs:
            leave(tmp_path, run)
        write_html(collect([tmp_path]), tmp_path / "report.html")
        page.open(tmp_path / "report.html", fragment)
        return tmp_path

    return show_runs


def memory(value: float, capacity: float, target: float | None = None) -> Measurement:
    return Measurement(
        name="dram_mb",
        value=value,
        unit="MB",
        statistic="peak",
        capacity=capacity,
        target=target,
        verdict=Verdict.MET if target else Verdict.NO_TARGET,
    )


def two_pairs() -> tuple[Run, Run]:
    silicon = run_of(
        "llama3@n150",
        missed("llama3@n150", 12.0),
        result_of("llama3@n150", "ffn", "performance", measurements=[latency(4.9, samples=ROUNDS)]),
        result_of("llama3@n150", "ffn", "memory", measurements=[memory(3218.0, 12872.0, 6436.0)]),
        result_of("llama3@n150", "ffn", outcome=Outcome.ERROR, message="Traceback:\nTT_FATAL: bad shape"),
    )
    mock = run_of(
        "bert@n150-mock",
        result_of("bert@n150-mock", "norm"),
        result_of("bert@n150-mock", "norm", "performance", Outcome.UNAVAILABLE, "n150-mock has no timing"),
        fidelity=Fidelity.GOLDEN,
    )
    return silicon, mock


def rows(page: Page) -> list[tuple[str, ...]]:
    """Model, device, check and outcome of each row that is shown."""
    columns = ("model", "device", "check", "severity .word")
    return list(zip(*(page.texts(f".result td.{column}") for column in columns), strict=True))


def open_row(page: Page, position: int = 0) -> None:
    page.all(".result button.name")[position].click()


def width_of_page(page: Page) -> int:
    return int(page.run("return document.documentElement.scrollWidth"))


def brightness(page: Page, selector: str = "body") -> int:
    colour = page.one(selector).value_of_css_property("background-color")
    return sum(map(int, re.findall(r"\d+", colour)[:3]))


def test_it_opens_with_the_verdict_and_every_count(page: Page, show: Callable[..., Path]) -> None:
    show(*two_pairs())
    assert page.one("h1").text == "Failed"
    assert page.texts(".count") == ["1Failed", "1Error", "1Unavailable", "3Passed"]
    assert page.texts(".target-count") == ["2 met", "1 missed"]
    assert page.one("#about").text == "2 pairs · commit abc123 on main · run 2026-11-22 10:00 UTC"
    assert len(rows(page)) == 6


def test_it_asks_no_network_for_anything(page: Page, show: Callable[..., Path]) -> None:
    show(*two_pairs())
    open_row(page)
    requests = page.requests()
    assert [url for url in requests if url.endswith("/report.html")]
    assert {urlparse(url).scheme for url in requests} <= {"file", "about", "chrome"}


def test_its_policy_lets_no_other_script_run(page: Page, show: Callable[..., Path]) -> None:
    show(*two_pairs())
    page.run(
        "const script = document.createElement('script'); script.textContent = 'window.pwned = 1';"
        "document.body.append(script);"
    )
    assert page.run("return window.pwned") is None
    assert "Content Security Policy" in page.console()[0]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("model", "bert", {("bert", "n150-mock")}),
        ("device", "n150", {("llama3", "n150")}),
        ("check", "memory", {("llama3", "n150")}),
        ("outcome", "unavailable", {("bert", "n150-mock")}),
        ("verdict", "missed", {("llama3", "n150")}),
    ],
)
def test_a_filter_leaves_what_it_names(
    page: Page, show: Callable[..., Path], name: str, value: str, expected: set[tuple[str, str]]
) -> None:
    show(*two_pairs())
    every = rows(page)
    page.choose(name, value)
    shown = rows(page)
    assert 0 < len(shown) < len(every)
    assert {row[:2] for row in shown} == expected
    assert page.one("#found").text == f"{len(shown)} of {len(every)} results"
    page.one("#reset").click()
    assert rows(page) == every
    assert page.chosen(name) == "All"


def test_filters_work_together(page: Page, show: Callable[..., Path]) -> None:
    show(*two_pairs())
    page.choose("model", "llama3")
    page.choose("check", "performance")
    page.choose("outcome", "passed")
    assert rows(page) == [("llama3", "n150", "performance", "Passed")]
    page.choose("device", "n150-mock")
    assert rows(page) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [("NORM", 2), ("bad shape", 1), ("bert no timing", 1), ("llama3@n150/ffn[memory]", 1), ("nothing", 0)],
)
def test_search_finds_names_messages_and_identities(
    page: Page, show: Callable[..., Path], text: str, count: int
) -> None:
    show(*two_pairs())
    page.search(text)
    assert len(rows(page)) == count


def test_a_count_and_a_pair_are_filters_too(page: Page, show: Callable[..., Path]) -> None:
    show(*two_pairs())
    page.one(".count[data-outcome=error]").click()
    assert [row[3] for row in rows(page)] == ["Error"]
    page.one(".count[data-outcome=error]").click()
    page.one(".cell[data-model=bert]").click()
    assert {row[0] for row in rows(page)} == {"bert"}


def test_what_hurts_most_comes_first(page: Page, show: Callable[..., Path]) -> None:
    show(
        run_of(
            "llama3@n150",
            result_of("llama3@n150"),
            missed("llama3@n150", 6.0, test="a_little"),
            missed("llama3@n150", 60.0, test="a_lot"),
            result_of("llama3@n150", "wrong", outcome=Outcome.FAILED),
            result_of("llama3@n150", "crashed", outcome=Outcome.ERROR),
        )
    )
    assert page.texts(".name") == ["crashed", "wrong", "a_lot", "a_little", "attention"]


COLUMNS = {
    "severity": ["Error", "Failed", "Passed"],
    "test": ["norm2", "norm9", "norm10"],
    "model": ["bert", "llama3", "qwen3"],
    "device": ["cpu", "n150", "n300"],
    "check": ["correctness", "memory", "performance"],
    "measured": ["1 ms", "3 ms", "20 ms"],
    "against": ["target 5 ms, −80.0%", "target 5 ms, −40.0%", "target 5 ms, +300.0%"],  # noqa: RUF001
    "seconds": ["0.5 s", "2.0 s", "10.0 s"],
}


def three_different() -> list[Run]:
    """In every column of the table another order."""
    rows = [
        ("qwen3@cpu", "norm10", "memory", Outcome.FAILED, 1.0, 10.0),
        ("bert@n300", "norm2", "performance", Outcome.PASSED, 20.0, 0.5),
        ("llama3@n150", "norm9", "correctness", Outcome.ERROR, 3.0, 2.0),
    ]
    return [
        run_of(
            pair,
            result_of(pair, test, check, outcome, "", [latency(value)]).model_copy(
                update={"seconds": seconds}
            ),
        )
        for pair, test, check, outcome, value, seconds in rows
    ]


@pytest.mark.parametrize("key", COLUMNS)
def test_every_column_sorts_both_ways(page: Page, show: Callable[..., Path], key: str) -> None:
    show(*three_different())
    place = {"severity": ".word", "test": ".name", "against": ".said", "measured": "> span"}.get(key, "")
    ways = set()
    for _ in range(2):
        page.one(f"[data-sort={key}]").click()
        shown = [text.removesuffix("latency_ms") for text in page.texts(f".result td.{key} {place}")]
        way = str(page.one(f"th.{key}").get_attribute("aria-sort"))
        assert shown == {"ascending": COLUMNS[key], "descending": COLUMNS[key][::-1]}[way]
        ways.add(way)
    assert len(ways) == 2


def test_sorting_by_the_target_begins_with_the_worst_and_ends_with_what_has_none(
    page: Page, show: Callable[..., Path]
) -> None:
    pair = "llama3@n150"
    measured = {
        "half": latency(2.5),
        "slow": latency(9.0),
        "none": latency(1.0, None),
        "few": throughput(5.0),
    }
    show(run_of(pair, *(result_of(pair, name, measurements=[m]) for name, m in measured.items())))
    page.one("[data-sort=against]").click()
    assert page.texts(".name") == ["few", "slow", "half", "none"]
    page.one("[data-sort=against]").click()
    assert page.texts(".name") == ["half", "slow", "few", "none"]


def test_an_opened_row_shows_message_configuration_environment_and_its_log(
    page: Page, show: Callable[..., Path]
) -> None:
    folder = show(*two_pairs())
    open_row(page)
    assert page.one(".details .message").text == "Traceback:\nTT_FATAL: bad shape"
    assert page.one(".details code").text == "llama3@n150/ffn[correctness]"
    facts = page.one(".details .facts").text
    for text in ("models/llama3/model.py:63", "bfloat16", "silicon", "rack7"):
        assert text in facts
    address = urlparse(str(page.one(".details a").get_attribute("href")))
    assert Path(unquote(address.path)) == folder / "llama3@n150" / "log.txt"
    page.one(".details a").click()
    assert "what pytest printed" in page.one("body").text


def test_a_row_closes_again_and_stays_open_over_a_filter(page: Page, show: Callable[..., Path]) -> None:
    show(*two_pairs())
    open_row(page)
    page.choose("outcome", "error")
    assert len(page.all(".details")) == 1
    assert page.one(".result .name").get_attribute("aria-expanded") == "true"
    open_row(page)
    assert page.all(".details") == []


def test_keys_alone_open_a_row_and_reach_the_search(page: Page, show: Callable[..., Path]) -> None:
    show(*two_pairs())
    page.run("document.querySelector('.result .name').focus()")
    page.press(Keys.ARROW_DOWN, Keys.ENTER)
    assert [line.get_attribute("class") for line in page.all("#rows tr")][1:3] == ["result open", "detail"]
    page.press("/", "norm")
    assert len(rows(page)) == 2


def test_a_missed_target_is_drawn_beyond_its_mark_and_a_met_one_before(
    page: Page, show: Callable[..., Path]
) -> None:
    show(*two_pairs())
    page.search("performance")

    def drawn(outcome: str) -> float:
        page.choose("outcome", outcome)
        fill, mark = page.one(".against .fill").rect, page.one(".against .target").rect
        return float((fill["x"] + fill["width"]) - mark["x"])

    assert drawn("failed") > 5
    assert -5 < drawn("passed") < 0
    assert page.one(".against .bar").get_attribute("aria-label") == "4.9 ms, target 5 ms, −2.0%"  # noqa: RUF001


def test_memory_is_drawn_against_what_the_board_has(page: Page, show: Callable[..., Path]) -> None:
    show(*two_pairs())
    page.choose("check", "memory")
    open_row(page)
    bar = page.one(".details .bar[data-kind=capacity]")
    fill = page.one(".details .bar[data-kind=capacity] .fill")
    mark = page.one(".details .bar[data-kind=capacity] .target")
    assert fill.rect["width"] / bar.rect["width"] == pytest.approx(0.25, abs=0.01)
    assert (mark.rect["x"] - bar.rect["x"]) / bar.rect["width"] == pytest.approx(0.5, abs=0.01)
    assert "25% of 12,872 MB" in page.one(".details").text


def test_a_beaten_target_says_what_to_write_in_its_place(page: Page, show: Callable[..., Path]) -> None:
    show(run_of("llama3@n150", result_of("llama3@n150", measurements=[latency(3.14159)])))
    open_row(page)
    assert "write latency_ms = 3.14" in page.one(".details").text


def test_samples_are_drawn_as_a_distribution(page: Page, show: Callable[..., Path]) -> None:
    show(*two_pairs())
    page.search("ffn[performance]")
    open_row(page)
    assert page.texts(".details figcaption") == ["Distribution", "Round by round"]
    assert "30 rounds: fastest 4.9 ms" in page.one(".details .spread").text
    assert page.run(PAINTED) == [True, True]


def with_error_map(result: Result, rows: int = 4, columns: int = 8, wrong: int = 2) -> Result:
    """The same with a map of its error, which is that of one column."""
    heat = tuple(tuple(0.1 * (column == wrong) for column in range(columns)) for _ in range(rows))
    pairs = ((0.0, 0.1), (-1.0, -1.0), (1.0, 1.1))
    found = ErrorMap(
        axes=("tokens", "features"),
        size=(rows, columns),
        heat=heat,
        spread=1.0,
        edges=(-1.0, 0.0, 1.0),
        counts=(3, 5),
        pairs=pairs,
    )
    return result.model_copy(update={"error_map": found})


def wrong_output(pair: str = "llama3@n150", test: str = "attention") -> Result:
    return with_error_map(result_of(pair, test, outcome=Outcome.FAILED, message="correlation 0.9"))


def test_the_error_of_a_failed_check_is_painted_and_once_more_in_other_colours(
    page: Page, show: Callable[..., Path]
) -> None:
    show(run_of("llama3@n150", wrong_output()))
    open_row(page)
    assert page.run(PAINTED) == [True, True, True]
    captions = page.texts(".details figcaption")
    assert captions[0] == (
        "Where: 4 tokens by 8 features, of each element; the strongest is 0.1, and the reference spreads by 1"
    )
    assert len(captions) == 3
    page.one("#theme [value=dark]").click()
    in_dark = page.run(PAINTED)
    page.one("#theme [value='']").click()  # the browser remembers it
    assert in_dark == [True, True, True]


def test_the_error_of_a_failed_check_is_strong_where_it_is(page: Page, show: Callable[..., Path]) -> None:
    show(run_of("llama3@n150", wrong_output()))
    open_row(page)
    strong_across = (
        "const canvas = document.querySelector('.heat canvas'); const { width, height } = canvas;"
        "const row = canvas.getContext('2d').getImageData(0, height / 2, width, 1).data;"
        "const isStrong = (x) => row[4 * x + 3] > 200 && row[4 * x] > row[4 * x + 2] + 40;"
        "return [...Array(width).keys()].filter(isStrong)"
    )
    strong, width = page.run(strong_across), page.run("return document.querySelector('.heat canvas').width")
    assert 0.05 * width < len(strong) < 0.15 * width
    assert 0.25 * width < min(strong) < max(strong) < 0.45 * width


def test_a_check_without_a_map_of_its_error_has_no_pictures_and_no_other_ones(
    page: Page, show: Callable[..., Path]
) -> None:
    show(run_of("llama3@n150", result_of("llama3@n150", "ffn"), wrong_output()))
    open_row(page, 1)
    assert page.texts(".details code") == ["llama3@n150/ffn[correctness]"]
    assert page.all(".error-pictures") == []


def test_maps_of_errors_beyond_what_a_page_holds_are_left_out_and_that_is_said(
    page: Page, show: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_data, "MOST_ERROR_MAPS", 1)
    show(run_of("llama3@n150", wrong_output(), wrong_output(test="ffn"), wrong_output(test="norm")))
    for button in page.all(".result button.name"):
        button.click()
    assert len(page.all(".error-pictures")) == 1
    assert "The errors of 2 more checks are not drawn on this page" in page.one("#notes").text


def test_too_many_samples_are_thinned_and_that_is_said(
    page: Page, show: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_data, "MOST_SAMPLES", 10)
    show(*two_pairs())
    page.search("ffn[performance]")
    open_row(page)
    assert "30 rounds (10 of them drawn)" in page.one(".details .spread").text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_text(page: Page, show: Callable[..., Path], text: str) -> None:
    strange = Measurement(name=text, value=1.0, unit=text, statistic=text, samples=(1.0, 2.0), target=2.0)
    pair = "llama3@n150"
    run = run_of(pair, result_of(pair, text, text, Outcome.FAILED, text, [strange], **{text: text}))
    show(run.model_copy(update={"environment": Environment(git_branch=text, git_commit=text) | {text: text}}))
    open_row(page)
    assert page.one(".name").get_property("textContent") == text
    assert page.one(".details .message").get_property("textContent") == text
    assert page.texts(".details dd").count(text) == 4
    assert page.texts("td.check") == [text]
    page.choose("check", text)
    assert len(page.all(".result")) == 1
    assert page.run("return window.pwned") is None
    assert len(page.all("script")) == 2


def test_a_config_that_is_no_json_of_browsers_does_not_break_the_page(
    page: Page, show: Callable[..., Path]
) -> None:
    pair = "llama3@n150"
    folder = show(run_of(pair, result_of(pair, scale=1.0, nested={"a": [1, {"b": [2]}]})))
    file = folder / pair / "run.json"
    file.write_text(file.read_text().replace('"scale":1.0', '"scale":NaN'))
    write_html(collect([folder]), folder / "report.html")
    page.open(folder / "report.html")
    open_row(page)
    assert {"NaN", "a: 1, b: 2"} <= set(page.texts(".details dd"))


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_a_row_shows_the_whole_first_line_of_a_message(
    page: Page, show: Callable[..., Path], size: tuple[int, int]
) -> None:
    why = "`norm` is the first wrong submodule, there what the reference gives without it"
    first = f"correlation 0.92 (0.999 needed): {why}"
    page.resize(*size)
    message = f"{first}\nand more"
    show(run_of("llama3@n150", result_of("llama3@n150", outcome=Outcome.FAILED, message=message)))
    assert page.one(".result .excerpt").text == first
    excerpt = "const shown = document.querySelector('.result .excerpt');"
    assert page.run(f"{excerpt} return shown.scrollHeight <= shown.clientHeight")


def test_a_pair_that_left_nothing_is_a_row_of_its_own(
    page: Page, show: Callable[..., Path], tmp_path: Path
) -> None:
    write_planned(tmp_path, ["llama3@n150", "llama3@t3k"], [("bert@n150", "no such board here")])
    show(run_of("llama3@n150"))
    assert page.one("h1").text == "Incomplete"
    assert rows(page)[0] == ("llama3", "t3k", "", "Error")
    assert "left nothing" in page.one(".result .excerpt").text
    assert "bert@n150 was not run: no such board here" in page.one("#notes").text


@pytest.mark.skipif(sys.platform == "darwin", reason="its file names are UTF-8")
def test_a_folder_whose_name_is_not_text_does_not_break_the_page(
    page: Page, show: Callable[..., Path], tmp_path: Path
) -> None:
    strange = tmp_path / os.fsdecode(b"strange\xff")
    strange.mkdir()
    (strange / "log.txt").write_text("a log")
    show(run_of("llama3@n150"))
    assert len(page.all(".result")) == 2


def test_on_a_phone_nothing_lies_beside_the_screen(page: Page, show: Callable[..., Path]) -> None:
    page.resize(*PHONE)
    pair, long = "a-model-with-a-rather-long-name@a-device-with-a-rather-long-name", "a_very_long_name_" * 12
    results = [
        result_of(
            pair, long, "performance", Outcome.FAILED, long * 4, [latency(1e12, 5.0, ROUNDS)], **{long: long}
        ),
        missed(pair, 12.0),
        wrong_output(pair),
    ]
    show(*two_pairs(), run_of(pair, *results))
    for button in page.all(".result button.name"):
        button.click()
    assert len(page.all(".details")) == 9
    assert width_of_page(page) == PHONE[0]


@pytest.mark.parametrize(("preferred", "chosen"), [("light", "dark"), ("dark", "light")])
def test_it_is_dark_where_the_system_or_the_switch_says_so(
    page: Page, show: Callable[..., Path], preferred: str, chosen: str
) -> None:
    page.prefer(preferred)
    show(*two_pairs())
    is_dark = {"light": False, "dark": True}
    assert (brightness(page) < 150) is is_dark[preferred]
    page.one(f"#theme [value={chosen}]").click()
    assert (brightness(page) < 150) is is_dark[chosen]
    page.driver.refresh()
    assert (brightness(page) < 150) is is_dark[chosen]
    page.one("#theme [value='']").click()
    assert (brightness(page) < 150) is is_dark[preferred]


def test_the_address_carries_filters_and_order(page: Page, show: Callable[..., Path]) -> None:
    folder = show(*two_pairs())
    page.choose("model", "llama3")
    page.search("ffn")
    page.one("[data-sort=check]").click()
    shown, fragment = page.texts(".result"), "#" + urlparse(page.driver.current_url).fragment
    page.open(folder / "report.html", fragment)
    assert page.texts(".result") == shown
    page.open(folder / "report.html", "#model=none&sort=toString&page=99&search=")
    assert len(page.all(".result")) == 6


def test_many_results_come_in_pages(page: Page, show: Callable[..., Path]) -> None:
    pair = "llama3@n150"
    show(run_of(pair, *(result_of(pair, f"test{number:03}") for number in range(120))))
    assert page.one("#page").text == "1–50 of 120"  # noqa: RUF001
    page.one("#next").click()
    page.one("#next").click()
    assert page.texts(".name") == [f"test{number}" for number in range(100, 120)]
    assert not page.one("#next").is_enabled()


def test_what_is_too_much_for_a_page_is_said_and_the_worst_is_kept(
    page: Page, show: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_data, "MOST_RESULTS", 2)
    show(*two_pairs())
    assert [row[3] for row in rows(page)] == ["Error", "Failed"]
    assert "4 more results are not on this page" in page.one("#notes").text


def test_long_messages_are_cut_and_that_is_said(
    page: Page, show: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "MOST_CHARACTERS_IN_ALL", 10_000)
    pair = "llama3@n150"
    messages = [letter * 12_000 for letter in "ab"]
    show(run_of(pair, *(result_of(pair, text[0], outcome=Outcome.ERROR, message=text) for text in messages)))
    for button in page.all(".result button.name"):
        button.click()
    assert [text.strip("ab") for text in page.texts(".message")] == [
        "… (2,000 more characters are in the log)",
        "… (11,700 more characters are in the log)",
    ]


def test_a_configuration_beyond_all_measure_is_left_out_and_that_is_said(
    page: Page, show: Callable[..., Path]
) -> None:
    show(run_of("llama3@n150", result_of("llama3@n150", weights="w" * 50_000)))
    open_row(page)
    assert "run.json has them" in page.one(".details .facts").text
    assert len(page.run("return document.getElementById('data').textContent")) < 20_000


def test_without_scripts_the_verdict_still_stands_there(tmp_path: Path) -> None:
    leave(tmp_path, two_pairs()[0])
    write_html(collect([tmp_path]), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "<noscript><p>failed: 1 pair; 2 passed, 1 failed, 1 error" in text


def test_the_charting_library_is_as_published() -> None:
    library = Path(report_data.__file__).with_name("assets") / "uplot" / "uPlot.iife.min.js"
    assert hashlib.sha256(library.read_bytes()).hexdigest() == UPLOT


def test_the_command_writes_the_page_beside_the_other_files(page: Page, tmp_path: Path) -> None:
    leave(tmp_path / "reports", two_pairs()[1])
    command = [sys.executable, "-m", "ttci", "report", "reports", "--out", "out"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    page.open(tmp_path / "out" / "report.html")
    assert page.one("h1").text == "All well"
    open_row(page)
    assert str(page.one(".details a").get_attribute("href")).endswith("/reports/bert%40n150-mock/log.txt")
