"""What every page of ours is made of: its styles and its script in the page itself, and a policy.

The parts lie in ``assets/``. Charts are drawn by uPlot, which is 51 kB and stands there
as it was published (https://github.com/leeoniya/uPlot, MIT). A content security policy
lets the page run its own script and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from datetime import datetime, timezone
from html import escape
from pathlib import Path

from ttci.report.html.bundle import bundle

_PAGE = Path(__file__).with_name("assets")
_LIBRARY, _LIBRARY_STYLE = "uplot/uPlot.iife.min.js", "uplot/uPlot.min.css"


def frame_parts(styles: Iterable[str], script: str) -> dict[str, str]:
    """What the templates need beside a page's own words, from styles and the first module of ``assets/``."""
    style = "\n".join(map(read_part, (_LIBRARY_STYLE, *styles)))
    whole_script = f"{read_part(_LIBRARY)}\n{bundle(_PAGE / script)}"
    return {
        "style": style,
        "script": whole_script,
        "style_hash": _hash(style),
        "script_hash": _hash(whole_script),
        "uplot_license": escape(read_part("uplot/LICENSE")),
        "made": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
    }


def read_part(name: str) -> str:
    """A file of ``assets/``."""
    return (_PAGE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names an element by what it holds."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
