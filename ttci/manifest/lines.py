"""Where in a TOML file a key stands.

The standard TOML reader keeps no positions, so the file is parsed once more by
tree-sitter; only messages, annotations and edits need it, so it is imported on use.
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


def syntax_tree(text: str) -> Node:
    """The root of a TOML text as tree-sitter parses it; its positions are of the text in UTF-8."""
    import tree_sitter_toml
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_toml.language())).parse(text.encode()).root_node


def key_nodes(node: Node, prefix: Keys = ()) -> Iterator[tuple[Keys, Node]]:
    """Every pair, table and array element below `node`, with all of its keys, in the order of the text.

    Raises:
        RecursionError: where values are nested too deeply.
    """
    for child in node.named_children:
        if child.type in ("pair", "table", "table_array_element"):
            key, *rest = child.named_children
            keys = (*prefix, *names_of(key))
            yield keys, child
            if child.type == "pair":
                yield from _nodes_of_values(rest, keys)
            else:
                yield from key_nodes(child, keys)


class KeyLines:
    """The line of every key, table and array element of a TOML text.

    Raises:
        RecursionError: where values are nested too deeply.
    """

    def __init__(self, text: str) -> None:
        self._written: dict[Keys, int] = {}
        self._implied: dict[Keys, int] = {}  # tables around a dotted key or header
        self._repeated: dict[Keys, int] = {}
        for keys, node in key_nodes(syntax_tree(text)):
            line = line_of(node)
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


def line_of(node: Node) -> int:
    """The line, from 1, on which a node begins."""
    return node.start_point[0] + 1


def names_of(key: Node) -> tuple[str, ...]:
    """The names that a key is made of, without their quotes."""
    if key.type == "dotted_key":
        return tuple(name for child in key.named_children for name in names_of(child))
    text = (key.text or b"").decode()
    return (next(iter(tomllib.loads(f"{text} = 0"))) if key.type == "quoted_key" else text,)


def _nodes_of_values(values: list[Node], keys: Keys) -> Iterator[tuple[Keys, Node]]:
    for value in values:
        if value.type == "inline_table":
            yield from key_nodes(value, keys)
        elif value.type == "array":
            elements = [child for child in value.named_children if child.type != "comment"]
            for index, element in enumerate(elements):
                yield (*keys, index), element
                yield from _nodes_of_values([element], (*keys, index))
