"""The arguments of what looks at models, plans their pairs and runs them."""

from __future__ import annotations

from pathlib import Path

from ttci.cli import listing
from ttci.cli import plan as plan_command
from ttci.cli import run as run_command
from ttci.cli.parsers.shared import (
    ELSE_OFF,
    Subparsers,
    add_choice,
    add_history_source,
    add_json,
    add_report_dir,
    command,
    positive,
)

_LIMITS_FROM = "earlier runs, of whose limits is told; default: %(default)s"


def add_list(subparsers: Subparsers) -> None:
    """``ttci list``."""
    what = "what is tested, on what, against which targets"
    list_models = command(subparsers, "list", what, listing.list_models)
    list_models.add_argument("models", nargs="*", metavar="MODEL")
    list_models.add_argument(
        "--tests", action="store_true", help="import the models and list their tests too"
    )
    add_report_dir(list_models, _LIMITS_FROM)
    add_json(list_models)


def add_check(subparsers: Subparsers) -> None:
    """``ttci check``."""
    what = "import the models and check every declaration"
    check = command(subparsers, "check", what, listing.check)
    check.add_argument("models", nargs="*", metavar="MODEL")
    add_report_dir(check, _LIMITS_FROM)


def add_run(subparsers: Subparsers) -> None:
    """``ttci run``."""
    what = "run pairs here; arguments after -- go to pytest"
    run = command(subparsers, "run", what, run_command.run)
    add_choice(run)
    add_report_dir(run)
    run.add_argument(
        "--confirm",
        action="store_true",
        help="rerun what looks slower than its history before it is called so",
    )
    add_history_source(run, ELSE_OFF)


def add_plan(subparsers: Subparsers) -> None:
    """``ttci plan``."""
    what = "which pairs run, where, and which do not"
    plan = command(subparsers, "plan", what, plan_command.plan_jobs)
    add_choice(plan)
    plan.add_argument(
        "--max-jobs",
        type=positive,
        metavar="N",
        help="with --json: at most N entries, several pairs in one where there are more pairs",
    )
    plan.add_argument(
        "--seconds",
        type=Path,
        metavar="PATH",
        help="a report.json or a folder of reports: what earlier runs took, to spread the pairs evenly",
    )
    add_json(plan)
