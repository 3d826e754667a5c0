"""Where a model's tests are declared: a file, a name in a file, or a module."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ttci.errors import quoted

_FORMS = "path.py::Class, path.py or package.module:attr"
_MODULE = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<attribute>[A-Za-z_]\w*)")


@dataclass(frozen=True)
class Source:
    """``path.py::Class``, ``path.py`` or ``package.module:attr``, taken apart."""

    text: str
    folder: Path  # that it is relative to: the manifest's, or the working directory
    file: Path | None
    module: str | None
    attribute: str | None


def parse_source(text: str, folder: Path) -> Source:
    """Take `text` apart; a path is relative to `folder`.

    Raises:
        ValueError: saying what is wrong.
    """
    path, separator, attribute = text.partition("::")
    if separator or path.endswith(".py"):
        return _in_file(text, folder, path, attribute if separator else None)
    match = _MODULE.fullmatch(text)
    file, _, name = text.rpartition(":")
    if file.endswith(".py"):
        raise ValueError(f"{quoted(text)} is no source; write two colons, {quoted(f'{file}::{name}')}")
    if not match:
        raise ValueError(f"{quoted(text)} is no source; write {_FORMS}")
    return Source(text, folder, None, match["module"], match["attribute"])


def _in_file(text: str, folder: Path, path: str, attribute: str | None) -> Source:
    if attribute is not None and not attribute.isidentifier():
        raise ValueError(f"{quoted(attribute)} is not the name of a class; write path.py::Class")
    if not path.endswith(".py"):
        raise ValueError(f"{quoted(path)} is no Python file; write path.py::Class")
    file = folder / path
    if not _is_file(file):
        raise ValueError(f"there is no file {quoted(path)} in {folder.resolve()}")
    return Source(text, folder, file, None, attribute)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a null character
        return False
