"""On which line of a TOML file a key stands.

The standard TOML reader keeps no positions, so the file is parsed once more by
tree-sitter; only messages and annotations need it, so it is imported on use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

Keys = tuple[str | int, ...]


class KeyLines:
    """The line of every key, table and array element of a TOML text."""

    def __init__(self, text: str) -> None:
        import tree_sitter_toml
        from tree_sitter import Language, Parser

        tree = Parser(Language(tree_sitter_toml.language())).parse(text.encode())
        self._lines: dict[Keys, int] = {}
        for keys, line in _positions(tree.root_node, ()):
            for length in range(1, len(keys) + 1):
                self._lines.setdefault(keys[:length], line)

    def line_of(self, keys: Keys) -> int | None:
        """The line, from 1, of `keys` or of the nearest table around it that is written."""
        for length in range(len(keys), 0, -1):
            if keys[:length] in self._lines:
                return self._lines[keys[:length]]
        return None


def _positions(node: Node, prefix: Keys) -> Iterator[tuple[Keys, int]]:
    for child in node.named_children:
        line = child.start_point[0] + 1
        if child.type in ("pair", "table", "table_array_element"):
            key, *rest = child.named_children
            keys = (*prefix, *_names(key))
            yield keys, line
            if child.type == "pair":
                yield from _value_positions(rest[0], keys)
            else:
                yield from _positions(child, keys)


def _value_positions(value: Node, keys: Keys) -> Iterator[tuple[Keys, int]]:
    if value.type == "inline_table":
        yield from _positions(value, keys)
    elif value.type == "array":
        elements = [child for child in value.named_children if child.type != "comment"]
        for index, element in enumerate(elements):
            yield (*keys, index), element.start_point[0] + 1
            yield from _value_positions(element, (*keys, index))


def _names(key: Node) -> Keys:
    if key.type == "dotted_key":
        return tuple(name for child in key.named_children for name in _names(child))
    text = (key.text or b"").decode()
    return (text[1:-1] if key.type == "quoted_key" else text,)
