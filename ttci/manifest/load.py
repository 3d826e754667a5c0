"""Read a manifest: every mistake of the file in one go, each with its line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ttci.errors import InputError, Mistake, did_you_mean
from ttci.manifest.identity import NAME_PATTERN
from ttci.manifest.lines import KeyLines, Keys
from ttci.manifest.schema import (
    ManifestFile,
    ModelEntry,
    Target,
    TestTargets,
    TorchDeviceEntry,
    TtnnDeviceEntry,
)
from ttci.manifest.source import Source, parse_source

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_PATH = Path("models_manifest.toml")
_LARGEST_FILE_BYTES = 1 << 20
_NAME_ADVICE = "letters, digits, '_', '.', '+' and '-', the first a letter or a digit"


@dataclass(frozen=True)
class Manifest:
    """The models and devices of a checked manifest file."""

    path: Path
    text: str = field(repr=False)
    devices: dict[str, TorchDeviceEntry | TtnnDeviceEntry]
    models: dict[str, ModelEntry]

    @property
    def folder(self) -> Path:
        """What the paths in the manifest are relative to."""
        return self.path.parent

    def source(self, model: str) -> Source:
        """Where `model`'s tests are declared."""
        return parse_source(self.models[model].source, self.folder)

    def line_of(self, *keys: str) -> int | None:
        """The line on which a key of the manifest stands."""
        return KeyLines(self.text).line_of(keys)

    def mistake(self, keys: Keys, what: str) -> Mistake:
        """Something wrong at a key of the manifest."""
        return Mistake(str(self.path), KeyLines(self.text).line_of(keys), f"{_dotted(keys)}: {what}")


def load_manifest(path: Path = DEFAULT_PATH) -> Manifest:
    """Read and check the manifest at `path`; raises InputError with all that is wrong."""
    text = _read(path)
    data = _parse(path, text)
    parsed: ManifestFile | None = None
    found: list[tuple[Keys, str]] = []
    try:
        parsed = ManifestFile.model_validate(data)
    except ValidationError as error:
        found += [_explain(dict(details), data) for details in error.errors()]
    found += _cross_check(data, path.parent)
    if found or parsed is None:
        lines = KeyLines(text)
        mistakes = [
            Mistake(str(path), lines.line_of(keys), f"{_dotted(keys)}: {what}") for keys, what in found
        ]
        raise InputError(sorted(mistakes, key=lambda mistake: mistake.line or 0))
    return Manifest(path, text, parsed.devices, parsed.models)


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        advice = "name the manifest with --manifest PATH, or run where models_manifest.toml lies"
        raise InputError(Mistake(str(path), None, f"{error.strerror}; {advice}")) from None
    if len(raw) > _LARGEST_FILE_BYTES:
        what = f"{len(raw):,} bytes; a manifest has at most {_LARGEST_FILE_BYTES:,}"
        raise InputError(Mistake(str(path), None, what))
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        what = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise InputError(Mistake(str(path), line, what)) from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        position = re.search(r" \(at line (\d+), column (\d+)\)$", str(error))
        line = int(position[1]) if position else text.count("\n") + 1
        what = str(error)[: position.start()] if position else str(error)
        raise InputError(Mistake(str(path), line, f"not TOML: {what}")) from None
    except RecursionError:
        what = "not a manifest: its values are nested too deeply"
        raise InputError(Mistake(str(path), None, what)) from None


def _explain(error: dict[str, Any], data: dict[str, Any]) -> tuple[Keys, str]:
    keys = _written_keys(error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return keys, f'unknown key "{keys[-1]}"; {did_you_mean(str(keys[-1]), _known_keys(keys, data))}'
    if kind == "missing":
        return keys[:-1], f'"{keys[-1]}" is missing'
    if kind == "string_pattern_mismatch" and context.get("pattern") == NAME_PATTERN:
        return keys, f'"{error["input"]}" is not a name; use {_NAME_ADVICE}'
    if kind == "literal_error":
        return keys, f'"{error["input"]}" is not one of {context["expected"]}'
    if kind == "union_tag_invalid":
        return (*keys, "backend"), f'"{context["tag"]}" is not one of {context["expected_tags"]}'
    if kind == "union_tag_not_found":
        return keys, '"backend" is missing; write backend = "torch" or "ttnn"'
    return keys, error["msg"].replace("Input should", f"{error['input']!r} should", 1)


def _written_keys(location: tuple[str | int, ...]) -> Keys:
    """Drop what pydantic adds to a location: the union's tag, and "[key]" for a bad key."""
    keys: list[str | int] = []
    for position, part in enumerate(location):
        if part == "[key]" or (position == 2 and location[0] == "devices" and part in ("torch", "ttnn")):
            continue
        keys.append(part)
    return tuple(keys)


def _known_keys(keys: Keys, data: dict[str, Any]) -> set[str]:
    match keys:
        case (_,):
            return set(ManifestFile.model_fields)
        case ("devices", str(name), _):
            is_torch = data["devices"][name]["backend"] == "torch"
            entry = TorchDeviceEntry if is_torch else TtnnDeviceEntry
            return {info.alias or field for field, info in entry.model_fields.items()}
        case ("models", _, _):
            return set(ModelEntry.model_fields)
        case ("models", _, "targets", _, _, _):
            return set(TestTargets.model_fields)
        case _:
            return set(Target.model_fields)


def _cross_check(data: dict[str, Any], folder: Path) -> Iterator[tuple[Keys, str]]:
    """What no single entry can tell: names that must exist elsewhere, files on disk."""
    devices = _table(data.get("devices"))
    for model, value in _table(data.get("models")).items():
        entry = _table(value)
        yield from _check_source(("models", model, "source"), entry.get("source"), folder)
        yield from _check_devices(("models", model, "devices"), entry.get("devices"), devices)
        for device in _table(entry.get("targets")):
            if device not in devices:
                keys = ("models", model, "targets", device)
                yield keys, f'unknown device "{device}"; {did_you_mean(device, devices)}'


def _check_source(keys: Keys, source: Any, folder: Path) -> Iterator[tuple[Keys, str]]:
    if isinstance(source, str) and source:
        try:
            parse_source(source, folder)
        except ValueError as error:
            yield keys, str(error)


def _check_devices(keys: Keys, names: Any, known: dict[str, Any]) -> Iterator[tuple[Keys, str]]:
    if not isinstance(names, list):
        return
    for index, name in enumerate(names):
        if isinstance(name, str) and name not in known:
            yield (*keys, index), f'unknown device "{name}"; {did_you_mean(name, known)}'
        elif name in names[:index]:
            yield (*keys, index), f'device "{name}" is listed twice'


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dotted(keys: Keys) -> str:
    return ".".join(str(key) for key in keys if not isinstance(key, int))
