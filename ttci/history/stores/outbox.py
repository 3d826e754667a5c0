"""Runs that are not yet in the history: kept on this machine until a push takes them along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ttci.files import plain_cache_errors, write_whole
from ttci.history.record import is_file_name


class Outbox:
    """Files below a folder, named as in the store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Keep these files too."""
        with plain_cache_errors(self.folder):
            for name, content in files.items():
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, [content])

    def files(self) -> dict[str, bytes]:
        """Everything that is kept."""
        with plain_cache_errors(self.folder):
            paths = {path.relative_to(self.folder).as_posix(): path for path in self.folder.rglob("*.json")}
            return {name: paths[name].read_bytes() for name in sorted(filter(is_file_name, paths))}

    def drop(self, names: Iterable[str]) -> None:
        """They have arrived."""
        with plain_cache_errors(self.folder):
            for name in names:
                (self.folder / name).unlink(missing_ok=True)
