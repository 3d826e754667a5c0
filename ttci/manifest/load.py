"""Read a manifest: every mistake of the file in one go, each with its line."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import tomli
from pydantic import ValidationError

from ttci.errors import InputError, Mistake
from ttci.manifest.cross_check import cross_check
from ttci.manifest.device_entries import DeviceEntry
from ttci.manifest.lines import KeyLines, Keys, dotted
from ttci.manifest.schema import (
    EnvironmentEntry,
    HistoryEntry,
    ManifestFile,
    ModelEntry,
    parse_manifest,
)
from ttci.manifest.source import Source, parse_source

DEFAULT_PATH = Path("models_manifest.toml")
_LARGEST_FILE_BYTES = 1 << 20
_MOST_DOTS = 1000  # on a line


@dataclass(frozen=True)
class Manifest:
    """The models and devices of a checked manifest file."""

    path: Path
    text: str = field(repr=False)
    devices: dict[str, DeviceEntry]
    models: dict[str, ModelEntry]
    history: HistoryEntry = field(default_factory=HistoryEntry.model_construct)
    environment: EnvironmentEntry = field(default_factory=EnvironmentEntry.model_construct)

    @property
    def folder(self) -> Path:
        """What the paths in the manifest are relative to."""
        return self.path.parent

    def source(self, model: str) -> Source:
        """Where `model`'s tests are declared."""
        return parse_source(self.models[model].source, self.folder)

    def requirements(self, device: str) -> tuple[str, ...]:
        """What is installed for models on `device`, in lines as of a requirements file."""
        return (*self.environment.requirements, *self.devices[device].requirements)

    def line_of(self, *keys: str) -> int | None:
        """The line on which a key of the manifest stands."""
        return self._lines.line_of(keys)

    def mistake(self, keys: Keys, what: str) -> Mistake:
        """Something wrong at a key of the manifest."""
        return Mistake(str(self.path), self._lines.line_of(keys), f"{dotted(keys)}: {what}")

    def doubts(self, models: Collection[str]) -> Iterator[Mistake]:
        """What the targets of these models say and hardly mean; nothing of it is wrong."""
        for model in models:
            for device, targets in self.models[model].targets.items():
                for test, entry in targets.items():
                    for metric, what in entry.doubts():
                        yield self.mistake(("models", model, "targets", device, test, metric), what)

    @cached_property
    def _lines(self) -> KeyLines:
        return KeyLines(self.text)


def nearest_manifest() -> Path:
    """The manifest of the working directory, else of the nearest folder above it that has one.

    Relative to the working directory; `DEFAULT_PATH` where there is none.
    """
    here = Path.cwd()
    folders = (folder for folder in (here, *here.parents) if (folder / DEFAULT_PATH).is_file())
    return Path(os.path.relpath(next(folders, here) / DEFAULT_PATH))


def load_manifest(path: Path | None = None) -> Manifest:
    """Read and check the manifest at `path`, the nearest one where None.

    Raises:
        InputError: with all that is wrong.
    """
    path = path or nearest_manifest()
    return check_manifest(path, _read(path))


def check_manifest(path: Path, text: str) -> Manifest:
    """Check `text` as what stands, or will, in the manifest at `path`.

    Raises:
        InputError: with all that is wrong.
    """
    return _loaded(path, Path() if path.is_absolute() else Path.cwd(), text)


@lru_cache(maxsize=8)
def _loaded(path: Path, _from: Path, text: str) -> Manifest:
    """Checked once a process, however many of its parts ask for the same text."""
    try:
        return _checked(path, text, _parse(path, text))
    except RecursionError:
        raise InputError(Mistake(str(path), None, "its keys or values are nested too deeply")) from None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_FILE_BYTES + 1)
    except OSError as error:
        advice = "name one with --manifest PATH, or write one: ttci init"
        raise InputError(Mistake(str(path), None, f"{error.strerror}; {advice}")) from None
    if len(raw) > _LARGEST_FILE_BYTES:
        what = f"larger than a manifest may be, {_LARGEST_FILE_BYTES:,} bytes"
        raise InputError(Mistake(str(path), None, what))
    raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        what = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise InputError(Mistake(str(path), line, what)) from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        raise RecursionError("dotted keys, on which the TOML reader takes quadratic time")
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise InputError(
            _repeated_keys(path, text, str(error)) or _not_toml(path, text, str(error))
        ) from None
    except ValueError as error:  # an integer of more digits than Python converts
        raise InputError(Mistake(str(path), None, f"not TOML: {error}".partition(";")[0])) from None


def _repeated_keys(path: Path, text: str, message: str) -> list[Mistake]:
    """Every key that is written twice, where this is what the TOML reader stumbled on."""
    if not message.startswith(("Cannot declare", "Cannot overwrite", "Cannot mutate", "Duplicate")):
        return []
    return [
        Mistake(str(path), line, f"{dotted(keys)}: written twice, before on line {before}")
        for keys, line, before in KeyLines(text).repeated()
    ]


def _not_toml(path: Path, text: str, message: str) -> list[Mistake]:
    position = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    line = int(position[1]) if position else text.rstrip().count("\n") + 1
    what = message[: position.start()] if position else message.removesuffix(" (at end of document)")
    return [Mistake(str(path), line, f"not TOML: {what}")]


def _checked(path: Path, text: str, data: dict[str, Any]) -> Manifest:
    found: list[tuple[Keys, str]] = []
    try:
        parsed = parse_manifest(data)
    except ValidationError as error:
        from ttci.manifest.explain import explain

        parsed = ManifestFile()
        found += [mistake for details in error.errors() for mistake in explain(dict(details), data)]
    found += cross_check(data, path.parent)
    if found:
        lines = KeyLines(text)
        mistakes = [
            Mistake(str(path), lines.line_of(keys), f"{dotted(keys)}: {what}") for keys, what in found
        ]
        raise InputError(sorted(mistakes, key=lambda mistake: mistake.line or 0))
    return Manifest(path, text, parsed.devices, parsed.models, parsed.history, parsed.environment)
