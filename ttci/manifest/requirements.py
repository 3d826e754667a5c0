"""The requirements of models: lines as in a requirements file, which pip reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ttci.errors import quoted
from ttci.manifest.lines import Keys

# Options whose value is a file or a folder.
_OF_FILES = ("-r", "--requirement", "-c", "--constraint")
_OF_FOLDERS = ("-e", "--editable")
_MAKE_A_PACKAGE = ("pyproject.toml", "setup.py")


def as_pip_arguments(lines: Sequence[str]) -> list[str]:
    """What ``pip install`` takes for `lines`: an option and its value are two arguments."""
    return [part for line in lines for part in _parts(line)]


def _parts(line: str) -> list[str]:
    return line.split(maxsplit=1) if line.startswith("-") else [line]


def files_named(lines: Sequence[str], folder: Path) -> Iterator[Path]:
    """The files that `lines` name with ``-r`` and ``-c``, and those that the files name in turn.

    Args:
        lines: of a manifest, or of a requirements file.
        folder: what their paths are relative to.
    """
    waiting, seen = [path for path, _ in _named(lines, folder, _OF_FILES)], set[Path]()
    while waiting:
        path = waiting.pop(0)
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        yield path
        text = path.read_text(encoding="utf-8", errors="replace")
        waiting += [path for path, _ in _named(text.splitlines(), path.parent, _OF_FILES)]


def local_packages(lines: Sequence[str], folder: Path) -> list[Path]:
    """The folders that `lines` install as packages: ``.`` and ``-e ./other``."""
    named = [path for path, _ in _named(lines, folder, _OF_FOLDERS)]
    plain = [folder / _without_extras(line) for line in lines if _is_path(line)]
    return [path for path in (*named, *plain) if path.is_dir()]


def requirement_mistakes(keys: Keys, table: Mapping[str, Any], folder: Path) -> Iterator[tuple[Keys, str]]:
    """What is wrong with the requirements of a table of a manifest, as far as files on disk tell."""
    lines = table.get("requirements")
    for index, line in enumerate(lines if isinstance(lines, list) else []):
        if isinstance(line, str) and line:
            yield from (((*keys, "requirements", index), what) for what in _mistakes(line.strip(), folder))


def _mistakes(line: str, folder: Path) -> Iterator[str]:
    if line in (*_OF_FILES, *_OF_FOLDERS):
        yield f"{quoted(line)} names nothing; write {quoted(f'{line} NAME')}"
    for path, name in _named([line], folder, _OF_FILES):
        if not path.is_file():
            yield f"there is no file {quoted(name)} in {folder.resolve()}"
    places = [*_named([line], folder, _OF_FOLDERS)]
    places += [(folder / _without_extras(line), line)] if _is_path(line) else []
    for path, name in places:
        if "://" in name or path.is_file():
            continue
        if not any((path / file).is_file() for file in _MAKE_A_PACKAGE):
            yield f"{quoted(name)} is no package: it has no pyproject.toml; leave it out, or add one"


def _named(lines: Sequence[str], folder: Path, options: tuple[str, ...]) -> list[tuple[Path, str]]:
    """The paths that are values of these options, each with how it is written."""
    found = []
    for line in lines:
        option, separator, value = line.strip().replace("=", " ", 1).partition(" ")
        if separator and option in options:
            name = value.partition(" #")[0].strip()
            found.append((folder / _without_extras(name), name))
    return found


def _is_path(line: str) -> bool:
    """Whether a line is a path, as pip sees it: with a dot or a slash at its begin."""
    return line.startswith((".", "/"))


def _without_extras(line: str) -> str:
    return re.sub(r"\[.*", "", line).strip()
