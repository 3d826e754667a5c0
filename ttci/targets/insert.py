"""Targets that a manifest does not have yet, put where a person would write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from ttci.manifest.lines import Keys, key_nodes, names_of, syntax_tree
from ttci.targets.as_toml import KeysOfTest, toml_keys

if TYPE_CHECKING:
    from tree_sitter import Node


class _Kind(IntEnum):
    """What is put in; in one place in this order, as a new table ends the one before it."""

    ENTRY = 0  # of an inline table
    LINES = 1
    TABLE = 2


@dataclass(frozen=True)
class _Insertion:
    """Text that goes before a byte.

    Attributes:
        is_shared: another test may need the same new inline table, so that it is put in alone.
    """

    kind: _Kind
    place: int
    text: str
    is_shared: bool = False


def with_new_entries(text: str, missing: Mapping[KeysOfTest, Mapping[str, str]]) -> str:
    """`text` with these entries, TOML by key, in the tables of tests, which need not be there."""
    waiting = dict(missing)
    while waiting:
        written = _Written(text)
        found = {test: _insertion(written, test, entries) for test, entries in waiting.items()}
        shared = [test for test, insertion in found.items() if insertion.is_shared]
        taken = {test: insertion for test, insertion in found.items() if test not in shared[1:]}
        text = written.with_insertions(taken.values())
        waiting = {test: entries for test, entries in waiting.items() if test not in taken}
    return text


class _Written:
    """A manifest as it is written: its bytes, and where in them its keys stand."""

    def __init__(self, text: str) -> None:
        self.raw = text.encode()
        self.line_break = "\r\n" if b"\r\n" in self.raw else "\n"
        nodes = list(key_nodes(syntax_tree(text)))
        self.pairs = [(keys, node) for keys, node in nodes if node.type == "pair"]
        self.tables = {keys: node for keys, node in nodes if node.type == "table"}
        self.inline = {keys: _value(node) for keys, node in self.pairs if _value(node).type == "inline_table"}

    def with_insertions(self, insertions: Iterable[_Insertion]) -> str:
        """The text with them; in one place they follow each other."""
        by_place: dict[int, list[_Insertion]] = {}
        for insertion in sorted(insertions, key=lambda found: found.kind):
            by_place.setdefault(insertion.place, []).append(insertion)
        raw = self.raw
        for place, found in sorted(by_place.items(), reverse=True):
            is_begun = found[0].kind is _Kind.ENTRY or raw[:place].endswith(b"\n") or place == 0
            new = ("" if is_begun else self.line_break) + "".join(insertion.text for insertion in found)
            raw = raw[:place] + new.encode() + raw[place:]
        return raw.decode()

    def next_line(self, node: Node) -> int:
        """Where the line after a pair, or after the header of a table, begins: behind its comment."""
        last = _value(node) if node.type == "pair" else node.named_children[0]
        found = self.raw.find(b"\n", last.end_byte)
        return found + 1 if found >= 0 else len(self.raw)

    def under(self, node: Node, lines: Iterable[str]) -> _Insertion:
        """On lines below that of a pair, or of a header where it is a table, indented like it."""
        line_start = self.raw.rfind(b"\n", 0, node.start_byte) + 1
        indent = self.raw[line_start : node.start_byte].decode()
        text = "".join(f"{indent}{line}{self.line_break}" for line in lines)
        return _Insertion(_Kind.LINES, self.next_line(node), text)

    def under_pairs_of(self, table: Node, lines: Iterable[str]) -> _Insertion:
        """Below the last pair of a table."""
        pairs = _pairs(table)
        return self.under(pairs[-1] if pairs else table, lines)

    def within(self, table: Node, entry: str) -> _Insertion:
        """Behind the last entry of an inline table."""
        pairs = _pairs(table)
        if pairs:
            return _Insertion(_Kind.ENTRY, _value(pairs[-1]).end_byte, f", {entry}")
        is_narrow = table.end_byte - table.start_byte == len("{}")
        return _Insertion(_Kind.ENTRY, table.start_byte + 1, f" {entry} " if is_narrow else f" {entry}")

    def end_of(self, table: Node) -> int:
        """Behind the last pair, and behind comments below it that are of nothing that follows."""
        pairs = _pairs(table)
        place = end = self.next_line(pairs[-1] if pairs else table)
        while self._line_at(end).startswith(b"#"):
            end += len(self.raw[end:].partition(b"\n")[0]) + 1
        return min(end, len(self.raw)) if not self._line_at(end) else place

    def _line_at(self, place: int) -> bytes:
        return self.raw[place:].partition(b"\n")[0].strip()


def _insertion(written: _Written, test: KeysOfTest, entries: Mapping[str, str]) -> _Insertion:
    """Of the entries of a test, in the way in which the manifest is written around it."""
    ways = (
        _in_its_table,
        _beside_its_dotted_keys,
        _in_the_table_of_its_device,
        _in_an_inline_table_around_it,
    )
    found = (way(written, test, entries) for way in ways)
    return next(filter(None, found), None) or _in_a_new_table(written, test, entries)


def _in_its_table(written: _Written, test: KeysOfTest, entries: Mapping[str, str]) -> _Insertion | None:
    """``[models.X.targets.DEVICE.TEST]``, or ``TEST = { latency_ms = 5.0 }``."""
    if test in written.tables:
        return written.under_pairs_of(written.tables[test], _lines(entries))
    return (
        written.within(written.inline[test], ", ".join(_lines(entries))) if test in written.inline else None
    )


def _beside_its_dotted_keys(
    written: _Written, test: KeysOfTest, entries: Mapping[str, str]
) -> _Insertion | None:
    """``TEST.latency_ms = 5.0``, in whatever table."""
    of_test = [(keys, node) for keys, node in written.pairs if keys[: len(test)] == test]
    around = [(len(keys) - len(names_of(node.named_children[0])), node) for keys, node in of_test]
    dotted = [(length, node) for length, node in around if length < len(test)]
    if not dotted:
        return None
    length, last = dotted[-1]
    lines = _lines(entries, test[length:])
    if last.parent and last.parent.type == "inline_table":
        return _Insertion(_Kind.ENTRY, _value(last).end_byte, "".join(f", {line}" for line in lines))
    return written.under(last, lines)


def _in_the_table_of_its_device(
    written: _Written, test: KeysOfTest, entries: Mapping[str, str]
) -> _Insertion | None:
    """``TEST = { latency_ms = 5.0 }``, where the other tests of a device are written so."""
    table = written.tables.get(test[:-1])
    return written.under_pairs_of(table, [_nested(entries, test[-1:])]) if table and _pairs(table) else None


def _in_an_inline_table_around_it(
    written: _Written, test: KeysOfTest, entries: Mapping[str, str]
) -> _Insertion | None:
    """``targets = { DEVICE = { TEST = { latency_ms = 5.0 } } }``."""
    for length in range(len(test) - 1, 0, -1):
        if test[:length] in written.inline:
            entry = written.within(written.inline[test[:length]], _nested(entries, test[length:]))
            return _Insertion(entry.kind, entry.place, entry.text, is_shared=True)
    return None


def _in_a_new_table(written: _Written, test: KeysOfTest, entries: Mapping[str, str]) -> _Insertion:
    """A table of its own, behind the last of those that are nearest to it."""
    lines = ["", f"[{toml_keys(test)}]", *_lines(entries)]
    near = [(_shared(keys, test), index) for index, keys in enumerate(written.tables)]
    shared, index = max(near, default=(0, 0))
    place = written.end_of(list(written.tables.values())[index]) if shared else len(written.raw)
    return _Insertion(_Kind.TABLE, place, "".join(f"{line}{written.line_break}" for line in lines))


def _shared(keys: Keys, test: KeysOfTest) -> int:
    """How many keys a table has in common with the test's, from the first."""
    return next((length for length in range(len(test), 0, -1) if keys[:length] == test[:length]), 0)


def _lines(entries: Mapping[str, str], keys: tuple[str, ...] = ()) -> list[str]:
    return [f"{toml_keys((*keys, key))} = {value}" for key, value in entries.items()]


def _nested(entries: Mapping[str, str], keys: tuple[str, ...]) -> str:
    text = f"{{ {', '.join(_lines(entries))} }}"
    for key in reversed(keys[1:]):
        text = f"{{ {toml_keys([key])} = {text} }}"
    return f"{toml_keys(keys[:1])} = {text}"


def _value(pair: Node) -> Node:
    return pair.named_children[1]


def _pairs(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type == "pair"]
