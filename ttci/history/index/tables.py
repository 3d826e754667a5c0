"""The tables of the index, and how a run is put into them and taken out."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta, timezone

from ttci.history.comparability import versions_of
from ttci.history.series import Figure, Series, branch_of, commit_of, figures_of, host_of, in_utc
from ttci.results import SCHEMA, Run

# Of these tables, and of run.json: a file that an older ttci could not read is read again by a newer one.
VERSION = 100 * 3 + SCHEMA

# A line is what can be drawn and compared: a series under the same conditions. The points of one,
# of one branch, lie beside each other in the order of time, so that a window is read from one place.
TABLES = """
CREATE TABLE strings (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE files (
    name TEXT PRIMARY KEY,
    problem TEXT,    -- why its run is left out
    same_as TEXT     -- the file that holds the same run
) WITHOUT ROWID;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    file TEXT NOT NULL UNIQUE,
    pair INTEGER NOT NULL,
    started INTEGER NOT NULL,    -- microseconds since 1970, UTC
    branch INTEGER NOT NULL,
    commit_hash INTEGER NOT NULL,
    host INTEGER NOT NULL,
    versions INTEGER NOT NULL,
    base INTEGER NOT NULL,    -- the commit it was measured beside
    figures INTEGER NOT NULL    -- how many it has
);
CREATE INDEX runs_by_time ON runs (started);
CREATE INDEX runs_by_branch ON runs (pair, branch, started);
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    pair INTEGER NOT NULL,
    identity TEXT NOT NULL,
    metric TEXT NOT NULL,
    unit TEXT NOT NULL,
    direction TEXT NOT NULL,
    UNIQUE (identity, metric, unit, direction)
);
CREATE INDEX series_by_pair ON series (pair);
CREATE TABLE lines (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL,
    conditions INTEGER NOT NULL,
    UNIQUE (series, conditions)
);
CREATE TABLE points (
    line INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    started INTEGER NOT NULL,
    run INTEGER NOT NULL,
    value REAL NOT NULL,
    target REAL,
    reruns TEXT,
    beside_base TEXT,    -- its ratio to the base's
    PRIMARY KEY (line, branch, started, run)
) WITHOUT ROWID;
CREATE INDEX points_by_run ON points (run);
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def to_microseconds(time: datetime) -> int:
    """As the index keeps a time."""
    return (in_utc(time) - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(count: int) -> datetime:
    """The time of `to_microseconds`."""
    return _EPOCH + timedelta(microseconds=count)


class Writer:
    """Puts runs into the tables, within a transaction of the caller's.

    It remembers numbers that it gave or read: after a transaction that was rolled back, make a new one.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._strings: dict[str, int] = {}
        self._lines: dict[str, dict[tuple[Series, str], int]] = {}  # by pair

    def add(self, run: Run, run_id: str, file: str) -> None:
        """Add a recorded run, of which the index has no other with this id."""
        figures = list(figures_of(run))
        started, branch = to_microseconds(run.started), self._string(branch_of(run) or "")
        columns = (
            *(run_id, file, self._string(run.pair), started, branch),
            *map(self._string, (commit_of(run) or "", host_of(run), versions_of(run), run.base or "")),
            len(figures),
        )
        number = self._connection.execute(
            "INSERT INTO runs (run_id, file, pair, started, branch, commit_hash, host, versions, base, "
            "figures) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            columns,
        ).lastrowid
        lines = self._lines_of(run.pair)
        rows = [
            (
                lines.get((figure.series, figure.conditions)) or self._new_line(run.pair, figure),
                *(branch, started, number, figure.value, figure.target),
                json.dumps(figure.reruns) if figure.reruns else None,
                figure.beside_base.model_dump_json() if figure.beside_base else None,
            )
            for figure in figures
        ]
        self._connection.executemany("INSERT OR IGNORE INTO points VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def _lines_of(self, pair: str) -> dict[tuple[Series, str], int]:
        """The lines of a pair that are known, read at once: a run has one of most of them."""
        if pair not in self._lines:
            rows = self._connection.execute(
                "SELECT identity, metric, unit, direction, text, lines.id FROM series "
                "JOIN lines ON lines.series = series.id JOIN strings ON strings.id = conditions "
                "WHERE pair = ?",
                [self._string(pair)],
            )
            self._lines[pair] = {(Series(*row[:4]), row[4]): row[5] for row in rows}
        return self._lines[pair]

    def _new_line(self, pair: str, figure: Figure) -> int:
        series = figure.series
        key = (series.identity, series.metric, series.unit, series.direction)
        self._connection.execute(
            "INSERT OR IGNORE INTO series (pair, identity, metric, unit, direction) VALUES (?, ?, ?, ?, ?)",
            (self._string(pair), *key),
        )
        (number,) = self._connection.execute(
            "SELECT id FROM series WHERE (identity, metric, unit, direction) = (?, ?, ?, ?)", key
        ).fetchone()
        line = self._connection.execute(
            "INSERT INTO lines (series, conditions) VALUES (?, ?)",
            (number, self._string(figure.conditions)),
        ).lastrowid
        assert line is not None
        self._lines[pair][series, figure.conditions] = line
        return line

    def _string(self, text: str) -> int:
        if text not in self._strings:
            self._connection.execute("INSERT OR IGNORE INTO strings (text) VALUES (?)", [text])
            found = self._connection.execute("SELECT id FROM strings WHERE text = ?", [text]).fetchone()
            self._strings[text] = found[0]
        return self._strings[text]


def remove_file(connection: sqlite3.Connection, name: str) -> None:
    """Take out a file that is gone, with its run; another that holds the same run is then new."""
    for (number,) in connection.execute("SELECT id FROM runs WHERE file = ?", [name]).fetchall():
        connection.execute("DELETE FROM points WHERE run = ?", [number])
        connection.execute("DELETE FROM runs WHERE id = ?", [number])
    connection.execute("DELETE FROM files WHERE name = ? OR same_as = ?", [name, name])
