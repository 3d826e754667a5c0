"""Numbers of a manifest written anew, and targets added to it; every other byte stays.

tomlkit, which keeps the style of a text, does it. Whatever it did, another reader must find in
the result what was meant, and every comment that has a line of its own must be there, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomli

from ttci.errors import TtciError
from ttci.targets.as_toml import KeysOfTest, toml_number, toml_value

_FORM = "it is written in a form in which targets cannot be put"


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
    numbers: dict[tuple[str, ...], float] = {}
    missing: dict[KeysOfTest, dict[str, str]] = {}
    for target in targets:
        changed = _changed(_at(meant, target.keys), target)
        numbers |= changed
        if not changed:
            entry = toml_value(target.value, target.tolerance)
            missing.setdefault(target.test, {})[target.metric] = entry
    after = _written(text, numbers, missing)
    for keys, number in numbers.items():
        _at(meant, keys[:-1])[keys[-1]] = number
    for test, entries in missing.items():
        _add(meant, test, entries)
    if _read(after) != meant or _lines_of_comments(after) != _lines_of_comments(text):
        raise CannotEditError(_FORM)
    return after


def _changed(written: Any, target: NewTarget) -> dict[tuple[str, ...], float]:
    """Which numbers change, by their keys; none where the target is not there yet."""
    if written is None:
        return {}
    if not isinstance(written, dict):
        return {target.keys: target.value}
    changed = {(*target.keys, "value"): target.value}
    if "tolerance" in written and written["tolerance"] < target.tolerance:
        changed[(*target.keys, "tolerance")] = target.tolerance
    return changed


def _at(data: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _add(meant: dict[str, Any], test: KeysOfTest, entries: Mapping[str, str]) -> None:
    table = meant
    for key in test:
        table = table.setdefault(key, {})
    table |= {metric: tomli.loads(f"it = {value}")["it"] for metric, value in entries.items()}


def _written(
    text: str, numbers: Mapping[tuple[str, ...], float], missing: Mapping[KeysOfTest, Mapping[str, str]]
) -> str:
    import tomlkit  # `ttci targets suggest` starts without it
    from tomlkit.exceptions import TOMLKitError

    from ttci.targets.insert import add_entries

    line_break = "\r\n" if "\r\n" in text else "\n"
    end = line_break * (1 if text.endswith("\n") else 2)  # no comment ends it: each has a line below
    try:
        document = tomlkit.parse(text + end)
        for keys, number in numbers.items():
            table = _at(document, keys[:-1])
            table[keys[-1]] = tomlkit.value(toml_number(number, is_float=isinstance(table[keys[-1]], float)))
        add_entries(document, missing, line_break)
        return document.as_string().removesuffix(end)
    except TOMLKitError:
        raise CannotEditError(_FORM) from None


def _read(text: str) -> Any:
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError:
        return None


def _lines_of_comments(text: str) -> list[str]:
    return [line for line in map(str.strip, text.splitlines()) if line.startswith("#")]
