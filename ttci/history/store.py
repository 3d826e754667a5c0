"""A store of history: files of runs that nobody ever changes, in a folder or on a git branch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ttci.cache import cache_folder
from ttci.errors import InputError, quoted
from ttci.history import DEFAULT_BRANCH, SOURCE_HELP
from ttci.manifest import load_manifest


class Store(Protocol):
    """Files by name, as `ttci.history.record.file_name` makes them.

    source: as a user writes it, ``folder:PATH`` or ``branch:NAME``.
    notes: what is to be said of the store itself, such as a branch that was rewritten; grows.
    """

    source: str
    notes: list[str]

    @property
    def key(self) -> str:
        """The same for the same store on this machine, to keep an index under."""

    def names(self) -> list[str]:
        """Of every run's file, as the store is now, sorted.

        Raises:
            InputError: there is no such store, and cannot be one.
            MachineryError: it cannot be reached.
        """

    def names_as_last_fetched(self) -> list[str]:
        """As `names` last answered on this machine; for who goes on where that raises MachineryError."""

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The files of these names that are still there, each with its name, as last fetched.

        A torn file comes as it is: `ttci.history.record.decode` says what is wrong with it.
        """

    def change(self, add: Mapping[str, bytes], replace: Mapping[str, bytes], message: str) -> list[str]:
        """Add files and replace files in one change, whoever else does so at the same time.

        add: those whose names are there already are left as they are.
        replace: those whose names are no longer there are left out.
        Returns the names that were added or replaced.

        Raises:
            InputError: there is no such store, and cannot be one.
            MachineryError: it cannot be written; the text says what became of the files.
        """


def open_store(source: str, repository: Path) -> Store | None:
    """The store that `source` names; None where it is ``off``. Nothing is read yet.

    repository: a folder of the git repository whose remote holds the branch; a path is relative to it.

    Raises:
        InputError: `source` is none of the forms.
    """
    from ttci.history.branch_store import BranchStore
    from ttci.history.folder_store import FolderStore

    kind, _, rest = source.partition(":")
    if source == "off":
        return None
    if kind == "branch" and (rest or source == "branch"):
        return BranchStore(rest or DEFAULT_BRANCH, repository)
    if kind == "folder" and rest:
        return FolderStore(repository / Path(rest).expanduser())
    raise InputError(f"--history {quoted(source)}: not a history; write {SOURCE_HELP}")


def chosen_store(source: str | None, manifest: Path) -> Store | None:
    """The store of an option, else the manifest's; None where neither names one, or it is ``off``.

    manifest: its path; it need not be there.

    Raises:
        InputError: the source is none of the forms, or the manifest is wrong.
    """
    if source is not None:
        return open_store(source, Path.cwd())
    loaded = load_manifest(manifest) if manifest.exists() else None
    if loaded is None or loaded.history.store is None:
        return None
    return open_store(loaded.history.store, loaded.folder.absolute())


def store_folder(store: Store) -> Path:
    """Where this machine keeps what it knows of a store; all but an ``outbox`` can be thrown away."""
    return cache_folder() / "history" / hashlib.sha256(store.key.encode()).hexdigest()[:16]
