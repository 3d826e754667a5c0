"""The words of a series: one figure of one check, run after run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from statistics import median
from typing import Literal, NamedTuple

from ttci.history.comparability import config_of, counting_in, joined, machine_of
from ttci.manifest.identity import pair_of
from ttci.results import BaseRatio, Run

SHORT_COMMIT = 10  # characters that a person reads


@dataclass(frozen=True, order=True)
class Series:
    """One figure of one check."""

    identity: str  # llama3@n150/llama3_8b_attention[performance]
    metric: str  # latency_ms
    unit: str
    direction: Literal["lower", "higher"] = "lower"  # which way is better

    @property
    def pair(self) -> str:
        """The pair it is measured on."""
        return pair_of(self.identity)

    def __str__(self) -> str:
        return f"{self.identity} {self.metric}"


class Point(NamedTuple):
    """What one run measured of a series; a tuple, as a large report makes 100,000 of them.

    Attributes:
        conditions: what must be the same for two points to be compared, as a line of text.
        versions: what may differ and is then marked, as a line of text.
        base: the commit that the run's was measured beside.
        beside_base: the figure over that of the base.
    """

    run_id: str
    started: datetime
    value: float
    host: str
    commit: str | None
    branch: str | None
    conditions: str
    versions: str = ""
    target: float | None = None
    reruns: tuple[float, ...] = ()  # that were made to confirm the value
    base: str | None = None
    beside_base: BaseRatio | None = None

    @property
    def confirmed(self) -> float:
        """The value; where there are reruns their median, for it was doubted."""
        return median(self.reruns) if self.reruns else self.value


@dataclass(frozen=True)
class Figure:
    """What a run that is in no history yet measured of a series; as `Point`."""

    series: Series
    value: float
    conditions: str
    target: float | None
    reruns: tuple[float, ...]
    beside_base: BaseRatio | None


def figures_of(run: Run) -> Iterator[Figure]:
    """Every figure that a recorded run has measured."""
    machine = machine_of(run)
    lines: dict[str, str] = {}  # many results of a run have the same configuration
    for result in run.results:
        for measured in result.measurements:
            if measured.value is None:
                continue
            counting = repr(counting_in(result))
            if counting not in lines:
                lines[counting] = joined(machine, config_of(result))
            series = Series(result.id, measured.name, measured.unit, measured.direction)
            told = (measured.target, measured.reruns, measured.beside_base)
            yield Figure(series, measured.value, lines[counting], *told)


def host_of(run: Run) -> str:
    """The host it ran on; empty where nobody said."""
    return run.environment.host or ""


def commit_of(run: Run) -> str | None:
    """The git commit it measured."""
    return run.environment.git_commit or None


def branch_of(run: Run) -> str | None:
    """The branch it measured; a pull request's is marked: a fork's may be called main as ours is."""
    branch = run.environment.git_branch
    if not branch:
        return None
    return f"{branch} (pull request)" if is_pull_request(run) else branch


def is_pull_request(run: Run) -> bool:
    """Whether GitHub ran it for a pull request."""
    return (run.environment.event or "").startswith("pull_request")


def in_utc(time: datetime) -> datetime:
    """`time` in UTC, as which one without a zone is read, whatever the zone of this machine."""
    return time.astimezone(timezone.utc) if time.tzinfo else time.replace(tzinfo=timezone.utc)
