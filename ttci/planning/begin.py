"""The begin of a run of several pairs, whoever starts them: nox, ``ttci run``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ttci.artifacts.pair_folder import PairFolder
from ttci.artifacts.plan_file import write_planned
from ttci.planning.plan import Plan


def begin(reports: Path, plan: Plan, devices: Sequence[str]) -> None:
    """Leave in `reports` what is to run there and what is not, before anything runs.

    Args:
        reports: the folder of all reports.
        plan: what is going to be run.
        devices: those that were asked for by name. A pair of one that is not here leaves why.
    """
    write_planned(reports, [job.pair for job in plan.here], plan.not_run_here)
    for job in plan.absent(devices):
        PairFolder(reports / str(job.pair)).leave_unavailable(str(job.pair), str(job.missing))
