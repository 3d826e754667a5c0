"""A run as the index knows it, and the query that finds it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ttci.history.index.tables import from_microseconds
from ttci.history.series import Point

# Completed by a condition; `run_of` takes its rows.
RUNS = (
    "SELECT runs.id, run_id, file, pairs.text, started, commits.text, branches.text, hosts.text, "
    "versions.text, figures FROM runs JOIN strings AS pairs ON pairs.id = pair "
    "JOIN strings AS commits ON commits.id = commit_hash JOIN strings AS branches ON branches.id = branch "
    "JOIN strings AS hosts ON hosts.id = host JOIN strings AS versions ON versions.id = runs.versions"
)


@dataclass(frozen=True)
class StoredRun:
    """A run of the history.

    Attributes:
        number: in this index.
        file: its name in the store.
        figures: how many it has.
    """

    number: int
    run_id: str
    file: str
    pair: str
    started: datetime
    commit: str | None
    branch: str | None
    host: str
    versions: str
    figures: int

    def point(
        self, conditions: str, value: float, target: float | None = None, reruns: str | None = None
    ) -> Point:
        """What it measured of a series; `reruns` are a JSON list."""
        return Point(
            self.run_id,
            self.started,
            value,
            self.host,
            self.commit,
            self.branch,
            conditions,
            self.versions,
            target,
            tuple(json.loads(reruns)) if reruns else (),
        )


def run_of(row: Sequence[Any]) -> StoredRun:
    """The run of a row that `RUNS` gives."""
    number, run_id, file, pair, started, commit, branch, host, versions, figures = row
    return StoredRun(
        *(number, run_id, file, pair, from_microseconds(started), commit or None, branch or None),
        *(host, versions, figures),
    )
