"""What pydantic finds wrong in a manifest, said in a user's words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from ttci.catalog.backends import BUILT_IN, installed_backends
from ttci.errors import did_you_mean, quoted
from ttci.manifest.device_entries import entry_class
from ttci.manifest.identity import NAME_PATTERN
from ttci.manifest.lines import Keys, dotted
from ttci.manifest.schema import (
    STORE_PATTERN,
    EnvironmentEntry,
    HistoryEntry,
    KernelEntry,
    ManifestFile,
    ModelEntry,
    SmallestChanges,
)
from ttci.manifest.target_entries import Target, TestTargets

_NAME_ADVICE = "letters, digits, '_', '.', '+' and '-', the first a letter or a digit"
_LONG_NUMBER = 10**20
_EXPECTED = {
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "string_type": "a string",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "greater_than": "above {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than_equal": "at most {le:,}",
}
_SMALLEST_CHANGE = ("history", "smallest-change")
_HOW_TO_WRITE = {
    "backend": 'backend = "torch" or "ttnn"',
    "target": 'target = "silicon", "simulator" or "mock"',
    "board": 'board = "n150", say',
    "source": 'source = "path.py::Class"',
    "devices": 'devices = ["cpu"], say',
    "value": "value = 5.0, say",
    "runs-on": 'runs-on = ["ubuntu-latest"], say',
    "requirements": 'requirements = ["."], say: lines as in a requirements file',
    "reset": 'reset = "tt-smi -r 0", say',
    "op": 'op = "linear", say',
    "shapes": "shapes = [[1, 2048, 4096], [4096, 6144]], say: one an input",
    "store": 'store = "branch", "branch:NAME", "folder:PATH" or "off"',
    "default-branch": 'default-branch = "main", say',
    "smallest-change": "smallest-change = 0.05, say, or { latency_ms = 0.05, memory_mb = 0.02 }",
    "dtypes": 'dtypes = ["bfloat16", "bfloat8_b"], say: one an input, or one word for all',
}


def explain(details: Mapping[str, Any], data: Any) -> Iterator[tuple[Keys, str]]:
    """What one of pydantic's errors means for whoever wrote `data`: at which keys, and what."""
    keys = _keys_in(details["loc"], data)
    match details["type"]:
        case "extra_forbidden":
            yield keys, _unknown_key(keys, data)
        case "missing" if _is_cut_by_dots(keys[:-1], data):
            return  # which is said of what stands below it
        case "missing":
            yield keys[:-1], f'"{keys[-1]}" is missing; {_how_to_write(keys)}'
        case "union_tag_not_found":
            if not _is_cut_by_dots(keys, data):
                yield keys, f'"backend" is missing; {_how_to_write((*keys, "backend"))}'
            yield from _unknown_to_every_device(keys, data)
        case "union_tag_invalid":
            yield (*keys, "backend"), _unknown_word("backend", details["input"]["backend"], _device_classes())
            yield from _unknown_to_every_device(keys, data)
        case "too_short" if details["input"]:
            return  # its elements are wrong, which is said of each
        case _:
            yield keys, describe_value_error(keys, details)


def describe_value_error(keys: Keys, details: Mapping[str, Any]) -> str:
    """What is wrong with a value, by the error that pydantic raised for it."""
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", context["expected"])
        return _unknown_word(_last_name(keys).removesuffix("s"), value, known)
    if kind == "string_pattern_mismatch" and context["pattern"] == NAME_PATTERN:
        return f"{_shown(value)} is not a name; use {_NAME_ADVICE}"
    if kind == "string_pattern_mismatch" and context["pattern"] == STORE_PATTERN:
        return f"{_shown(value)} is no place for a history; {_how_to_write(keys)}"
    if keys[:2] == _SMALLEST_CHANGE:
        return f"{_shown(value)} is not a fraction above 0 and below 1; {_how_to_write(keys[:2])}"
    if kind == "tuple_type":
        written = _last_name(keys)
        is_kernels = written in KernelEntry.model_fields
        advice = _how_to_write(keys) if is_kernels else f"write {written} = [{_shown(value)}]"
        return f"{_shown(value)} is not an array; {advice}"
    if kind in ("too_short", "string_too_short"):
        return f"{_shown(value)} is empty; {_how_to_write(keys)}"
    if keys[-1] in TestTargets.model_fields and kind in ("model_type", "model_attributes_type"):
        return f"{_shown(value)} is not a target; write 5.0, say, or {{ value = 5.0, tolerance = 0.1 }}"
    if kind in _EXPECTED:
        return f"{_shown(value)} is not {_EXPECTED[kind].format(**context)}"
    return str(details["msg"]).removeprefix("Value error, ")


def _how_to_write(keys: Keys) -> str:
    return f"write {_HOW_TO_WRITE[_last_name(keys)]}"


def _last_name(keys: Keys) -> str:
    """The key that the value at `keys` belongs to, past positions in arrays."""
    return next(key for key in reversed(keys) if isinstance(key, str))


def _keys_in(location: tuple[str | int, ...], data: Any) -> Keys:
    """The keys as they are written: without what pydantic adds to a location."""
    if location[:1] == ("devices",) and len(location) > 2 and location[2] in _device_classes():
        location = location[:2] + location[3:]  # which class of device it is
    if location[:2] == _SMALLEST_CHANGE and location[2:3] in (("number",), ("table",)):
        location = location[:2] + location[3:]  # which form of it is written
    if location[-1:] == ("[key]",):
        return location[:-1]
    is_bare_number = location[-1:] == ("value",) and not isinstance(_at(location[:-1], data), dict)
    return location[:-1] if is_bare_number else location


def _at(keys: Keys, data: Any) -> Any:
    for key in keys:
        data = data[key]
    return data


def _unknown_key(keys: Keys, data: Any) -> str:
    whole = _name_with_dots(keys, data)
    if whole is not None:
        header = f"{dotted(keys[:-2])}.{quoted(whole)}"
        return f"unknown key {quoted(str(keys[-1]))}; a name with a dot is quoted: write [{header}]"
    return f"unknown key {quoted(str(keys[-1]))}; {did_you_mean(str(keys[-1]), _known_keys(keys, data))}"


def _name_with_dots(keys: Keys, data: Any) -> str | None:
    """The name that was meant where an unquoted dot has cut it in two; None where none has.

    TOML reads ``[models.llama3.1-8b]`` as a table "1-8b" of the model "llama3".
    """
    if len(keys) < len(("models", "llama3", "1-8b")):
        return None
    known, names, table = _known_keys(keys, data), [str(keys[-2]), str(keys[-1])], _at(keys, data)
    while isinstance(table, dict) and table and not known & table.keys():
        name, table = next(iter(table.items()))
        names.append(name)
    return ".".join(names) if isinstance(table, dict) and table else None


def _is_cut_by_dots(keys: Keys, data: Any) -> bool:
    """Whether a table is there only because the names of those below it hold dots."""
    table = _at(keys, data)
    return (
        isinstance(table, dict)
        and bool(table)
        and all(_name_with_dots((*keys, name), data) is not None for name in table)
    )


def _known_keys(keys: Keys, data: Any) -> set[str]:
    match keys:
        case (_,):
            return set(ManifestFile.model_fields)
        case ("devices", str(name), _):
            return _device_keys(data["devices"][name].get("backend"))
        case ("environment", _):
            return set(EnvironmentEntry.model_fields)
        case ("history", _):
            return _keys_of(HistoryEntry)
        case ("history", "smallest-change", _):
            return set(SmallestChanges.model_fields)
        case ("models", _, _):
            return set(ModelEntry.model_fields)
        case ("models", _, "targets", _, _, _):
            return set(TestTargets.model_fields)
        case ("models", _, "kernels", _, _):
            return _keys_of(KernelEntry)
        case _:
            return set(Target.model_fields)


def _device_keys(backend: Any) -> set[str]:
    by_backend = _device_classes()
    known = isinstance(backend, str) and backend in by_backend
    classes = [by_backend[backend]] if known else list(by_backend.values())
    return {key for entry in classes for key in _keys_of(entry)}


def _device_classes() -> dict[str, type[BaseModel]]:
    """By backend, those of installed packages included."""
    return {name: entry_class(name) for name in (*BUILT_IN, *installed_backends())}


def _keys_of(entry: type[BaseModel]) -> set[str]:
    """As they are written: with hyphens."""
    return {info.alias or field for field, info in entry.model_fields.items()}


def _unknown_to_every_device(keys: Keys, data: Any) -> Iterator[tuple[Keys, str]]:
    """The keys of a device without a backend are checked against those of all backends."""
    for key in _at(keys, data):
        if key not in _device_keys(None):
            yield (*keys, key), _unknown_key((*keys, key), data)


def _unknown_word(key: str, value: Any, known: Any) -> str:
    if not isinstance(value, str):
        return f"{_shown(value)} is not a string"
    return f"unknown {key} {quoted(value)}; {did_you_mean(value, known)}"


def _shown(value: Any) -> str:
    """A value as the user wrote it; a table or an array only by its kind."""
    match value:
        case str():
            return quoted(value)
        case bool():
            return str(value).lower()
        case dict():
            return "a table"
        case list() | tuple():
            return "an array" if value else "[]"
        case int() if abs(value) >= _LONG_NUMBER:
            return "a number this long"
        case _:
            return str(value)
