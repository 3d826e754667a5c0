"""The database of an index: a SQLite file in the cache, made anew where it is damaged or of another version.

It keeps SQLite's rollback journal, as the faster write-ahead log is not for caches on a
network's file system.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from ttci.errors import MachineryError
from ttci.files import plain_cache_errors
from ttci.history.index.tables import TABLES, VERSION

_WAIT_S = 60.0  # for another process's transaction
_PAGES = "PRAGMA cache_size = -65536"  # 64 MiB: a run touches a page of each of its series


class DamagedIndexError(MachineryError):
    """The index's file was damaged; it is thrown away, and the next `Index` is made anew."""


class Database:
    """A connection to the file of an index, whose errors are ours.

    Every method raises DamagedIndexError where the file turns out to be damaged, and
    MachineryError where it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with plain_cache_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):  # nobody throws away what another has just made
                self._connection = _opened(path)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """All that a query finds."""
        with self._checked():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def cursor(self, query: str, values: Sequence[Any]) -> Iterator[sqlite3.Cursor]:
        """What a query finds, to be fetched inside this block."""
        with self._checked():
            yield self._connection.execute(query, values)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection, to write to; all of it is kept at the end, or nothing where that raises."""
        with self._checked():
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                yield self._connection

    @contextmanager
    def _checked(self) -> Iterator[None]:
        """Throw the index away where it is damaged, and say so; not where another process holds it."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise MachineryError(f"the index {self._path}: {error}; it can be deleted at any time") from None
        except sqlite3.DatabaseError as error:
            self.close()
            _remove(self._path)
            what = f"the index {self._path} was damaged ({error}) and is thrown away"
            raise DamagedIndexError(f"{what}; run the command again, which makes it anew") from None


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _connected(path) or _made_anew(path)
    except sqlite3.Error as error:
        raise MachineryError(f"the index {path}: {error}; it can be deleted at any time") from None


def _connected(path: Path) -> sqlite3.Connection | None:
    """A connection to an index of this version; None where there is no such file, or it is something else."""
    connection = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(_PAGES)
        connection.execute("PRAGMA synchronous = NORMAL")
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    except sqlite3.OperationalError:
        connection.close()
        raise
    except sqlite3.DatabaseError:  # torn, or no database
        version, names = None, set()
    if version == VERSION and "points" in names:
        return connection
    connection.close()
    return None


def _made_anew(path: Path) -> sqlite3.Connection:
    _remove(path)
    connection = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
    connection.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
    connection.close()
    made = _connected(path)
    if made is None:
        raise MachineryError(f"the index {path} could not be made")
    return made


def _remove(path: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
