"""Files that a report reads and writes: bounded, inside their folder, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ttci.errors import MachineryError, quoted

MOST_BYTES = 64 * 2**20  # of one file: a pair of 100,000 checks fits


def check_readable(path: Path, folder: Path, most_bytes: int = MOST_BYTES) -> int:
    """The size of `path` in bytes; raises MachineryError where it is not to be read.

    That is where it is larger than `most_bytes`, and where it lies outside `folder`: a link
    that leaves the folder would bring another run's results, or another file's text.
    """
    try:
        is_inside = path.resolve().is_relative_to(folder.resolve())
        size = path.stat().st_size
    except (OSError, RuntimeError) as error:  # RuntimeError: links that go in a circle, before 3.13
        raise MachineryError(f"{path}: cannot be read: {_reason(error)}") from None
    if not is_inside:
        raise MachineryError(f"{path}: leads out of {quoted(folder.name)}; it is not read")
    if size > most_bytes:
        raise MachineryError(
            f"{path}: {size / 2**20:.0f} MiB, and at most {most_bytes // 2**20} MiB are read of one file"
        )
    return size


def read_bounded(path: Path, folder: Path) -> bytes:
    """The content of `path`; raises MachineryError as `check_readable` does."""
    check_readable(path, folder)
    try:
        return path.read_bytes()
    except OSError as error:
        raise MachineryError(f"{path}: cannot be read: {_reason(error)}") from None


def write_whole(path: Path, parts: Iterable[bytes]) -> None:
    """Write `parts` to `path` one after the other, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.writelines(parts)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
