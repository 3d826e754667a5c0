"""Trends in report.html and the site of a history, in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser import PHONE, Page
from tests.histories import PAIR, drifted, kept, point, run_before, view_of
from tests.pair_folders import latency, result_of, run_of
from ttci.cli.main import main
from ttci.drift.judgement import HistoryView, SeriesDrift
from ttci.drift.reasons import UnknownHost
from ttci.report.collect import PairReport, Report
from ttci.report.html import trend_data
from ttci.report.html.report import write_html
from ttci.report.html.trends import write_site
from ttci.results import Drift, Result

HOSTILE = (
    "</script><script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "\"quotes' `ticks` ${window.pwned = 1} \\ \u2028<!--",
)


@pytest.fixture
def show(page: Page, tmp_path: Path) -> Callable[..., Path]:
    """Write the report of these series' pair beside its history, and open it at its trends."""

    def show_series(
        *series: SeriesDrift, fragment: str = "#view=trends", notes: tuple[str, ...] = ()
    ) -> Path:
        file = tmp_path / "report.html"
        write_html(report_beside(view_of(*series, notes=notes)), file)
        page.open(file, fragment)
        return file

    return show_series


def report_beside(view: HistoryView | None) -> Report:
    """A report of what the view's series measured."""
    by_pair: dict[str, list[Result]] = {}
    for entry in view.series if view else ():
        pair, _, check = entry.series.identity.partition("/")
        test, _, what = check.rpartition("[")
        value = entry.current.value if entry.current else 1.0
        result = result_of(pair, test, what.removesuffix("]"), measurements=[latency(value)])
        by_pair.setdefault(pair, []).append(result)
    entries = [PairReport(pair, run=run_of(pair, *results)) for pair, results in by_pair.items()]
    return Report(tuple(entries) or (PairReport(PAIR, run=run_of(PAIR)),), history=view)


def named(name: str, drift: Drift = Drift.SAME, current: float = 5.0, **stated: object) -> SeriesDrift:
    return drifted(drift, current=current, identity=f"{PAIR}/{name}[performance]", **stated)  # type: ignore[arg-type]


def several() -> list[SeriesDrift]:
    return [
        named("steady"),
        named("worse", Drift.SLOWER, 5.5),
        named("much_worse", Drift.SLOWER, 9.0),
        named("better", Drift.FASTER, 4.0),
        named("perhaps", Drift.SAME, 5.6, is_suspected=True),
        drifted(Drift.GONE, current=None, identity="bert@cpu/lost[performance]"),
        drifted(Drift.NEW, [], 3.0, identity="bert@cpu/fresh[performance]"),
    ]


def names(page: Page) -> list[str]:
    return [name.removesuffix("[performance]") for name in page.texts(".card h3")]


def is_painted(page: Page, selector: str) -> list[bool]:
    script = (
        "return [...document.querySelectorAll(`${arguments[0]} canvas`)].map((canvas) =>"
        " canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)"
        ".data.filter((_, at) => at % 4 === 3).some(Boolean))"
    )
    return list(page.run(script, selector))


def wait_for_charts(page: Page, count: int) -> None:
    script = (
        "const [count, done] = arguments;"
        "const look = () => document.querySelectorAll('.uplot').length >= count"
        " ? done() : requestAnimationFrame(look);"
        "look();"
    )
    page.driver.execute_async_script(script, count)


def test_every_word_of_drift_is_counted_and_filters(page: Page, show: Callable[..., Path]) -> None:
    show(*several())
    assert page.texts(".drift-count") == [
        *("2 same", "2 slower", "1 faster", "1 new", "1 gone", "1 suspected"),
    ]
    page.one(".drift-count[data-drift=slower]").click()
    assert names(page) == ["much_worse", "worse"]
    page.one(".drift-count[data-drift=suspected]").click()
    assert names(page) == ["perhaps"]
    page.one(".drift-count[data-drift=suspected]").click()
    assert len(names(page)) == 7


def test_the_worst_comes_first_here_and_among_what_changed_most(
    page: Page, show: Callable[..., Path]
) -> None:
    show(*several())
    assert names(page) == ["much_worse", "worse", "perhaps", "lost", "better", "steady", "fresh"]
    moved = [text.split("[")[0] for text in page.texts(".mover-name")]
    assert moved == ["much_worse", "worse", "perhaps", "better"]
    assert page.texts(".mover-change") == ["+80.0%", "+10.0%", "+12.0%", "−20.0%"]  # noqa: RUF001


def test_a_mover_leads_to_its_trend_on_whichever_page_it_lies(page: Page, show: Callable[..., Path]) -> None:
    many = [named(f"lost{number:02}", Drift.GONE) for number in range(25)]
    show(*many, named("better", Drift.FASTER, 4.0))
    assert "better" not in names(page)
    page.one(".mover").click()
    assert "better" in names(page)
    assert page.run("return document.activeElement.querySelector('h3').textContent") == "better[performance]"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("trend-pair", "bert@cpu", ["lost", "fresh"]),
        ("trend-drift", "faster", ["better"]),
        ("trend-drift", "suspected", ["perhaps"]),
    ],
)
def test_a_filter_leaves_what_it_names(
    page: Page, show: Callable[..., Path], name: str, value: str, expected: list[str]
) -> None:
    show(*several())
    page.choose(name, value)
    assert names(page) == expected
    assert page.one("#trends-found").text == f"{len(expected)} of 7 series"
    page.one("#trend-reset").click()
    assert len(names(page)) == 7
    assert page.chosen(name) == "All"


@pytest.mark.parametrize(
    ("text", "count"), [("WORSE", 2), ("bert@cpu lost", 1), ("20.0% lower", 1), ("no", 0)]
)
def test_search_finds_names_pairs_and_reasons(
    page: Page, show: Callable[..., Path], text: str, count: int
) -> None:
    show(*several())
    box = page.one("[name=trend-search]")
    box.send_keys(text)
    assert len(names(page)) == count


def test_it_sorts_by_name_change_and_noise(page: Page, show: Callable[..., Path]) -> None:
    noises = {"a": 0.01, "c": 0.03, "b": 0.02}
    show(*(named(name, noise=noise, current=5 + noise) for name, noise in noises.items()))
    for order, expected in {
        "name": ["a", "b", "c"],
        "change": ["c", "b", "a"],
        "noise": ["c", "b", "a"],
    }.items():
        page.choose("trend-sort", order)
        assert names(page) == expected


def test_verdict_figures_and_reason_stand_beside_the_chart(page: Page, show: Callable[..., Path]) -> None:
    show(named("worse", Drift.SLOWER, 5.6, noise=0.012))
    said = page.one(".card-said").text
    for text in (
        "slower",
        "5.6 ms",
        "level 5 → 5.6 ms",
        "+12.0%",
        "12.0% higher; the newest 3 runs lie 9.0 standard errors off.",
        "4 runs of main",
        "1.2%",
    ):
        assert text in said


def test_charts_are_drawn_only_near_the_screen(page: Page, show: Callable[..., Path]) -> None:
    show(*(named(f"t{number}") for number in range(60)))
    wait_for_charts(page, 1)
    drawn = len(page.all(".uplot"))
    assert 0 < drawn < 20
    assert len(page.all(".card")) == 20
    page.run("document.querySelector('.card:last-child').scrollIntoView()")
    wait_for_charts(page, drawn + 1)
    assert is_painted(page, ".card:last-child") == [True]


def test_hosts_are_told_apart_and_named(page: Page, show: Callable[..., Path]) -> None:
    points = [point(number, 5.0, host=f"host{number % 3}") for number in range(9)]
    show(named("attention", points=points))
    assert page.texts(".trend-key .host") == ["rack7", "host0", "host1", "host2"]
    shapes = [path.get_attribute("d") for path in page.all(".trend-key .host path")]
    colours = [path.value_of_css_property("fill") for path in page.all(".trend-key .host path")]
    assert (len(set(shapes)), len(set(colours))) == (4, 4)


def test_of_very_many_hosts_the_rest_is_one_mark(page: Page, show: Callable[..., Path]) -> None:
    show(named("attention", points=[point(number, 5.0, host=f"host{number}") for number in range(30)]))
    assert page.texts(".trend-key .host")[-1] == "26 other hosts"
    assert len(page.all(".trend-key .host")) == 6


@pytest.mark.parametrize(
    ("stated", "key"),
    [
        ({"change_points": (2,)}, "change point"),
        ({"points": [point(n, 5.0, target=t) for n, t in enumerate((5.0, 5.2))], "current": 5.1}, "this run"),
        ({"points": [point(n, 5.0, versions=f"0.81.{n}") for n in range(3)]}, "other versions"),
    ],
)
def test_marks_of_the_chart_are_explained(
    page: Page, show: Callable[..., Path], stated: dict[str, object], key: str
) -> None:
    show(named("attention", **stated))  # type: ignore[arg-type]
    assert key in page.texts(".trend-key span")


def test_a_target_far_away_is_said_and_not_drawn(page: Page, show: Callable[..., Path]) -> None:
    last = drifted(Drift.SAME)
    assert last.current is not None
    far = SeriesDrift(last.series, last.judgement, last.window, point(4, 5.0, target=500.0))
    show(far)
    assert "target 500 ms, off the chart" in page.texts(".trend-key span")


def test_an_outlier_stands_at_the_edge_and_leaves_the_others_their_room(
    page: Page, show: Callable[..., Path]
) -> None:
    points = [point(number, 500.0 if number == 20 else 5.0 + 0.1 * (number % 5)) for number in range(40)]
    show(named("attention", points=points, current=5.1))
    wait_for_charts(page, 1)
    labels = page.texts(".trend-key span")
    assert "1 beyond the chart" in labels
    rows = (
        "const canvas = document.querySelector('.trend canvas');"
        "const { width, height } = canvas;"
        "const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);"
        "const { fill } = getComputedStyle(document.querySelector('.host-0 path'));"
        "const rgb = fill.match(/\\d+/g).map(Number);"
        "const found = new Set();"
        "for (let at = 0; at < data.length; at += 4)"
        " if (rgb.every((part, channel) => Math.abs(data[at + channel] - part) < 8))"
        " found.add(Math.floor(at / 4 / width));"
        "return [...found].map((row) => row / height).sort()"
    )
    painted = page.run(rows)
    assert painted[0] < 0.15
    assert max(painted) - min(row for row in painted if row > 0.15) > 0.4


def test_a_change_that_is_called_is_inside_the_chart(page: Page, show: Callable[..., Path]) -> None:
    points = [point(number, 5.0) for number in range(99)]
    show(named("attention", Drift.SLOWER, points=points, current=9.0))
    assert not [text for text in page.texts(".trend-key span") if "beyond" in text]


def test_keys_go_from_run_to_run_and_say_each(page: Page, show: Callable[..., Path]) -> None:
    show(named("attention"))
    wait_for_charts(page, 1)
    assert page.one(".readout").text.startswith("this run")
    page.run("document.querySelector('.trend-canvas').focus()")
    page.press(Keys.HOME)
    said = page.one(".readout").text
    assert said.startswith("run 1 of 5")
    for text in ("abc0000", "main", "rack7", "ttnn 0.81.1", "5 ms"):
        assert text in said
    page.press(Keys.ARROW_RIGHT)
    assert page.one(".readout").text.startswith("run 2 of 5")
    page.press(Keys.END)
    assert page.one(".readout").text.startswith("this run")


def test_a_result_leads_to_its_trend(page: Page, show: Callable[..., Path]) -> None:
    show(*several(), fragment="#search=much_worse")
    assert page.one(".result .moved").text == "+80.0% slower"
    page.one(".result button.name").click()
    wait_for_charts(page, 1)
    assert is_painted(page, ".details") == [True]
    page.one(".details .to-trend").click()
    assert not page.one("#results").is_displayed()
    assert (
        page.run("return document.activeElement.querySelector('h3').textContent") == "much_worse[performance]"
    )


def test_results_and_trends_are_two_views_of_one_page(page: Page, show: Callable[..., Path]) -> None:
    show(*several(), fragment="")
    assert page.one("#results").is_displayed()
    assert not page.one("#trends").is_displayed()
    page.one("#views [value=trends]").click()
    assert not page.one("#results").is_displayed()
    wait_for_charts(page, 1)
    page.one("#views [value=results]").click()
    assert page.one("#results").is_displayed()


def test_the_address_carries_view_filters_and_those_of_the_results(
    page: Page, show: Callable[..., Path]
) -> None:
    file = show(*several(), fragment="#outcome=passed")
    page.one("#views [value=trends]").click()
    page.choose("trend-drift", "slower")
    page.choose("trend-sort", "name")
    shown, fragment = names(page), "#" + urlparse(page.driver.current_url).fragment
    page.open(file, fragment)
    assert names(page) == shown == ["much_worse", "worse"]
    assert page.run("return document.querySelector('[name=outcome]').value") == "passed"
    page.run("location.hash = '#view=trends&trend-drift=faster&outcome=failed'")
    page.driver.execute_async_script("setTimeout(arguments[0], 50)")
    assert names(page) == ["better"]
    assert page.run("return document.querySelector('[name=outcome]').value") == "failed"
    page.open(file, "#view=trends&trend-drift=none&trend-sort=toString&trend-page=99&trend-=x")
    assert len(names(page)) == 7


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_of_a_history_stay_text(
    page: Page, show: Callable[..., Path], tmp_path: Path, text: str
) -> None:
    points = [point(n, 5.0, host=text, commit=text, branch=text, versions=text + str(n)) for n in range(3)]
    entry = drifted(
        Drift.SLOWER,
        points=points,
        current=9.0,
        identity=f"{PAIR}/{text}",
        metric=text,
        unit=text,
        reason=UnknownHost(text, 3),
    )
    show(entry, notes=(text,))
    wait_for_charts(page, 1)
    assert page.one(".card h3").get_property("textContent") == text
    assert text in str(page.one(".card-reason").get_property("textContent"))
    assert page.run("return window.pwned") is None
    write_site(view_of(entry, notes=(text,)), tmp_path / "site")
    page.open(tmp_path / "site" / "index.html")
    assert page.one(".card h3").get_property("textContent") == text
    assert page.run("return window.pwned") is None


def test_on_a_phone_nothing_lies_beside_the_screen(page: Page, show: Callable[..., Path]) -> None:
    page.resize(*PHONE)
    long = "a_very_long_name_" * 12
    points = [point(n, 5e9, host=f"{long}{n}", commit=long, versions=long) for n in range(40)]
    show(
        *several(),
        named(long, Drift.SLOWER, 1e12, points=points, reason=UnknownHost(long, 3), unit=long),
        notes=(long,),
    )
    page.run("document.querySelector('#cards').scrollIntoView()")
    wait_for_charts(page, 1)
    assert page.run("return document.documentElement.scrollWidth") == PHONE[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_light_and_dark(page: Page, show: Callable[..., Path], scheme: str) -> None:
    page.prefer(scheme)
    show(*several())
    behind = brightness(page.one("body").value_of_css_property("background-color"))
    for selector in (".card-reason", ".card-baseline", ".verdict-badge", ".readout", ".trend-key"):
        for found in page.all(selector):
            shown = brightness(found.value_of_css_property("color"))
            assert contrast(shown, behind) >= 4.5, selector


def brightness(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: float, other: float) -> float:
    lighter, darker = max(one, other), min(one, other)
    return (lighter + 0.05) / (darker + 0.05)


def test_charts_are_drawn_anew_in_the_other_colours(page: Page, show: Callable[..., Path]) -> None:
    show(*several())
    wait_for_charts(page, 1)
    before = page.run("return document.querySelector('.card canvas').toDataURL()")
    page.one("#theme [value=dark]").click()
    assert page.run("return document.querySelector('.card canvas').toDataURL()") != before
    page.one("#theme [value='']").click()


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (None, "none was asked for"),
        (view_of(notes=["no history yet: folder:history holds no run"]), "no history yet"),
    ],
)
def test_without_a_history_nothing_of_trends_is_there_and_that_is_said(
    page: Page, tmp_path: Path, view: HistoryView | None, said: str
) -> None:
    write_html(report_beside(view), tmp_path / "report.html")
    page.open(tmp_path / "report.html")
    assert said in page.one("#no-history").text
    assert page.all("#trends, #views, #trends-data") == []
    assert "trend-canvas" not in (tmp_path / "report.html").read_text()


def test_notes_of_the_history_are_said(page: Page, show: Callable[..., Path]) -> None:
    show(*several(), notes=("x.json: left out: torn",))
    assert "x.json: left out: torn" in page.one("#trend-notes").text


def test_only_the_newest_points_are_there_and_that_is_said(
    page: Page, show: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trend_data, "MOST_POINTS", 10)
    points = [point(number, 5.0 + number) for number in range(30)]
    show(named("attention", points=points, current=90.0, change_points=(3, 25)))
    wait_for_charts(page, 1)
    assert (
        page.one(".trend-canvas")
        .get_attribute("aria-label")
        .startswith(  # type: ignore[union-attr]
            "latency_ms of 10 runs, from 26 ms to 90 ms, 1 change point"
        )
    )
    assert "only the newest 10 runs" in page.one("#trend-notes").text


def test_too_many_series_are_left_out_and_that_is_said(
    page: Page, show: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trend_data, "MOST_SERIES", 2)
    show(*several())
    assert names(page) == ["much_worse", "worse"]
    assert "5 more series are not on this page" in page.one("#trend-notes").text
    assert "2 same" in page.texts(".drift-count")


def test_the_site_is_one_page_that_asks_for_nothing_else(page: Page, tmp_path: Path) -> None:
    write_site(view_of(*several(), notes=("a note",)), tmp_path / "site")
    assert {path.name for path in (tmp_path / "site").iterdir()} == {"index.html", ".nojekyll"}
    page.open(tmp_path / "site" / "index.html")
    wait_for_charts(page, 1)
    assert page.one("h1").text == "Trends"
    assert page.one("#about").text.startswith("7 series · 5 runs · 2024-02-26 to 2024-03-01 · Made ")
    assert names(page)[0] == "much_worse"
    assert {urlparse(url).scheme for url in page.requests()} <= {"file", "about", "chrome"}
    page.one(".drift-count[data-drift=faster]").click()
    assert names(page) == ["better"]
    page.driver.refresh()
    assert names(page) == ["better"]


def test_the_site_of_an_empty_history_says_so(page: Page, tmp_path: Path) -> None:
    write_site(view_of(notes=["no history yet: folder:history holds no run"]), tmp_path / "site")
    page.open(tmp_path / "site" / "index.html")
    assert "no history yet" in page.one("#trend-notes").text
    assert page.one("#trends-found").text == "0 series"


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a history lies, for the command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TTCI_CACHE", str(tmp_path / "cache"))
    for name in ("GITHUB_EVENT_PATH", "GITHUB_EVENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "history"


def write_the_site() -> int:
    return main(["history", "site", "--history", "folder:history", "--default-branch", "main"])


def test_the_command_shows_the_newest_run_of_the_default_branch_judged(page: Page, history: Path) -> None:
    kept(history, *(run_before(days, 5.0 + 0.01 * (days % 5)) for days in range(1, 41)))
    kept(history, run_before(0, 9.0, git_branch="a-change"))
    kept(history, *(run_before(days, 3.0, pair="bert@cpu") for days in range(2)))
    assert write_the_site() == 0
    page.open(history.parent / "site" / "index.html")
    assert sorted(page.texts(".card-where")) == ["bert@cpu · latency_ms", "llama3@n150 · latency_ms"]
    assert page.texts(".drift-count") == ["1 same", "1 too few runs"]
    assert "5.01 ms" in page.texts(".card-value b")


def test_the_command_shows_two_hundred_points_though_fewer_are_judged(page: Page, history: Path) -> None:
    kept(history, *(run_before(days, 5.0 + 0.01 * (days % 5)) for days in range(250)))
    assert write_the_site() == 0
    page.open(history.parent / "site" / "index.html")
    label = str(page.one(".trend-canvas").get_attribute("aria-label"))
    assert label.startswith("latency_ms of 200 runs, from 5 ms to 5.04 ms.")


def test_the_command_keeps_what_is_long_gone_in_sight(page: Page, history: Path) -> None:
    kept(history, *(run_before(days, 5.0, test="old") for days in range(20, 25)))
    kept(history, *(run_before(days, 5.0) for days in range(10)))
    assert write_the_site() == 0
    page.open(history.parent / "site" / "index.html")
    page.choose("trend-drift", "gone")
    assert names(page) == ["old"]
    assert "did not measure it" in page.one(".card-reason").text


def test_the_command_makes_a_page_of_an_empty_history(
    page: Page, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history.mkdir()
    assert write_the_site() == 0
    assert "no history yet" in capsys.readouterr().err
    page.open(history.parent / "site" / "index.html")
    assert "no history yet" in page.one("#trend-notes").text


def test_a_folder_that_cannot_be_made_is_a_mistake_of_the_user(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history.mkdir()
    (history.parent / "site").touch()
    assert write_the_site() == 2
    assert capsys.readouterr().err == "--out site: File exists\n"
