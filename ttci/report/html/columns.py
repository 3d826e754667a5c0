"""Columns of numbers and a table of the texts they name: the form of a page's data.

It is JSON of ASCII without ``<``: nothing in it can end the script element that it
stands in. What is longer than a browser should carry is cut, and says so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

MOST_CHARACTERS = 10_000  # of one text: a traceback is for the log
MOST_CHARACTERS_IN_ALL = 32_000_000
_SHORT = 300  # characters of a text when MOST_CHARACTERS_IN_ALL are used up
_DIGITS = 9  # of a figure: a correlation is told by how far it is from 1

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Texts:
    """Distinct texts in the order of their first use."""

    def __init__(self) -> None:
        self._positions: dict[str, int] = {}
        self._characters_left = MOST_CHARACTERS_IN_ALL

    def position(self, text: str) -> int:
        """Of `text` in the table, which holds it from now on."""
        known = self._positions.get(text)
        return self._added(text) if known is None else known

    def _added(self, text: str) -> int:
        most = MOST_CHARACTERS if self._characters_left > 0 else _SHORT
        if len(text) > most:
            text = f"{text[:most]}… ({len(text) - most:,} more characters are in the log)"
        if text not in self._positions:
            self._positions[text] = len(self._positions)
            self._characters_left -= len(text)
        return self._positions[text]

    def __iter__(self) -> Iterator[str]:
        return iter(self._positions)


def columns_of(title: str, columns: Iterable[tuple[str, Iterable[str]]]) -> Iterator[str]:
    """A member of a JSON object that has one before it: columns by name, whose cells are JSON."""
    before = f',"{title}":{{'
    for name, cells in columns:
        yield f'{before}"{name}":[{",".join(cells)}]'
        before = ","
    yield "}"


def number(value: float | None) -> str:
    """In JSON, short; null for what is no number."""
    return "null" if value is None or not math.isfinite(value) else f"{value:.{_DIGITS}g}"


def json_of(value: Any) -> str:
    """As JSON that may stand in a script element."""
    return encoded(value).replace("<", "\\u003c")


def encoded(value: Any) -> str:
    """As JSON that a browser reads: NaN and Infinity, which it does not, as texts."""
    try:
        return _encode(value)
    except ValueError:
        return _encode(json.loads(json.dumps(value), parse_constant=str))
