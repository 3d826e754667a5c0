"""report.html: one file that shows a report in a browser, from disk and with no network.

Its parts lie in ``page/``. Charts are drawn by uPlot, which is 51 kB and stands there
as it was published (https://github.com/leeoniya/uPlot, MIT). A content security policy
lets the page run its own script and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import datetime, timezone
from html import escape
from pathlib import Path
from string import Template

from ttci.files import write_whole
from ttci.report.collect import Report
from ttci.report.page_data import page_data
from ttci.report.verdict import verdict_line, verdict_word

_PAGE = Path(__file__).with_name("page")
_STYLES = ("uplot/uPlot.min.css", "style.css", "table.css", "details.css")
_LIBRARY = "uplot/uPlot.iife.min.js"
_SCRIPTS = (
    "data.js",
    "words.js",
    "bars.js",
    "charts.js",
    "details.js",
    "filters.js",
    "table.js",
    "overview.js",
    "main.js",
)
_TITLES = {
    "passed": "All well",
    "failed": "Failed",
    "wrong-input": "Wrong input",
    "unavailable": "Not available",
    "error": "Incomplete",
    "nothing-matched": "Nothing matched",
}


def write_html(report: Report, path: Path) -> None:
    """Write the page of `report` to `path`, whole or not at all; its links are relative to there."""
    write_whole(path, (part.encode() for part in render_html(report, path.parent)))


def render_html(report: Report, folder: Path) -> Iterator[str]:
    """The page of `report` in parts, as it stands in `folder`."""
    # The data is large, and the only part that comes from outside: it is never copied into the template.
    before, after = _read("page.html").split("$data")
    parts = _parts(report)
    yield Template(before).substitute(parts)
    yield from page_data(report, folder)
    yield Template(after).substitute(parts)


def _parts(report: Report) -> dict[str, str]:
    style = "\n".join(map(_read, _STYLES))
    library = _read(_LIBRARY)
    own = "\n".join(map(_read, _SCRIPTS))
    script = f"{library}\n(() => {{\n'use strict';\n{own}\n}})();\n"
    word = verdict_word(report)
    return {
        "style": style,
        "script": script,
        "style_hash": _hash(style),
        "script_hash": _hash(script),
        "uplot_license": escape(_read("uplot/LICENSE")),
        "verdict": escape(word),
        "title": escape(_TITLES[word]),
        "line": escape(verdict_line(report)),
        "made": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
    }


def _read(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names an element by what it holds."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
