"""Numbers of a manifest written anew, and targets added to it; every other byte stays.

tree-sitter says where the numbers stand, and they are cut out and put in there: a library that
writes a whole document from its own model of it may change what nobody asked it to. Whatever
was done, the result must be read as what was meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tomli

from ttci.errors import TtciError
from ttci.manifest.lines import Keys, key_nodes, syntax_tree
from ttci.targets.as_toml import KeysOfTest, toml_number, toml_value
from ttci.targets.insert import with_new_entries

if TYPE_CHECKING:
    from tree_sitter import Node

_NUMBERS = ("integer", "float")


class CannotEditError(TtciError):
    """The text is right, and of a form in which targets are not written."""


@dataclass(frozen=True)
class NewTarget:
    """A target that the manifest is to have.

    Attributes:
        tolerance: the least that it is to have; a larger one that is written stays, and so does a
            number without one.
    """

    test: KeysOfTest
    metric: str
    value: float
    tolerance: float

    @property
    def keys(self) -> tuple[str, ...]:
        """Those of the target."""
        return (*self.test, self.metric)


def with_targets(text: str, targets: Iterable[NewTarget]) -> str:
    """`text`, a manifest without mistakes, with these targets.

    Raises:
        CannotEditError: it is of a form in which they cannot be written.
    """
    meant = tomli.loads(text)
    numbers: dict[Keys, float] = {}
    missing: dict[KeysOfTest, dict[str, str]] = {}
    for target in targets:
        changed = _changed(_at(meant, target.keys), target)
        numbers |= changed
        if not changed:
            entry = toml_value(target.value, target.tolerance)
            missing.setdefault(target.test, {})[target.metric] = entry
    for keys, number in numbers.items():
        _at(meant, keys[:-1])[keys[-1]] = number
    text = _with_numbers(text, numbers)
    text = with_new_entries(text, missing)
    for test, entries in missing.items():
        _add(meant, test, entries)
    _hold_that_it_says(text, meant)
    return text


def _changed(written: Any, target: NewTarget) -> dict[Keys, float]:
    """Which numbers change, by their keys; none where the target is not there yet."""
    if written is None:
        return {}
    if not isinstance(written, dict):
        return {target.keys: target.value}
    changed: dict[Keys, float] = {(*target.keys, "value"): target.value}
    if "tolerance" in written and written["tolerance"] < target.tolerance:
        changed[(*target.keys, "tolerance")] = target.tolerance
    return changed


def _at(data: Any, keys: Sequence[str | int]) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _add(meant: dict[str, Any], test: KeysOfTest, entries: Mapping[str, str]) -> None:
    table = meant
    for key in test:
        table = table.setdefault(key, {})
    table |= {metric: tomli.loads(f"it = {value}")["it"] for metric, value in entries.items()}


def _with_numbers(text: str, numbers: Mapping[Keys, float]) -> str:
    raw = text.encode()
    places: list[tuple[Node, float]] = []
    for keys, node in key_nodes(syntax_tree(text)):
        if node.type == "pair" and keys in numbers and node.named_children[1].type in _NUMBERS:
            places.append((node.named_children[1], numbers[keys]))
    for node, number in sorted(places, key=lambda place: -place[0].start_byte):
        written = raw[node.start_byte : node.end_byte]
        new = toml_number(number, is_float=b"." in written)
        raw = raw[: node.start_byte] + new.encode() + raw[node.end_byte :]
    return raw.decode()


def _hold_that_it_says(text: str, meant: Mapping[str, Any]) -> None:
    try:
        says = tomli.loads(text)
    except tomli.TOMLDecodeError:
        says = {}
    if says != meant:
        raise CannotEditError("it is written in a form in which targets cannot be put")
