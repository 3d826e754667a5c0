"""A plan without the pairs that need not run: those that have not changed, or were well last time."""

from __future__ import annotations

from pathlib import Path

from ttci.artifacts import names
from ttci.artifacts.pair_folder import PairFolder
from ttci.artifacts.plan_file import read_planned
from ttci.errors import ExitCode, InputError
from ttci.manifest import Manifest, Pair
from ttci.planning.plan import Plan
from ttci.results import exit_code

NOTHING_LEFT = "nothing is run: every chosen pair is unchanged, or was well when it ran last"


def narrowed(
    plan: Plan, manifest: Manifest, reports: Path, *, changed: str | None = None, failed: bool = False
) -> Plan:
    """A plan as the options ``--changed [BASE]`` and ``--failed`` narrow it.

    Args:
        plan: of everything that is chosen.
        manifest: whose pairs they are.
        reports: what ran last has its files there.
        changed: a commit or branch; empty for the remote's default branch, None where it is not asked for.
        failed: whether only what was not well last time is meant.

    Raises:
        InputError: what has changed, or how the last run ended, is not known.
    """
    if changed is not None:
        plan = only_changed(plan, manifest, changed or None)
    return only_failed(plan, reports) if failed else plan


def only_changed(plan: Plan, manifest: Manifest, base: str | None) -> Plan:
    """The pairs that a change since `base` concerns; where None, since the remote's default branch.

    Raises:
        InputError: what has changed is not known.
    """
    from ttci.planning.changed import ChangedPairs, Changes  # most runs ask nothing of git

    changes = Changes.since(base, manifest.folder)
    changed = ChangedPairs(manifest, changes)
    return plan.only(changed.has_changed, f"unchanged since {changes.base}")


def only_failed(plan: Plan, reports: Path) -> Plan:
    """The pairs that were not well when they ran last into `reports`, or left nothing of their run.

    Raises:
        InputError: nothing has run into it.
    """
    if not any(reports.glob("*@*")):
        raise InputError(f"--failed: nothing has run into {reports} yet; leave it out")
    file = reports / names.PLAN
    planned = {*read_planned(file).pairs} if file.exists() else set()
    return plan.only(lambda pair: _is_failed(pair, reports, planned), "well when it ran last")


def _is_failed(pair: Pair, reports: Path, planned: set[str]) -> bool:
    folder = PairFolder(reports / str(pair))
    if not folder.path.is_dir():
        return str(pair) in planned
    run = folder.read_run()
    return run is None or run.finished is None or exit_code(run.results) is not ExitCode.OK
