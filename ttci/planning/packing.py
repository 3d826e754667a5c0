"""Jobs of a CI matrix: several pairs in one where there are more pairs than jobs.

A pair goes with those that need the same environment on the same runner. They are spread
by the time that each took before, the longest first, each to the job that has least to do
(R. L. Graham, "Bounds on multiprocessing timing anomalies", 1969: at most 4/3 of the best
possible, less for many short ones).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeAlias

from ttci.errors import InputError
from ttci.planning.plan import Job

# GitHub lets a hundred jobs wait for one board: those of two runs of a workflow.
_MOST_JOBS_OF_A_BOARD = 50
_SETUP_MINUTES = 15  # what a job may take before its first pair: torch and ttnn are 5 GB
_Kind: TypeAlias = tuple[str, tuple[str, ...], tuple[str, ...], bool]


@dataclass(frozen=True)
class PackedJob:
    """The pairs of one CI job; all of them need the same environment and runner.

    Attributes:
        board: which board it must have for itself; empty where it needs none.
    """

    jobs: tuple[Job, ...]
    board: str = ""

    @property
    def name(self) -> str:
        """Unlike every other job's, and fit for the name of an artifact."""
        first, *others = self.jobs
        return f"{first.pair} and {len(others)} more" if others else str(first.pair)

    def as_matrix_entry(self) -> dict[str, Any]:
        """This job as an entry of a GitHub Actions matrix."""
        return {
            "name": self.name,
            "pairs": [str(job.pair) for job in self.jobs],
            "environment": self.jobs[0].environment,
            "runs-on": list(self.jobs[0].runs_on),
            "timeout-minutes": _SETUP_MINUTES + sum(job.timeout_minutes for job in self.jobs),
            "board": self.board,
        }


def pack(
    jobs: Sequence[Job], most_jobs: int, seconds: Mapping[str, float] | None = None, boards: int = 1
) -> list[PackedJob]:
    """At most `most_jobs` jobs for all pairs, none much longer than the others.

    seconds: by pair, what earlier runs took; a pair without gets the median of its
        device's, else of all.
    boards: how many runners there are of each kind that has a board.

    Raises:
        InputError: there are more kinds of runner than `most_jobs`.
    """
    kinds = _by_kind(jobs)
    if len(kinds) > most_jobs:
        what = f"the chosen pairs need {len(kinds)} kinds of runner, and each a job at least"
        raise InputError(f"at most {most_jobs} jobs: {what}; choose fewer devices, or allow more jobs")
    loads = _loads(jobs, seconds or {})
    counts = _share_out(most_jobs, kinds, loads)
    packed = [bin_ for kind, group in kinds.items() for bin_ in _longest_first(group, counts[kind], loads)]
    packed.sort(key=lambda bin_: jobs.index(bin_[0]))
    return list(_with_boards(packed, boards))


def _by_kind(jobs: Sequence[Job]) -> dict[_Kind, list[Job]]:
    kinds: dict[_Kind, list[Job]] = {}
    for job in jobs:
        kinds.setdefault((job.environment, job.requirements, job.runs_on, job.has_board), []).append(job)
    return kinds


def _loads(jobs: Sequence[Job], seconds: Mapping[str, float]) -> dict[Job, float]:
    known = {job: seconds[str(job.pair)] for job in jobs if str(job.pair) in seconds}
    of_all = median(known.values()) if known else 1.0
    by_device: dict[str, list[float]] = {}
    for job, value in known.items():
        by_device.setdefault(job.pair.device, []).append(value)
    usual = {device: median(values) for device, values in by_device.items()}
    return {job: known.get(job, usual.get(job.pair.device, of_all)) for job in jobs}


def _share_out(
    most_jobs: int, kinds: Mapping[_Kind, Sequence[Job]], loads: Mapping[Job, float]
) -> dict[_Kind, int]:
    """How many jobs each kind gets: one, and one more wherever a job would have most to do."""
    counts = dict.fromkeys(kinds, 1)
    work = {kind: sum(loads[job] for job in group) for kind, group in kinds.items()}
    for _ in range(most_jobs - len(kinds)):
        may_grow = [kind for kind, group in kinds.items() if counts[kind] < _most_jobs_of(kind, group)]
        if not may_grow:
            break
        counts[max(may_grow, key=lambda kind: work[kind] / counts[kind])] += 1
    return counts


def _most_jobs_of(kind: _Kind, group: Sequence[Job]) -> int:
    has_board = kind[-1]
    return min(len(group), _MOST_JOBS_OF_A_BOARD) if has_board else len(group)


def _longest_first(group: Sequence[Job], count: int, loads: Mapping[Job, float]) -> list[tuple[Job, ...]]:
    """`group` in `count` parts of much the same load, each in the group's order."""
    parts: list[list[Job]] = [[] for _ in range(count)]
    heap = [(0.0, index) for index in range(count)]
    for job in sorted(group, key=lambda job: -loads[job]):
        load, index = heap[0]
        parts[index].append(job)
        heapq.heapreplace(heap, (load + loads[job], index))
    return [tuple(sorted(part, key=group.index)) for part in parts]


def _with_boards(packed: Sequence[tuple[Job, ...]], boards: int) -> Iterator[PackedJob]:
    met: Counter[str] = Counter()
    for jobs in packed:
        if not jobs[0].has_board:
            yield PackedJob(jobs)
            continue
        labels = "-".join(jobs[0].runs_on)
        yield PackedJob(jobs, f"{labels}-{met[labels] % boards}")
        met[labels] += 1
