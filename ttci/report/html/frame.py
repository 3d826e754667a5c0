"""What every page of ours is made in: its styles and its script in the page itself, and a policy.

The parts lie in ``assets/``. Charts are drawn by uPlot, which is 51 kB and stands there
as it was published (https://github.com/leeoniya/uPlot, MIT). A content security policy
lets the page run its own script and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from html import escape
from pathlib import Path
from string import Template

from ttci.report.html.bundle import bundle

_PAGE = Path(__file__).with_name("assets")
_LIBRARY, _LIBRARY_STYLE = "uplot/uPlot.iife.min.js", "uplot/uPlot.min.css"


@dataclass(frozen=True)
class Page:
    """What a page has of its own.

    Attributes:
        name: beside ttci's.
        title: escaped, as all that comes from outside is.
        skip_to: the id of what a keyboard reaches first, and how that is called.
        main: the template of what stands between header and footer, and what it needs.
        styles, script: of ``assets/``, in their order; the first module.
    """

    name: str
    title: str
    skip_to: tuple[str, str]
    main: tuple[str, Mapping[str, str]]
    styles: Sequence[str]
    script: str


def render_page(page: Page, data: Iterable[str]) -> Iterator[str]:
    """A page in parts: its data is large, and never copied into a template."""
    before, after = read_part("frame.html").split("$data")
    parts = _parts(page)
    yield Template(before).substitute(parts)
    yield from data
    yield Template(after).substitute(parts)


def data_element(name: str, data: Iterable[str]) -> Iterator[str]:
    """An element that holds data for the script, in parts."""
    yield f'<script type="application/json" id="{name}">'
    yield from data
    yield "</script>"


def _parts(page: Page) -> dict[str, str]:
    style = "\n".join(map(read_part, (_LIBRARY_STYLE, *page.styles)))
    script = f"{read_part(_LIBRARY)}\n{bundle(_PAGE / page.script)}"
    template, own = page.main
    made = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC"
    skip_to, skip_to_what = page.skip_to
    return {
        "name": page.name,
        "title": page.title,
        "skip_to": skip_to,
        "skip_to_what": skip_to_what,
        "main": Template(read_part(template)).substitute(own, title=page.title, made=made),
        "style": style,
        "script": script,
        "style_hash": _hash(style),
        "script_hash": _hash(script),
        "uplot_license": escape(read_part("uplot/LICENSE")),
    }


def read_part(name: str) -> str:
    """A file of ``assets/``."""
    return (_PAGE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names an element by what it holds."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
