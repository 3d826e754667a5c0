"""GitHub's markdown around text that is not ours: names and messages stay text whatever they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ttci.text.one_line import one_line, printable

# As entities they are no markup, neither of markdown nor of HTML, and read the same. In
# names the underscore is left where no emphasis can begin or end, and the bracket where
# no link follows: identities are full of both.
_MARKUP = re.compile(r"[&<>`*|~\\$!]|(?<![^\W_])_|_(?![^\W_])|(?<=\])[(\[:]|:(?=//)|:(?=[\w+-]+:)|(?<!\w)@")
_BAR_CELLS = 10
_EIGHTHS = " ▏▎▍▌▋▊▉"


def text(raw: str, most: int = 300) -> str:
    """`raw` on one line, for a paragraph, a cell of a table or a heading."""
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", one_line(raw, most))


def preformatted(raw: str) -> str:
    """`raw` with its line breaks, as an HTML block that no content of it ends."""
    lines = (printable(line) for line in raw.splitlines())
    escaped = "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<pre>{escaped}</pre>"


def row(cells: Sequence[str]) -> str:
    """A line of a table; the cells are markdown already."""
    return f"| {' | '.join(cells)} |\n"


def head(titles: Sequence[str]) -> str:
    """The two lines that begin a table."""
    return row(titles) + row(["---"] * len(titles))


def bar(ratio: float) -> str:
    """A measured value against its limit, which is the whole bar: 1.2 goes beyond it."""
    if ratio > 1:
        return "█" * _BAR_CELLS + "▶"
    eighths = round(max(ratio, 0.0) * _BAR_CELLS * 8)
    whole, part = divmod(eighths, 8)
    return ("█" * whole + _EIGHTHS[part].strip()).ljust(_BAR_CELLS, "░")
