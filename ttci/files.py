"""Files that are written whole or not at all, the cache that holds some, and output of any text."""

from __future__ import annotations

import errno
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ttci.errors import MachineryError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


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


def cache_folder() -> Path:
    """Where ttci keeps what it makes or downloads: ``TTCI_CACHE``, else the user's cache."""
    from platformdirs import user_cache_path  # most commands start without it

    return Path(os.environ.get("TTCI_CACHE") or user_cache_path("ttci"))


@contextmanager
def made_whole(path: Path) -> Iterator[Path]:
    """A place to make `path` in, which is there whole or not at all; for the holder of its lock alone."""
    prefix = f".{path.name}."
    for left_over in path.parent.glob(f"{prefix}*"):  # of a process that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=prefix) as scratch:
        made = Path(scratch) / path.name
        yield made
        made.rename(path)


@contextmanager
def plain_cache_errors(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses inside this block into a MachineryError about `folder`."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            what = (
                f"there is no room left in the cache {folder}; free some, or set TTCI_CACHE to another folder"
            )
        else:
            why = error.strerror or str(error)
            what = f"the cache {folder} cannot be written: {why}; set TTCI_CACHE to another folder"
        raise MachineryError(what) from None
