"""Files of other tools: found, bounded, decoded."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ttci.errors import MachineryError

_MOST_BYTES = 256 * 2**20
_NOTHING = re.compile(r"\s*")
_MARKS = (  # the longer ones first: UTF-32's begins as UTF-16's does
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def files_of(path: Path, is_wanted: Callable[[Path], bool]) -> list[Path]:
    """`path` where it is a file, else the wanted files below it, sorted."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if is_wanted(file) and file.is_file())
    return [path]


def read_text(path: Path) -> str:
    """The text of a file: UTF-8, or what its byte order mark says.

    Raises:
        MachineryError: it cannot be read, is too large, or no text.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise MachineryError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > _MOST_BYTES:
        raise MachineryError(f"{path}: larger than {_MOST_BYTES // 2**20} MiB, the most that is read")
    encoding = next((encoding for mark, encoding in _MARKS if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise MachineryError(f"{path}: byte {error.start} is not {encoding.upper()}") from None


def parse_json(path: Path, text: str, begin: int = 0, rest: re.Pattern[str] = _NOTHING) -> Any:
    """The JSON that `text` holds from `begin` on; only `rest` may follow it.

    Raises:
        MachineryError: it is not JSON; the text says on which line.
    """
    try:
        value, end = json.JSONDecoder().raw_decode(text, begin)
    except json.JSONDecodeError as error:
        torn = "; the file ends there: it is torn" if error.pos >= len(text.rstrip()) else ""
        raise MachineryError(f"{path}:{error.lineno}: not JSON: {error.msg}{torn}") from None
    except RecursionError:
        raise MachineryError(f"{path}: not read: it is nested too deeply") from None
    except ValueError as error:  # a number of more digits than Python converts
        raise MachineryError(f"{path}: not JSON: {error}".partition(";")[0]) from None
    if not rest.fullmatch(text, end):
        line = text.count("\n", 0, end) + 1
        raise MachineryError(f"{path}:{line}: not JSON: more text follows its end")
    return value
