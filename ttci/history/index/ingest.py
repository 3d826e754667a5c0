"""Files of a store into the tables of its index: what is wrong with one is kept beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from ttci.errors import MachineryError
from ttci.history.index.tables import Writer, to_microseconds
from ttci.history.record import decode, id_in, run_id
from ttci.results import Run

_NOTHING = "it is empty or cannot be read"


def read_files(connection: sqlite3.Connection, files: Iterable[tuple[str, bytes]]) -> None:
    """Add files that are new, or were bad when they were last read, within a transaction of the caller's."""
    writer = Writer(connection)
    for name, content in files:
        done = "SELECT 1 FROM files WHERE name = ? AND (problem IS NULL OR same_as IS NOT NULL)"
        if connection.execute(done, [name]).fetchone():
            continue  # another process was here first
        connection.execute("SAVEPOINT file")
        try:
            problem, same_as = _read(connection, writer, name, content)
        except (MachineryError, ValueError, OverflowError) as error:  # ValueError: halves of characters
            connection.execute("ROLLBACK TO file")
            writer = Writer(connection)
            problem, same_as = str(error).removeprefix(f"{name}: "), None
        connection.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", [name, problem, same_as])
        connection.execute("RELEASE file")


def _read(
    connection: sqlite3.Connection, writer: Writer, name: str, content: bytes
) -> tuple[str | None, str | None]:
    """Why the file is left out, and which other holds the same run; None, None where it is not."""
    if not content:
        return _NOTHING, None
    run = decode(content, name)
    if run.finished is None:
        return "the run did not end, so that its figures may be those of a crash", None
    identifier, same_as = _identified(connection, run, name)
    if same_as:
        return f"the same run as {same_as}", same_as
    writer.add(run, identifier, name)
    return None, None


def _identified(connection: sqlite3.Connection, run: Run, name: str) -> tuple[str, str | None]:
    """The run's id, and the file of the same run where there is one.

    The name tells the id, which takes as long to make as all else. It is made where another
    run has it, or began at the same moment: one of the two may be a copy under a false name.
    """
    rival = connection.execute(
        "SELECT 1 FROM runs WHERE started = ? AND pair = (SELECT id FROM strings WHERE text = ?)",
        [to_microseconds(run.started), run.pair],
    ).fetchone()
    if not rival and not _file_of(connection, id_in(name)):
        return id_in(name), None
    identifier = run_id(run)
    return identifier, _file_of(connection, identifier)


def _file_of(connection: sqlite3.Connection, identifier: str) -> str | None:
    found = connection.execute("SELECT file FROM runs WHERE run_id = ?", [identifier]).fetchone()
    return found[0] if found else None
