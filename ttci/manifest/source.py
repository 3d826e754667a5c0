"""Where a model's tests are declared: a file, a name in a file, or a module."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_MODULE = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<attribute>[A-Za-z_]\w*)")


@dataclass(frozen=True)
class Source:
    """``path.py::Class``, ``path.py`` or ``package.module:attr``, taken apart."""

    text: str
    file: Path | None
    module: str | None
    attribute: str | None


def parse_source(text: str, folder: Path) -> Source:
    """Take `text` apart; a path is relative to `folder`. Raises ValueError saying what is wrong."""
    path, separator, attribute = text.partition("::")
    if separator or path.endswith(".py"):
        if attribute and not attribute.isidentifier():
            raise ValueError(f'"{attribute}" is not the name of a class; write path.py::Class')
        file = folder / path
        if not file.is_file():
            raise ValueError(f'there is no file "{path}" in {folder}')
        return Source(text, file, None, attribute or None)
    match = _MODULE.fullmatch(text)
    if not match:
        raise ValueError(f'"{text}" is no source; write path.py::Class, path.py or package.module:attr')
    return Source(text, None, match["module"], match["attribute"])
