"""Targets that a manifest does not have yet, put where a person would write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.container import Container
from tomlkit.items import AbstractTable, Comment, InlineTable, Item, Key, Table

from ttci.targets.as_toml import KeysOfTest, toml_keys

_Table = Container | AbstractTable
_Body = list[tuple[Key | None, Item]]


def add_entries(
    document: TOMLDocument, missing: Mapping[KeysOfTest, Mapping[str, str]], line_break: str
) -> None:
    """Put these entries, TOML by key, in the tables of tests, which need not be there."""
    for test, entries in missing.items():
        _add(_nearest(document, test), entries, line_break)


@dataclass(frozen=True)
class _Place:
    """The table, of those that are written, which has the most keys of a test.

    Attributes:
        rest: the keys of the test that it lacks.
        is_dotted: whether it is there for a key with dots, and has no header.
    """

    table: _Table
    rest: tuple[str, ...]
    is_dotted: bool = False


def _nearest(table: _Table, keys: tuple[str, ...], is_dotted: bool = False) -> _Place:
    """Found in the body: a look-up joins the parts of a table that stand apart."""
    nearest = _Place(table, keys, is_dotted)
    for key, item in _body(table) if keys else ():
        if key is not None and key.key == keys[0] and isinstance(item, AbstractTable):
            found = _nearest(item, keys[1:], key.is_dotted())
            nearest = found if len(found.rest) <= len(nearest.rest) else nearest
    return nearest


def _add(place: _Place, entries: Mapping[str, str], line_break: str) -> None:
    table, rest = place.table, place.rest
    if place.is_dotted:
        for name, value in entries.items():
            _append(table, tomlkit.key([*rest, name]) if rest else name, value, line_break)
    elif not rest or isinstance(table, InlineTable) or (len(rest) == 1 and _has_inline_tables(table)):
        for name, value in _nested(rest, entries).items():
            _append(table, name, value, line_break)
    else:
        _append_table(table, rest, entries, line_break)


def _append(table: _Table, key: Key | str, value: str, line_break: str) -> None:
    """Behind the last pair of a table, indented as that is."""
    pairs = [item for name, item in _body(table) if name is not None and not isinstance(item, Table)]
    is_inline = isinstance(table, InlineTable)
    item = tomlkit.value(value)
    item.trivia.indent = pairs[-1].trivia.indent if pairs else " " * is_inline
    item.trivia.trail = line_break if not is_inline else "" if pairs else " "
    with _tail_aside(table):
        table.append(key, item)


def _append_table(table: _Table, keys: tuple[str, ...], entries: Mapping[str, str], line_break: str) -> None:
    """A table of its own, behind the last that is in this one."""
    new = top = tomlkit.table()
    for name, value in entries.items():
        _append(new, name, value, line_break)
    for key in reversed(keys[1:]):
        top = tomlkit.table(is_super_table=True).append(key, top)
    with _tail_aside(_last(table), then=new):
        table.append(keys[0], top)
    top.trivia.indent = ""
    new.trivia.indent = new.trivia.trail = line_break


@contextmanager
def _tail_aside(table: _Table, then: Table | None = None) -> Iterator[None]:
    """Take off the gaps and comments at the end of a table, and put them back there, or in `then`.

    Comments right below the last pair stay with it, unless the next table begins right below them.
    """
    body = _body(table)
    end = max((place + 1 for place, (key, _) in enumerate(body) if key is not None), default=0)
    own = next((place for place, (_, item) in enumerate(body[end:]) if not isinstance(item, Comment)), 0)
    tail = body[end + own :]
    del body[end + own :]
    yield
    _body(then or table).extend(tail)


def _last(table: _Table) -> _Table:
    """The table in which the text of this one ends."""
    body = _body(table)
    return _last(body[-1][1]) if body and isinstance(body[-1][1], Table) else table


def _body(table: _Table) -> _Body:
    return table.body if isinstance(table, Container) else table.value.body


def _has_inline_tables(table: _Table) -> bool:
    return any(isinstance(item, InlineTable) for _, item in _body(table))


def _nested(keys: tuple[str, ...], entries: Mapping[str, str]) -> Mapping[str, str]:
    """The entries within an inline table a key."""
    for key in reversed(keys):
        inside = ", ".join(f"{toml_keys([name])} = {value}" for name, value in entries.items())
        entries = {key: f"{{ {inside} }}"}
    return entries
