"""The arguments of what looks at models, plans their pairs and runs them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ttci.cli import init as init_command
from ttci.cli import listing
from ttci.cli import plan as plan_command
from ttci.cli import run as run_command
from ttci.cli.parsers.shared import (
    ELSE_OFF,
    Subparsers,
    add_changed,
    add_choice,
    add_history_source,
    add_isolated,
    add_json,
    add_models,
    add_report_dir,
    command,
    described,
    positive,
)

_LIMITS_FROM = "where the runs are whose limits are shown"


def add_init(subparsers: Subparsers) -> None:
    """``ttci init``."""
    what = "begin here: write the manifest, the noxfile and the workflow, and change nothing that is there"
    init = described(subparsers, "init", what)
    init.add_argument(
        "source",
        nargs="?",
        metavar="FILE::CLASS",
        help="the model; every class of the repository that declares tests where none is given",
    )
    init.add_argument("--example", action="store_true", help="write a model in ten lines too, to begin with")
    init.set_defaults(command=init_command.init)


def add_list(subparsers: Subparsers) -> None:
    """``ttci list``."""
    what = "what is tested, on what, against which targets"
    list_models = command(subparsers, "list", what, listing.list_models)
    add_models(list_models)
    list_models.add_argument(
        "--tests", action="store_true", help="import the models and list their tests too"
    )
    add_report_dir(list_models, _LIMITS_FROM)
    add_json(list_models)


def add_check(subparsers: Subparsers) -> None:
    """``ttci check``."""
    what = "import the models and check every declaration"
    check = command(subparsers, "check", what, listing.check)
    add_models(check)
    add_report_dir(check, _LIMITS_FROM)


def add_run(subparsers: Subparsers) -> None:
    """``ttci run``."""
    what = "run pairs here; arguments after -- go to pytest"
    run = command(subparsers, "run", what, run_command.run)
    _add_running(run)
    add_changed(run)
    run.add_argument("--failed", action="store_true", help="only pairs that were not well when they ran last")
    run.add_argument(
        "--cached",
        action="store_true",
        help="take the results of pairs of which nothing has changed since they were well from the cache",
    )
    run.add_argument(
        "--confirm",
        action="store_true",
        help="rerun what looks slower than its history before it is called so",
    )
    run.add_argument(
        "--keep-tensors",
        choices=["failed"],
        help="keep inputs, outputs and references of failed correctness checks beside the report",
    )
    run.add_argument(
        "--debug",
        action="store_true",
        help="write every operation of failed correctness checks, each with its error, beside the report",
    )
    add_history_source(run, ELSE_OFF)


def add_watch(subparsers: Subparsers) -> None:
    """``ttci watch``."""
    what = "run pairs here, and again after each change of their files; arguments after -- go to pytest"
    watch = command(subparsers, "watch", what, _watch)
    _add_running(watch)
    watch.set_defaults(
        changed=None,
        failed=False,
        cached=False,
        confirm=False,
        keep_tensors=None,
        debug=False,
        history=None,
        default_branch=None,
    )


def _watch(options: Namespace) -> int:
    from ttci.cli.watch import watch

    return watch(options)


def _add_running(parser: ArgumentParser) -> None:
    """What every command takes that runs pairs."""
    add_choice(parser)
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument(
        "-q", "--quiet", action="store_true", help="print how each pair ended, and not what pytest prints"
    )
    loudness.add_argument("-v", "--verbose", action="store_true", help="print more of what fails: pytest -vv")
    add_isolated(parser)
    add_report_dir(parser, "where the files of each pair go")


def add_plan(subparsers: Subparsers) -> None:
    """``ttci plan``."""
    what = "which pairs run, where, and which do not"
    plan = command(subparsers, "plan", what, plan_command.plan_jobs)
    add_choice(plan)
    add_changed(plan)
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
