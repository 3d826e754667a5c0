"""A history in a folder, which may be shared."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ttci.errors import MachineryError
from ttci.files import write_whole
from ttci.history.record import MOST_BYTES, is_file_name


class FolderStore:
    """A file a run below ``runs/``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self.source = f"folder:{folder}"
        self.key = f"folder:{self._folder}"
        self.notes: list[str] = []

    def names(self) -> list[str]:
        """Of every run's file, sorted."""
        with self._explained("read"):
            return sorted(filter(is_file_name, self._files("runs", depth=3)))

    def names_as_last_fetched(self) -> list[str]:
        """The same: nothing is fetched."""
        return self.names()

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The files of these names that are still there; what cannot be read comes as a torn file does."""
        for name in names:
            try:
                with (self._folder / name).open("rb") as file:
                    yield name, file.read(MOST_BYTES + 1)
            except FileNotFoundError:
                continue
            except OSError:
                yield name, b""

    def change(self, add: Mapping[str, bytes], replace: Mapping[str, bytes], message: str) -> list[str]:  # noqa: ARG002
        """Add and replace files, each whole or not at all; returns the names of those."""
        with self._explained("written"):
            new = [name for name in add if not (self._folder / name).exists()]
            old = [name for name in replace if (self._folder / name).exists()]
            for name, content in [*((name, add[name]) for name in new), *((n, replace[n]) for n in old)]:
                path = self._folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, [content])
        return new + old

    def _files(self, name: str, depth: int) -> Iterator[str]:
        """The files `depth` folders below a folder, as names in the store."""
        try:
            entries = list(os.scandir(self._folder / name))
        except FileNotFoundError:
            return
        for entry in entries:
            if depth > 1 and entry.is_dir(follow_symlinks=False):
                yield from self._files(f"{name}/{entry.name}", depth - 1)
            elif depth == 1 and entry.is_file(follow_symlinks=False):
                yield f"{name}/{entry.name}"

    @contextmanager
    def _explained(self, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno == errno.ENOTDIR and not self._folder.is_dir():
                raise MachineryError(f"{self.source}: not a folder") from None
            where = error.filename or self._folder
            raise MachineryError(
                f"{self.source}: {where} cannot be {done}: {error.strerror or error}"
            ) from None
