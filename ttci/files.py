"""Files that are written whole or not at all, and output, each of any text."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, parts: Iterable[bytes | str]) -> None:
    """Write `parts` to `path` one after the other, whole or not at all; any text, in UTF-8."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.writelines(_encoded(part) for part in parts)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _encoded(part: bytes | str) -> bytes:
    return part if isinstance(part, bytes) else part.encode(errors="backslashreplace")


def print_any_text() -> None:
    r"""From now on what the encoding of the output cannot say is spelled out: ``gr\xf6\xdfe`` in ASCII."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
