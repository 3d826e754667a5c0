"""Text from results on a line of its own: it can neither break the line nor become a command."""

from __future__ import annotations

import re

# What GitHub's runner takes for a command in what a step prints: "::" at the start of a
# line, and its older form, "##[", anywhere in it.
_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\[)")
# Control characters, line breaks, marks that turn the direction of what follows, and halves of characters.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` with its control characters, line breaks among them, spelled out."""
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def one_line(text: str, most: int = 500) -> str:
    """`text` on one line, cut where it is long, that no runner takes for a command."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    line = printable("; ".join(filter(None, lines)))
    line = line if len(line) <= most else f"{line[: most - 1]}…"
    return _COMMAND.sub(lambda match: f"{match[0]} ", line)
