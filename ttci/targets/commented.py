"""Keys that stand in a TOML file as a comment only: somebody has switched them off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import tomli

from ttci.manifest.lines import Keys, line_of, names_of, syntax_tree

if TYPE_CHECKING:
    from tree_sitter import Node

_HEADER = re.compile(r"\[[^\[\]].*\]")
_ASSIGNED = re.compile(r"([^=]+)=\s*[-+.\d{]")  # whatever is said behind the number


def commented_out(text: str) -> dict[Keys, int]:
    """The line of every key that would be there without the ``#`` before it."""
    root = syntax_tree(text)
    found: dict[Keys, int] = {}
    for node in (root, *root.named_children):
        if node.type in ("document", "table"):
            keys = names_of(node.named_children[0]) if node.type == "table" else ()
            for written, line in _in_comments(node, keys):
                found.setdefault(written, line)
    return found


def _in_comments(node: Node, keys: Keys) -> Iterator[tuple[Keys, int]]:
    """Of the comments directly in a table; a header among them counts up to the next gap."""
    around, last = keys, 0
    for comment in node.named_children:
        if comment.type != "comment":
            continue
        line = line_of(comment)
        if line != last + 1:
            around = keys
        last = line
        text = (comment.text or b"").decode().strip().lstrip("#").strip()
        if _HEADER.match(text):
            around = next(_keys_in(text), keys)
        else:
            yield from (((*around, *written), line) for written in _keys_in(text))


def _keys_in(text: str) -> Iterator[Keys]:
    """Those that a line of TOML sets, the longest first; none where it is prose."""
    assigned = _ASSIGNED.match(text)
    for candidate in (text, f"{assigned[1]}= 0" if assigned else ""):
        try:
            data = tomli.loads(candidate)
        except (tomli.TOMLDecodeError, ValueError, RecursionError):
            continue
        yield from sorted(_paths(data), key=len, reverse=True)
        return


def _paths(data: Any) -> Iterator[Keys]:
    for key, value in data.items() if isinstance(data, dict) else ():
        yield (key,)
        yield from ((key, *path) for path in _paths(value))
