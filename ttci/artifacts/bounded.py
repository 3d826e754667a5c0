"""Files that a report reads: bounded, and inside their folder."""

from __future__ import annotations

from pathlib import Path

from ttci.errors import MachineryError, quoted

MOST_BYTES = 64 * 2**20  # of one file: a pair of 100,000 checks fits


def check_readable(path: Path, folder: Path, most_bytes: int = MOST_BYTES) -> int:
    """The size of `path` in bytes.

    That is where it is larger than `most_bytes`, and where it lies outside `folder`: a link
    that leaves the folder would bring another run's results, or another file's text.

    Raises:
        MachineryError: where it is not to be read.
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
    """The content of `path`.

    Raises:
        MachineryError: as `check_readable` does.
    """
    check_readable(path, folder)
    try:
        return path.read_bytes()
    except OSError as error:
        raise MachineryError(f"{path}: cannot be read: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
