"""What a page says that commands print, against what they print."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.docs.page import Block

ANYTHING = "…"
# What differs from run to run, and from machine to machine: measured figures, times, the lengths of rules.
_NUMBER = r"\d+(\.\d+)?(e[+-]\d+)?"
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?( UTC|Z)?)?"), "<date>"),
    (re.compile(rf"\b(correlation|limit|tokens_per_s_per_user|\w+_(ms|mb|kb)) {_NUMBER}"), r"\1 <number>"),
    (re.compile(rf"[+-]?{_NUMBER} ?(?=(s|ms|us|kB|MB|%)(?!\w))"), "<number> "),
    (re.compile(r"[+-]?\d+\.\d+(e[+-]\d+)?"), "<number>"),
    (re.compile(r"\b[0-9a-f]{10,40}\b"), "<hash>"),
    (re.compile(r"([-=_]){3,}"), r"\1\1\1"),
    (re.compile(r"not steady after <number> (s|s, [\d,]+ rounds?); "), ""),
    (re.compile(r" \(not steady after <number> (s|s, [\d,]+ rounds?)\)"), ""),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass(frozen=True)
class Command:
    """One command of a transcript, and the lines that it is said to print."""

    block: Block
    line: int
    text: str
    said: tuple[str, ...]

    def difference(self, printed: str) -> str:
        """What is printed and not said, or said and not printed; empty where they agree."""
        said = [_plain(line) for line in self.said]
        seen = [_plain(line) for line in printed.splitlines()]
        if re.fullmatch(_pattern(said), "".join(f"{line}\n" for line in seen)):
            return ""
        lines = difflib.unified_diff(said, seen, "said", "printed", lineterm="", n=20)
        return f"{self.block.page.name}:{self.line}: $ {self.text}\n" + "\n".join(lines)


def commands_of(block: Block) -> Iterator[Command]:
    """The commands of a block of ``console``."""
    at, text, said = 0, "", list[str]()
    for number, line in enumerate(block.text.splitlines()):
        if not line.startswith("$ "):
            said.append(line)
            continue
        if text:
            yield Command(block, block.line + at, text, tuple(said))
        at, text, said = number, line[2:], []
    assert text, f"{block}: begin what is typed with $"
    yield Command(block, block.line + at, text, tuple(said))


def _pattern(said: list[str]) -> str:
    """A regular expression of all lines; an ellipsis is any lines, and in a line any text."""
    return "".join("(?:.*\n)*?" if line == ANYTHING else f"{_line(line)}\n" for line in said)


def _line(line: str) -> str:
    return ".*".join(map(re.escape, line.split(ANYTHING)))


def _plain(line: str) -> str:
    """A line without what varies."""
    for pattern, replacement in _VARYING:
        line = pattern.sub(replacement, line)
    return line.strip()
