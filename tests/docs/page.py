"""The code blocks of a page of the documentation, and what each of them is for.

A block whose first line is a comment that names a file, ``# tiny.py``, is that file in the reader's project;
``# add to tiny.py`` is added to it. A block of ``console`` is what the reader types, after ``$``, and sees.
An HTML comment before a block, ``<!-- not run: WHY -->``, keeps it from being run, and ``<!-- on ttnn -->``
has it run where ttnn is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

_FILE = re.compile(r"(?:#|//) (?P<add>add to )?(?P<name>[\w./-]*[\w-]\.(?:py|toml|ya?ml|json|js|txt))$")
_NOTE = re.compile(r"<!-- (?P<note>not run: .+|on ttnn) -->")
ON_TTNN = "on ttnn"


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        line: of the page, where its text begins.
        note: what the comment before it says; empty where there is none.
    """

    page: Path
    line: int
    language: str
    text: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that it is, or is added to."""
        match = _FILE.match(self.text.partition("\n")[0])
        return match["name"] if match else None

    @property
    def is_added(self) -> bool:
        """Whether it goes to the end of its file."""
        match = _FILE.match(self.text.partition("\n")[0])
        return bool(match and match["add"])

    @property
    def is_left_out(self) -> bool:
        """Whether nobody runs it here."""
        return self.note.startswith("not run: ")


def blocks_of(page: Path) -> list[Block]:
    """Every block of code of a page, in order."""
    return list(_blocks(page))


def _blocks(page: Path) -> Iterator[Block]:
    note = ""
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            match = _NOTE.match(token.content)
            note = match["note"] if match else ""
        elif token.type == "fence" and token.map:
            yield Block(page, token.map[0] + 2, token.info.strip(), token.content, note)
            note = ""
