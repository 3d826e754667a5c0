"""An index of a store: answers that would need every file of it.

It is made from the files alone and kept in the cache: `update` reads those that are new,
drops those that are gone, and looks again at bad ones, which somebody may have repaired.
Whoever deletes it loses time only. Several processes may use it at once.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ttci.errors import MachineryError
from ttci.history.add import MOST_AHEAD
from ttci.history.index.database import DamagedIndexError, Database
from ttci.history.index.ingest import read_files
from ttci.history.index.stored_run import RUNS, StoredRun, run_of
from ttci.history.index.tables import remove_file, to_microseconds
from ttci.history.series import Point, Series
from ttci.history.stores.protocol import Store, store_folder

_BATCH = 64  # files a transaction: others wait no longer
_MOST_BAD = 200  # files that are read again each time


class Index:
    """The runs, series and points of a store.

    Every method raises DamagedIndexError where the file turns out to be damaged, and
    MachineryError where it cannot be used.

    Attributes:
        source: of the store, as a user writes it.
        path: the index's file.
    """

    def __init__(self, source: str, path: Path) -> None:
        self.source = source
        self.path = path
        self._store_notes: list[str] = []
        self._database = Database(path)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(self, store: Store, names: Iterable[str]) -> None:
        """Read those files of `store` that are new or were bad, and drop what is of files that are gone.

        Args:
            store: that the index is of.
            names: of every file that the store holds.
        """
        self._store_notes = store.notes
        there = set(names)
        gone = {name for (name,) in self._database.rows("SELECT name FROM files")} - there
        if gone:
            with self._database.transaction() as connection:
                for name in sorted(gone):
                    remove_file(connection, name)
        new = sorted(there - self._not_to_read())
        for start in range(0, len(new), _BATCH):
            batch = list(store.read(new[start : start + _BATCH]))
            with self._database.transaction() as connection:
                read_files(connection, batch)

    def _not_to_read(self) -> set[str]:
        """The files that are known, without the newest bad ones."""
        known = {name for (name,) in self._database.rows("SELECT name FROM files")}
        bad = self._database.rows("SELECT name FROM files WHERE problem IS NOT NULL AND same_as IS NULL")
        newest_first = sorted(
            (name for (name,) in bad), key=lambda name: name.rpartition("/")[2], reverse=True
        )
        return known - set(newest_first[:_MOST_BAD])

    def notes(self, now: datetime | None = None) -> list[str]:
        """What is to be said of the store, and of files that are left out, a sentence each."""
        rows = self._database.rows("SELECT name, problem FROM files WHERE problem IS NOT NULL ORDER BY name")
        limit = _latest(now)
        ahead = self._database.rows(f"{RUNS} WHERE started > ? ORDER BY file", [limit])
        notes = {name: f"{name}: left out: {problem}" for name, problem in rows}
        for run in map(run_of, ahead):
            what = f"its clock was ahead: it says {run.started:%Y-%m-%d %H:%M} UTC; it is no baseline"
            notes[run.file] = f"{run.file}: {what}"
        return [*self._store_notes, *(notes[name] for name in sorted(notes))]

    def pairs(self, patterns: Iterable[str] = ()) -> list[str]:
        """The pairs of which there are runs, sorted; those that match a glob, all where there is none."""
        rows = self._database.rows(
            "SELECT text FROM strings WHERE EXISTS (SELECT 1 FROM runs WHERE pair = strings.id) ORDER BY text"
        )
        wanted = list(patterns) or ["*"]
        return [pair for (pair,) in rows if any(fnmatch.fnmatchcase(pair, glob) for glob in wanted)]

    def is_empty(self) -> bool:
        """Whether there is no run."""
        return not self._database.rows("SELECT 1 FROM runs LIMIT 1")

    def runs(self, pairs: Sequence[str] | None = None, most: int = -1) -> list[StoredRun]:
        """The newest runs, newest first; of these pairs, of all where None; every one where `most` is -1."""
        among = "" if pairs is None else f"WHERE pairs.text IN ({', '.join('?' * len(pairs))}) "
        return self._runs(f"{among}ORDER BY started DESC, run_id LIMIT ?", *(pairs or ()), most)

    def runs_with_id(self, prefix: str) -> list[StoredRun]:
        """The runs whose id begins so; at most three of them, which is enough to say that it is not one."""
        return self._runs("WHERE run_id >= ? AND run_id < ? ORDER BY run_id LIMIT 3", prefix, f"{prefix}\x7f")

    def runs_on(
        self, pair: str, branch: str | None, before: datetime, most: int, commit: str | None = None
    ) -> list[StoredRun]:
        """The newest `most` runs of a pair and branch that started before a time, newest first.

        Those with a clock ahead of ours are left out. commit: of this one only.
        """
        limit = min(to_microseconds(before), _latest(None))
        of_commit = "" if commit is None else "AND commits.text = ? "
        return self._runs(
            f"WHERE pair = ({_ID}) AND branch = ({_ID}) AND started < ? {of_commit}"
            "ORDER BY started DESC, run_id LIMIT ?",
            *(pair, branch or "", limit),
            *(() if commit is None else (commit,)),
            most,
        )

    def series(self, pairs: Iterable[str]) -> list[Series]:
        """Every series of these pairs, sorted."""
        found: list[Series] = []
        for pair in pairs:
            rows = self._database.rows(
                f"SELECT identity, metric, unit, direction FROM series WHERE pair = ({_ID}) AND EXISTS "
                "(SELECT 1 FROM lines JOIN points ON line = lines.id WHERE series = series.id)",
                [pair],
            )
            found += (Series(*row) for row in rows)
        return sorted(found)

    def points(self, series: Series, most: int = -1) -> list[Point]:
        """The newest points of a series, whatever the branch and the conditions, oldest first."""
        rows = self._database.rows(
            "SELECT points.run, strings.text, value, target, reruns, beside_base FROM series "
            "JOIN lines ON lines.series = series.id JOIN points ON line = lines.id "
            "JOIN strings ON strings.id = conditions "
            "WHERE (identity, metric, unit, direction) = (?, ?, ?, ?) "
            "ORDER BY points.started DESC, points.run DESC LIMIT ?",
            [series.identity, series.metric, series.unit, series.direction, most],
        )
        runs = {run.number: run for run in self._runs_numbered({row[0] for row in rows})}
        return [runs[number].point(*rest) for number, *rest in reversed(rows)]

    def figures(self, run: StoredRun) -> list[tuple[Series, Point]]:
        """What a run has measured, sorted by series."""
        rows = self._database.rows(
            "SELECT identity, metric, unit, direction, text, value, target, reruns, beside_base "
            "FROM points JOIN lines ON lines.id = line JOIN series ON series.id = lines.series "
            "JOIN strings ON strings.id = conditions WHERE run = ?",
            [run.number],
        )
        return sorted(((Series(*row[:4]), run.point(*row[4:])) for row in rows), key=lambda entry: entry[0])

    def lines(self, pair: str) -> dict[Series, dict[str, int]]:
        """The lines of a pair: by series and conditions, their numbers."""
        rows = self._database.rows(
            "SELECT identity, metric, unit, direction, text, lines.id FROM series "
            "JOIN lines ON lines.series = series.id JOIN strings ON strings.id = conditions "
            f"WHERE pair = ({_ID})",
            [pair],
        )
        found: dict[Series, dict[str, int]] = {}
        for *series, conditions, number in rows:
            found.setdefault(Series(*series), {})[conditions] = number
        return found

    def newest_points(
        self,
        line: tuple[int, str],
        branch: str | None,
        runs: Mapping[int, StoredRun],
        times: tuple[datetime, datetime],
        most: int,
    ) -> list[Point]:
        """The newest points on a line and branch that are of `runs`, newest first.

        Args:
            branch: whose runs; None for those of no branch.
            most: how many at most.
            line: its number and conditions.
            runs: by their numbers.
            times: when the first and the last of them started.
        """
        number, conditions = line
        found: list[Point] = []
        query = (
            "SELECT run, value, target, reruns, beside_base FROM points WHERE line = ? "
            f"AND branch = ({_ID}) AND started BETWEEN ? AND ? ORDER BY started DESC"
        )
        with self._database.cursor(query, [number, branch or "", *map(to_microseconds, times)]) as rows:
            while len(found) < most and (batch := rows.fetchmany(most)):
                found += [runs[run].point(conditions, *measured) for run, *measured in batch if run in runs]
        return found[:most]

    def _runs_numbered(self, numbers: Iterable[int]) -> list[StoredRun]:
        chosen = json.dumps(sorted(numbers))  # one parameter, however many they are
        return self._runs("WHERE runs.id IN (SELECT value FROM json_each(?))", chosen)

    def _runs(self, condition: str, *values: Any) -> list[StoredRun]:
        return [run_of(row) for row in self._database.rows(f"{RUNS} {condition}", values)]


def updated_index(store: Store) -> Index:
    """The index of `store` as it is now.

    Where the store is out of reach that is a note, and the index is of what was fetched last.

    Raises:
        InputError: where there can be no such store.
        MachineryError: where the index cannot be used.
    """
    try:
        names = store.names()
    except MachineryError as error:
        store.notes.append(f"{error}; what follows is of the runs that were fetched last")
        names = store.names_as_last_fetched()
    try:
        return _updated(store, names)
    except DamagedIndexError:
        return _updated(store, names)


def _updated(store: Store, names: Sequence[str]) -> Index:
    index = Index(store.source, store_folder(store) / "index.sqlite")
    try:
        index.update(store, names)
    except BaseException:
        index.close()
        raise
    return index


_ID = "SELECT id FROM strings WHERE text = ?"


def _latest(now: datetime | None) -> int:
    """Later than this no clock can be."""
    return to_microseconds((now or datetime.now(timezone.utc)) + MOST_AHEAD)
