"""Which files of the repository a model's file imports, and which installed packages.

The files are parsed and not run: torch need not be here. An import whose name is only known when the
code runs (``importlib.import_module(name)``) is not seen.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ttci.source_code.folders import package_of

# What ttci brings along on every device that it knows.
_BROUGHT_ALONG = frozenset({"numpy", "pytest", "torch", "ttci", "ttnn"})


@dataclass(frozen=True)
class ImportedName:
    """One name of an import statement.

    Attributes:
        level: how many dots stand before it.
        line: where it stands.
    """

    name: str
    level: int
    line: int


@dataclass
class Imports:
    """What a file imports, directly or through other files of the repository.

    Attributes:
        files: of the repository, the file itself included.
        packages: by name, the file and line that import it first: neither of the repository nor of Python.
    """

    files: set[Path] = field(default_factory=set)
    packages: dict[str, tuple[Path, int]] = field(default_factory=dict)


def imports_of(file: Path, folders: Iterable[Path]) -> Imports:
    """What `file` imports.

    Args:
        file: a Python file.
        folders: where it finds modules of the repository, beside its own folder and its package's.
    """
    package = package_of(file)
    own = [file.parent, *([package.parent] if package else [])]
    path = tuple(dict.fromkeys([*own, *folders]))
    found, waiting = Imports(), [file]
    while waiting:
        current = waiting.pop()
        if current in found.files:
            continue
        found.files.add(current)
        for entry in imported_names(current):
            targets = [*_files_of(entry, current, path)]
            waiting += targets
            if not targets and entry.level == 0 and _is_of_others(entry.name):
                found.packages.setdefault(entry.name.partition(".")[0], (current, entry.line))
    return found


def module_file(name: str, folders: Iterable[Path]) -> Path | None:
    """The file of a module, ``package.module``, in the first of `folders` that has it."""
    parts = name.split(".")
    for folder in folders:
        place = folder.joinpath(*parts)
        for candidate in (place.with_suffix(".py"), place / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def imported_names(file: Path) -> tuple[ImportedName, ...]:
    """The names that a file imports; none where it is no Python."""
    try:
        return _names_of(file.read_bytes())
    except OSError:
        return ()


@cache
def _names_of(text: bytes) -> tuple[ImportedName, ...]:
    """By what a file says: many models import the same ones."""
    try:
        return tuple(_names_in(ast.parse(text)))
    except (SyntaxError, ValueError):
        return ()


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Every statement below a node; expressions, which are most of a file, hold none."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, block, ()):
            if isinstance(child, ast.stmt):
                yield child
            yield from _statements(child)


def _names_in(tree: ast.Module) -> Iterator[ImportedName]:
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            yield from (ImportedName(alias.name, 0, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            yield ImportedName(base, node.level, node.lineno)
            for alias in node.names:  # each may be a module, or a name in one
                name = f"{base}.{alias.name}" if base else alias.name
                yield ImportedName(name, node.level, node.lineno)


def _files_of(entry: ImportedName, importer: Path, path: tuple[Path, ...]) -> Iterator[Path]:
    """The files that an import runs: the module and the packages around it."""
    parts = [part for part in entry.name.split(".") if part]
    folders = (importer.parents[entry.level - 1],) if entry.level else path
    for folder in folders:
        found = [*_modules_along(folder, parts)]
        if found:
            yield from found
            return


def _modules_along(folder: Path, parts: list[str]) -> Iterator[Path]:
    for count in range(len(parts) + 1):
        place = folder.joinpath(*parts[:count])
        for candidate in (place.with_suffix(".py") if count else None, place / "__init__.py"):
            # A folder of the search path is no package of what is found in it.
            if candidate and (count or not parts) and candidate.is_file():
                yield candidate


def _is_of_others(name: str) -> bool:
    top = name.partition(".")[0]
    return bool(top) and top not in sys.stdlib_module_names and top not in _BROUGHT_ALONG
