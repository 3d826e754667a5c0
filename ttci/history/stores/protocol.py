"""A store of history: files of runs that nobody ever changes, in a folder or on a git branch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ttci.files import cache_folder


class Store(Protocol):
    """Files by name, as `ttci.history.record.file_name` makes them.

    Attributes:
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


def store_folder(store: Store) -> Path:
    """Where this machine keeps what it knows of a store; all but an ``outbox`` can be thrown away."""
    return cache_folder() / "history" / hashlib.sha256(store.key.encode()).hexdigest()[:16]
