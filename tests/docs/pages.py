"""The pages of the documentation, and what a reader does on each."""

from __future__ import annotations

from pathlib import Path

from tests.docs.page import Block, blocks_of
from tests.root import ROOT

README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = [README, *sorted(DOCS.rglob("*.md"))]
BLOCKS = [block for page in PAGES for block in blocks_of(page)]
FROM_NOTHING = DOCS / "start.md"  # read with a Python that has nothing installed


def block_with(page: str, text: str) -> Block:
    """The block of a page of docs/ that holds `text`."""
    [block] = [block for block in blocks_of(DOCS / page) if text in block.text]
    return block


def to_do(page: Path, note: str = "") -> list[Block]:
    """The files that a reader of the page writes, and what is typed under this note."""
    blocks = [block for block in blocks_of(page) if block.note in ("", note)]
    return [block for block in blocks if block.file or (block.language == "console" and block.note == note)]


def with_note(note: str = "") -> list[Path]:
    """The pages that have something to run under this note."""
    pages = {block.page for block in BLOCKS if block.note == note and block.language in ("console", "python")}
    return sorted(pages - {FROM_NOTHING})
