"""report.html: one file that shows a report in a browser, from disk and with no network.

Where the report has a history, its trends are a second view of the page; where it has
none, the page says so and nothing of trends is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from ttci.drift.judgement import HistoryView
from ttci.files import write_whole
from ttci.report.collect import Report
from ttci.report.conclusion import SLOWER_THAN_BASE, SLOWER_THAN_HISTORY, heading, verdict_line
from ttci.report.html.frame import Page, data_element, render_page
from ttci.report.html.report_data import page_data
from ttci.report.html.trend_data import trend_data
from ttci.report.html.trends import TREND_COUNTS, TREND_STYLES, trend_section
from ttci.text.one_line import one_line

_STYLES = ("style.css", "table.css", "details.css", "error_charts.css", "roofline.css")
_TITLES = {
    "passed": "All well",
    "failed": "Failed",
    "wrong-input": "Wrong input",
    "unavailable": "Not available",
    "error": "Incomplete",
    "nothing-matched": "Nothing matched",
    SLOWER_THAN_HISTORY: "Slower than its history",
    SLOWER_THAN_BASE: "Slower than its base",
}
_VIEWS = """<fieldset class="views" id="views">
    <legend class="unseen">What is shown</legend>
    <label><input type="radio" name="view" value="results" checked><span>Results</span></label>
    <label><input type="radio" name="view" value="trends"><span>Trends</span></label>
  </fieldset>"""


def write_html(report: Report, path: Path, fail_on: str = "failure") -> None:
    """Write the page of `report` to `path`, whole or not at all; its links are relative to there.

    Args:
        path: where the page is written.
        report: what is shown.
        fail_on: one of `ttci.report.FAIL_ON`.
    """
    write_whole(path, render_html(report, path.parent, fail_on))


def render_html(report: Report, folder: Path, fail_on: str = "failure") -> Iterator[str]:
    """The page of `report` in parts, as it stands in `folder`."""
    view = report.history if report.history and report.history.series else None
    said = heading(report, fail_on)
    own = {
        "verdict": escape(said),
        "line": escape(verdict_line(report, fail_on)),
        "history": TREND_COUNTS if view else _no_trends(report.history),
        "views": _VIEWS if view else "",
        "trends": trend_section(is_hidden=True) if view else "",
    }
    styles = (*_STYLES, *(TREND_STYLES if view else ()))
    script = "report_with_trends.js" if view else "report.js"
    page = Page("report", escape(_TITLES[said]), ("table", "results"), ("page.html", own), styles, script)
    return render_page(page, _data(report, folder, view))


def _data(report: Report, folder: Path, view: HistoryView | None) -> Iterator[str]:
    yield from data_element("data", page_data(report, folder))
    if view:
        yield "\n"
        yield from data_element("trends-data", trend_data(view))


def _no_trends(history: HistoryView | None) -> str:
    """That there is nothing to compare with, and why."""
    said = "none was asked for; ttci report --history SOURCE compares with earlier runs"
    if history is not None:
        said = "; ".join(map(one_line, history.notes)) or "nothing was compared"
    return f'<p class="targets" id="no-history"><span class="lead">No history</span>{escape(said)}</p>'
