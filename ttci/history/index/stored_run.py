"""A run as the index knows it, and the query that finds it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ttci.history.index.tables import from_microseconds
from ttci.history.series import Point
from ttci.results import BaseRatio

# Completed by a condition; `run_of` takes its rows.
RUNS = (
    "SELECT runs.id, run_id, file, pairs.text, started, commits.text, branches.text, hosts.text, "
    "versions.text, bases.text, figures FROM runs JOIN strings AS pairs ON pairs.id = pair "
    "JOIN strings AS commits ON commits.id = commit_hash JOIN strings AS branches ON branches.id = branch "
    "JOIN strings AS hosts ON hosts.id = host JOIN strings AS versions ON versions.id = runs.versions "
    "JOIN strings AS bases ON bases.id = base"
)


@dataclass(frozen=True)
class StoredRun:
    """A run of the history.

    Attributes:
        number: in this index.
        file: its name in the store.
        base: the commit that its own was measured beside.
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
    base: str | None
    figures: int

    def point(
        self,
        conditions: str,
        value: float,
        target: float | None = None,
        reruns: str | None = None,
        beside_base: str | None = None,
    ) -> Point:
        """What it measured of a series; `reruns` and `beside_base` are JSON."""
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
            self.base,
            BaseRatio.model_validate_json(beside_base) if beside_base else None,
        )


def run_of(row: Sequence[Any]) -> StoredRun:
    """The run of a row that `RUNS` gives."""
    number, run_id, file, pair, started, commit, branch, host, versions, base, figures = row
    return StoredRun(
        *(number, run_id, file, pair, from_microseconds(started), commit or None, branch or None),
        *(host, versions, base or None, figures),
    )
