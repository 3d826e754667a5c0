"""The page of two commits beside each other, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import pytest

from tests.browser import DESKTOP, PHONE, Page
from tests.comparisons import compared, comparison_of, counted
from ttci.report.html.comparison import write_comparison
from ttci.results import Comparison
from ttci.results.comparison import ComparisonRun, NotCompared

HOSTILE = "</script><script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>"


@pytest.fixture
def show(page: Page, tmp_path: Path) -> Callable[..., None]:
    """Write the page of a comparison, and open it."""

    def show_run(run: ComparisonRun, *notes: str, fragment: str = "") -> None:
        write_comparison(run, tmp_path / "compare.html", notes)
        page.open(tmp_path / "compare.html", fragment)

    return show_run


def several() -> ComparisonRun:
    broken = NotCompared(id="llama3@cpu/norm", side="head", reason="RuntimeError: no", is_failure=True)
    return comparison_of(
        compared(Comparison.SAME, 1.001, 0.01, "llama3@cpu/ffn[performance]"),
        compared(Comparison.SLOWER, 1.12, 0.03),
        compared(Comparison.UNSURE, 1.04, 0.06, "llama3@cpu/block[performance]", noise=0.08),
        compared(Comparison.UNSURE, 1.3, None, "llama3@cpu/embed[performance]", noise=None),
        compared(Comparison.FASTER, 0.7, 0.04, "llama3@cpu/head[performance]"),
        counted(0.4269, 0.8224),
        counted(2.0, 2.0, "llama3@cpu/ffn[memory]"),
        counted(0.0, 2.0, "llama3@cpu/head[memory]"),
        not_compared=(broken,),
    )


def edges(page: Page, row: int, part: str) -> tuple[float, float]:
    """Where a part of the bar of a row that was timed begins and ends, as fractions of the bar."""
    script = (
        "const bar = document.querySelectorAll('#timed .ratio-bar')[arguments[0]];"
        "const [all, own] = [bar, bar.querySelector(arguments[1])].map((e) => e.getBoundingClientRect());"
        "return [(own.left - all.left) / all.width, (own.right - all.left) / all.width];"
    )
    left, right = page.run(script, row, part)
    return left, right


def test_it_says_what_is_slower_how_much_and_between_which_ratios(
    page: Page, show: Callable[..., None]
) -> None:
    show(several(), "2 unsure: a quieter machine")
    assert page.one("h1").text == "3 slower"
    assert page.one("#about").text.startswith("main (aaaaaaaaaa) → working tree (bbbbbbbbbb and changes)")
    assert page.texts(".count") == ["3Slower", "2Unsure", "1Faster", "2Same"]
    assert page.one("#noise").text.endswith("varies by 2%, 8% at most")
    assert page.texts("#timed .verdict-badge") == ["Slower", "Unsure", "Unsure", "Faster", "Same"]
    first = page.one("#timed .figure").text
    for said in ("attention[performance]", "1.120", "5 → 5.6 ms", "12 pairs of processes, noise 2%"):
        assert said in first
    assert page.texts("#timed .said")[0] == "between 1.090 and 1.150"
    assert "not known" in page.texts("#timed .said")[2]
    assert page.texts("#exact .said") == ["exactly", "exactly", "exactly the same"]
    assert "fails in the head: RuntimeError: no" in page.one("#not-compared").text
    assert page.texts("#notes p") == ["2 unsure: a quieter machine"]


def test_an_interval_is_drawn_where_it_lies_beside_1_and_the_band_of_what_does_not_matter(
    page: Page, show: Callable[..., None]
) -> None:
    show(several())
    band, one = edges(page, 0, ".band"), edges(page, 0, ".one")
    slower, unsure, faster, same = (edges(page, row, ".interval") for row in (0, 1, 3, 4))
    assert one[0] == pytest.approx(0.5, abs=0.01)
    assert band[0] < one[0] < band[1] < slower[0] < slower[1] <= 1
    assert unsure[0] < one[0] < band[1] < unsure[1]
    assert 0 <= faster[0] < faster[1] < band[0]
    assert band[0] < same[0] < one[0] < same[1] < band[1]
    assert page.all("#timed .ratio-bar")[2].find_elements("css selector", ".interval") == []


def test_what_lies_beyond_the_scale_is_drawn_at_the_edge_and_says_its_ratio(
    page: Page, show: Callable[..., None]
) -> None:
    show(comparison_of(compared(Comparison.SLOWER, 9.0, 0.5), counted(1.0, 0.1)))
    assert len(page.all("#timed .dot.beyond.right")) == len(page.all("#exact .dot.beyond.left")) == 1
    assert edges(page, 0, ".dot")[1] == pytest.approx(1, abs=0.01)
    assert page.one("#scale").text == "a bar goes from 0.6667 to 1.5, 1 in the middle"
    assert "9.000" in page.one("#timed").text


def test_a_count_shows_its_figures_alone_and_the_address_keeps_that(
    page: Page, show: Callable[..., None]
) -> None:
    show(several())
    page.one(".count[data-word=unsure]").click()
    assert page.texts(".figure .verdict-badge") == ["Unsure", "Unsure"]
    assert not page.one("#exact").is_displayed()
    page.one(".count[data-word=unsure]").click()
    assert len(page.all(".figure")) == 8
    show(several(), fragment="#word=faster")
    assert page.texts(".figure .verdict-badge") == ["Faster"]


@pytest.mark.parametrize(
    ("run", "title"),
    [
        (comparison_of(), "Nothing was compared"),
        (comparison_of(counted(1.0, 1.0)), "The same"),
        (comparison_of(counted(1.0, 0.5)), "1 faster, nothing slower"),
        (comparison_of(compared(Comparison.UNSURE, 1.0, 0.1)), "Not sure yet"),
    ],
)
def test_its_heading_is_no_better_than_what_is_known(
    page: Page, show: Callable[..., None], run: ComparisonRun, title: str
) -> None:
    show(run)
    assert page.one("h1").text == title


def test_texts_of_others_are_never_markup_and_nothing_is_asked_of_a_network(
    page: Page, show: Callable[..., None]
) -> None:
    entry = NotCompared(id=f"a@b/{HOSTILE}", side="both", reason=HOSTILE, is_failure=False)
    show(comparison_of(compared(identity=f"a@b/{HOSTILE}"), not_compared=(entry,)), HOSTILE)
    assert page.run("return window.pwned") is None
    assert HOSTILE in page.one("#timed .figure-name").text
    assert {urlparse(url).scheme for url in page.requests()} <= {"file", "about", "chrome"}


@pytest.mark.parametrize("size", [DESKTOP, PHONE, (320, 568)])
def test_it_fits_the_screen_in_light_and_dark(
    page: Page, show: Callable[..., None], size: tuple[int, int]
) -> None:
    page.resize(*size)
    backgrounds = set()
    for scheme in ("light", "dark"):
        page.prefer(scheme)
        show(several())
        backgrounds.add(page.one("body").value_of_css_property("background-color"))
        assert page.run("return document.documentElement.scrollWidth") <= size[0]
        assert all(bar.size["width"] > 100 for bar in page.all("#timed .ratio-bar"))
    assert len(backgrounds) == 2
