"""On which line of a TOML file a key stands.

The standard TOML reader keeps no positions, so the file is parsed once more by
tree-sitter; only messages and annotations need it, so it is imported on use.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ttci.errors import quoted

if TYPE_CHECKING:
    from tree_sitter import Node

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Keys = tuple[str | int, ...]


class KeyLines:
    """The line of every key, table and array element of a TOML text.

    Raises:
        RecursionError: where values are nested too deeply.
    """

    def __init__(self, text: str) -> None:
        import tree_sitter_toml
        from tree_sitter import Language, Parser

        tree = Parser(Language(tree_sitter_toml.language())).parse(text.encode())
        self._written: dict[Keys, int] = {}
        self._implied: dict[Keys, int] = {}  # tables around a dotted key or header
        self._repeated: dict[Keys, int] = {}
        for keys, line in _positions(tree.root_node, ()):
            if keys in self._written:
                self._repeated.setdefault(keys, line)
            self._written.setdefault(keys, line)
            for length in range(len(keys) - 1, 0, -1):
                if keys[:length] in self._implied:
                    break
                self._implied[keys[:length]] = line

    def line_of(self, keys: Keys) -> int | None:
        """The line, from 1, of `keys` or of the nearest table around it that is written."""
        for length in range(len(keys), 0, -1):
            line = self._written.get(keys[:length]) or self._implied.get(keys[:length])
            if line:
                return line
        return None

    def repeated(self) -> Iterator[tuple[Keys, int, int]]:
        """Keys that are written twice: on which line, and on which line before."""
        for keys, line in self._repeated.items():
            if not any(keys[:length] in self._repeated for length in range(1, len(keys))):
                yield keys, line, self._written[keys]


def dotted(keys: Keys) -> str:
    """`keys` as TOML writes them, positions in an array left out."""
    return ".".join(key if _is_bare(key) else quoted(key) for key in keys if isinstance(key, str))


def _is_bare(key: str) -> bool:
    return key.isascii() and key.replace("-", "a").replace("_", "a").isalnum()


def _positions(node: Node, prefix: Keys) -> Iterator[tuple[Keys, int]]:
    for child in node.named_children:
        line = child.start_point[0] + 1
        if child.type in ("pair", "table", "table_array_element"):
            key, *rest = child.named_children
            keys = (*prefix, *_names(key))
            yield keys, line
            if child.type == "pair":
                yield from _value_positions(rest, keys)
            else:
                yield from _positions(child, keys)


def _value_positions(values: list[Node], keys: Keys) -> Iterator[tuple[Keys, int]]:
    for value in values:
        if value.type == "inline_table":
            yield from _positions(value, keys)
        elif value.type == "array":
            elements = [child for child in value.named_children if child.type != "comment"]
            for index, element in enumerate(elements):
                yield (*keys, index), element.start_point[0] + 1
                yield from _value_positions([element], (*keys, index))


def _names(key: Node) -> Keys:
    if key.type == "dotted_key":
        return tuple(name for child in key.named_children for name in _names(child))
    text = (key.text or b"").decode()
    return (next(iter(tomllib.loads(f"{text} = 0"))) if key.type == "quoted_key" else text,)
