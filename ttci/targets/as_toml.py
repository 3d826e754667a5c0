"""Targets as a manifest has them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal

from ttci.manifest import Identity
from ttci.results import DEFAULT_TARGET_TOLERANCE
from ttci.targets.candidates import Candidate

_BARE = re.compile(r"[A-Za-z0-9_-]+")

KeysOfTest = tuple[str, str, str, str, str]  # models, a model, targets, a device, a test


def keys_of_test(identity: str) -> KeysOfTest:
    """The keys of the table in which the targets of a test stand."""
    found = Identity.parse(identity)
    return ("models", found.pair.model, "targets", found.pair.device, found.test)


def toml_number(value: float, *, is_float: bool = False) -> str:
    """A number without an exponent; ``5.0`` rather than ``5`` where `is_float`."""
    text = format(Decimal(repr(value)), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text}.0" if is_float and "." not in text else text


def toml_keys(keys: Iterable[str]) -> str:
    """Keys with dots between them, quoted where they have to be."""
    return ".".join(key if _BARE.fullmatch(key) else _quoted(key) for key in keys)


def toml_value(value: float, tolerance: float) -> str:
    """A new target: a plain number where its tolerance is the one that a plain number has."""
    if tolerance == DEFAULT_TARGET_TOLERANCE:
        return toml_number(value)
    return f"{{ value = {toml_number(value)}, tolerance = {toml_number(tolerance)} }}"


def as_toml(candidates: Iterable[Candidate]) -> str:
    """Tables to be pasted into a manifest, one a test."""
    tables: dict[KeysOfTest, list[str]] = {}
    for candidate in candidates:
        line = f"{candidate.metric} = {toml_value(candidate.value, candidate.tolerance)}"
        tables.setdefault(keys_of_test(candidate.identity), []).append(line)
    return "\n\n".join("\n".join([f"[{toml_keys(keys)}]", *lines]) for keys, lines in tables.items())


def _quoted(key: str) -> str:
    return json.dumps(key, ensure_ascii=False).replace("\x7f", "\\u007f")
