"""Trends in a page: of a report, or of a whole history as a site of its own.

The site is one page without any other file: it works from disk, and from wherever it
is published.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from string import Template

from ttci.drift.judgement import HistoryView
from ttci.files import write_whole
from ttci.report.drift_text import history_line
from ttci.report.html.frame import Page, data_element, read_part, render_page
from ttci.report.html.trend_data import trend_data

TREND_STYLES = ("trends.css",)
TREND_COUNTS = (
    '<div class="targets" id="drifts" role="group" aria-label="Show one verdict of history"></div>\n'
    '  <div id="trend-notes"></div>'
)
_SITE_STYLES = ("style.css", "table.css", "details.css", *TREND_STYLES)


def trend_section(*, is_hidden: bool = False) -> str:
    """Where a page shows trends."""
    return Template(read_part("trends.html")).substitute(hidden=" hidden" if is_hidden else "")


def write_site(view: HistoryView, folder: Path) -> None:
    """Write the site of `view` into `folder`: its page, and that GitHub shall publish it as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "index.html", render_site(view))
    write_whole(folder / ".nojekyll", [])


def render_site(view: HistoryView) -> Iterator[str]:
    """The page of `view` in parts."""
    own = {"line": escape(history_line(view)), "history": TREND_COUNTS, "trends": trend_section()}
    page = Page("history", "Trends", ("cards", "trends"), ("site.html", own), _SITE_STYLES, "site.js")
    return render_page(page, data_element("trends-data", trend_data(view)))
