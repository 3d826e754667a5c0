"""Targets that a manifest does not have yet, put where a person would write them.

Each way gives the place and the text, or None where the manifest is not written so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ttci.manifest.lines import Keys, key_nodes, names_of, syntax_tree
from ttci.targets.as_toml import KeysOfTest, toml_keys

if TYPE_CHECKING:
    from tree_sitter import Node

_Insertion = tuple[int, str]  # the byte before which it goes, and what


def with_new_table_entries(text: str, test: KeysOfTest, entries: Mapping[str, str]) -> str:
    """`text` with these entries, TOML by key, in the table of a test, which need not be there."""
    manifest = _Written(text, test, entries)
    ways = (manifest.in_its_table, manifest.in_its_inline_table, manifest.beside_its_dotted_keys)
    further = (manifest.in_the_table_of_its_device, manifest.in_an_inline_table_around_it)
    found = (way() for way in (*ways, *further))
    place, new = next(filter(None, found), None) or manifest.in_a_new_table()
    raw = text.encode()
    return (raw[:place] + new.encode() + raw[place:]).decode()


class _Written:
    """How a manifest has what is around the table of a test."""

    def __init__(self, text: str, test: KeysOfTest, entries: Mapping[str, str]) -> None:
        self._raw = text.encode()
        self._test, self._entries = test, entries
        self._break = "\r\n" if b"\r\n" in self._raw else "\n"
        root = syntax_tree(text)
        self._nodes = list(key_nodes(root))
        self._tables = {keys: node for keys, node in self._nodes if node.type == "table"}
        self._inline = {keys: node for keys, node in self._nodes if _inline_table(node)}

    def in_its_table(self) -> _Insertion | None:
        """Under the last pair of ``[models.X.targets.DEVICE.TEST]``."""
        table = self._tables.get(self._test)
        return self._under_the_pairs(table, self._lines()) if table else None

    def in_its_inline_table(self) -> _Insertion | None:
        """``TEST = { latency_ms = 5.0 }``."""
        pair = self._inline.get(self._test)
        return self._within(pair, ", ".join(self._lines())) if pair else None

    def beside_its_dotted_keys(self) -> _Insertion | None:
        """``TEST.latency_ms = 5.0``, in whatever table."""
        length = len(self._test)
        dotted = [
            (prefix, node)
            for keys, node in self._nodes
            if node.type == "pair" and keys[:length] == self._test and len(keys) > length
            if len(prefix := keys[: len(keys) - len(names_of(node.named_children[0]))]) < length
        ]
        if not dotted:
            return None
        prefix, last = dotted[-1]
        lines = self._lines(self._test[len(prefix) :])
        if last.parent and last.parent.type == "inline_table":
            return last.named_children[1].end_byte, "".join(f", {line}" for line in lines)
        return self._under(last, lines)

    def in_the_table_of_its_device(self) -> _Insertion | None:
        """``TEST = { latency_ms = 5.0 }``, where the other tests of a device are written so."""
        table = self._tables.get(self._test[:-1])
        if table is None or not _pairs(table):
            return None
        return self._under_the_pairs(table, [self._nested(self._test[-1:])])

    def in_an_inline_table_around_it(self) -> _Insertion | None:
        """``targets = { DEVICE = { TEST = { latency_ms = 5.0 } } }``."""
        for length in range(len(self._test) - 1, 0, -1):
            pair = self._inline.get(self._test[:length])
            if pair:
                return self._within(pair, self._nested(self._test[length:]))
        return None

    def in_a_new_table(self) -> _Insertion:
        """A table of its own, behind that which is nearest to it."""
        lines = [f"[{toml_keys(self._test)}]", *self._lines()]
        new = "".join(f"{line}{self._break}" for line in lines)
        near = [(self._shared(keys), index) for index, keys in enumerate(self._tables)]
        shared, index = max(near, default=(0, 0))
        place = self._end_of(list(self._tables.values())[index]) if shared else len(self._raw)
        begun = "" if self._raw[:place].endswith(b"\n") or place == 0 else self._break
        return place, f"{begun}{self._break if place else ''}{new}"

    def _shared(self, keys: Keys) -> int:
        """How many keys a table has in common with the test's, from the first."""
        return next((n for n in range(len(self._test), 0, -1) if keys[:n] == self._test[:n]), 0)

    def _lines(self, keys: tuple[str, ...] = ()) -> list[str]:
        return [f"{toml_keys((*keys, key))} = {value}" for key, value in self._entries.items()]

    def _nested(self, keys: tuple[str, ...]) -> str:
        text = f"{{ {', '.join(self._lines())} }}"
        for key in reversed(keys[1:]):
            text = f"{{ {toml_keys([key])} = {text} }}"
        return f"{toml_keys(keys[:1])} = {text}"

    def _within(self, pair: Node, entry: str) -> _Insertion:
        """Behind the last entry of an inline table."""
        table = pair.named_children[1]
        pairs = _pairs(table)
        if pairs:
            return pairs[-1].named_children[1].end_byte, f", {entry}"
        is_narrow = table.end_byte - table.start_byte == len("{}")
        return table.start_byte + 1, f" {entry} " if is_narrow else f" {entry}"

    def _under_the_pairs(self, table: Node, lines: list[str]) -> _Insertion:
        pairs = _pairs(table)
        return self._under(pairs[-1] if pairs else table, lines)

    def _under(self, node: Node, lines: list[str]) -> _Insertion:
        """On lines below that of a pair, or of a header where it is a table, indented like it."""
        place = self._next_line(node)
        line_start = self._raw.rfind(b"\n", 0, node.start_byte) + 1
        indent = self._raw[line_start : node.start_byte].decode()
        begun = "" if self._raw[:place].endswith(b"\n") else self._break
        return place, begun + "".join(f"{indent}{line}{self._break}" for line in lines)

    def _next_line(self, node: Node) -> int:
        """Where the line after a pair, or after the header of a table, begins: behind its comment."""
        last = node.named_children[1 if node.type == "pair" else 0]
        found = self._raw.find(b"\n", last.end_byte)
        return found + 1 if found >= 0 else len(self._raw)

    def _end_of(self, table: Node) -> int:
        """Behind the last pair, and behind comments below it that are of nothing that follows."""
        pairs = _pairs(table)
        place = end = self._next_line(pairs[-1] if pairs else table)
        while self._line_at(end).startswith(b"#"):
            end += len(self._raw[end:].partition(b"\n")[0]) + 1
        return min(end, len(self._raw)) if not self._line_at(end) else place

    def _line_at(self, place: int) -> bytes:
        return self._raw[place:].partition(b"\n")[0].strip()


def _pairs(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type == "pair"]


def _inline_table(node: Node) -> bool:
    return node.type == "pair" and node.named_children[1].type == "inline_table"
