"""What the ``ttci`` command takes: its commands, their arguments and their help."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from ttci import __version__
from ttci.cli import doctor as doctor_command
from ttci.cli import listing
from ttci.cli import plan as plan_command
from ttci.cli import run as run_command
from ttci.errors import ExitCode
from ttci.export import FORMATS
from ttci.history import IMPORT_FORMATS, KEEP, SOURCE_HELP, STORE_HELP
from ttci.manifest import DEFAULT_PATH
from ttci.report import FAIL_ON

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_STATED = "store under [history] of the manifest"
_ELSE_OFF = f"{SOURCE_HELP}; default: {_STATED}, else off"


def parser() -> argparse.ArgumentParser:
    """The parser of ``ttci``; each command sets `command`, the function that carries it out."""
    parser = argparse.ArgumentParser(
        prog="ttci",
        description="CI for accelerator models: declare modules once, check them on every device.",
    )
    parser.add_argument("--version", action="version", version=f"ttci {__version__}")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_list(subparsers)
    _add_check(subparsers)
    _add_run(subparsers)
    _add_plan(subparsers)
    _add_report(subparsers)
    _add_export(subparsers)
    _add_history(subparsers)
    _add_doctor(subparsers)
    _add_toolchain(subparsers)
    return parser


def _add_list(subparsers: Subparsers) -> None:
    what = "what is tested, on what, against which targets"
    list_models = _command(subparsers, "list", what, listing.list_models)
    list_models.add_argument("models", nargs="*", metavar="MODEL")
    list_models.add_argument(
        "--tests", action="store_true", help="import the models and list their tests too"
    )
    _add_json(list_models)


def _add_check(subparsers: Subparsers) -> None:
    what = "import the models and check every declaration"
    check = _command(subparsers, "check", what, listing.check)
    check.add_argument("models", nargs="*", metavar="MODEL")


def _add_run(subparsers: Subparsers) -> None:
    what = "run pairs here; arguments after -- go to pytest"
    run = _command(subparsers, "run", what, run_command.run)
    _add_choice(run)
    run.add_argument("--report-dir", type=Path, default=Path("reports"), metavar="DIR")
    run.add_argument(
        "--confirm",
        action="store_true",
        help="rerun what looks slower than its history before it is called so",
    )
    _add_history_source(run, _ELSE_OFF)


def _add_plan(subparsers: Subparsers) -> None:
    what = "which pairs run, where, and which do not"
    plan = _command(subparsers, "plan", what, plan_command.plan_jobs)
    _add_choice(plan)
    plan.add_argument(
        "--max-jobs",
        type=_positive,
        metavar="N",
        help="with --json: at most N entries, several pairs in one where there are more pairs",
    )
    plan.add_argument(
        "--seconds",
        type=Path,
        metavar="PATH",
        help="a report.json or a folder of reports: what earlier runs took, to spread the pairs evenly",
    )
    _add_json(plan)


def _add_doctor(subparsers: Subparsers) -> None:
    what = "what is installed here and what each device lacks"
    _add_json(_command(subparsers, "doctor", what, doctor_command.doctor))


def _add_toolchain(subparsers: Subparsers) -> None:
    toolchain = subparsers.add_parser("toolchain", help="the tools that ttnn needs beside its wheel")
    actions = toolchain.add_subparsers(title="actions", required=True, metavar="ACTION")
    install = actions.add_parser("install", help="fetch SFPI (the kernel compiler) and ttsim, verified")
    install.add_argument("tools", nargs="*", metavar="TOOL", help="sfpi, ttsim; both where none is named")
    install.set_defaults(command=doctor_command.toolchain_install)


def _add_report(subparsers: Subparsers) -> None:
    what = "one verdict of many pairs, from their folders"
    report = _command(subparsers, "report", what, _report)
    _add_folders(report)
    report.add_argument(
        "--plan",
        type=Path,
        metavar="PATH",
        help="which pairs were to run, beside the plan.json of each DIR; one that left nothing is an error",
    )
    report.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="for junit.xml, benchmark.json, report.json, report.html and summary.md; default: the first DIR",
    )
    report.add_argument(
        "--fail-on",
        choices=FAIL_ON,
        default="failure",
        help="failure: whatever is not well; regression: missed targets and what could not be judged or "
        "was not there, and drift, but not wrong numbers; drift: whatever is not well, and what is slower "
        "than its history; never: only a report that could not be made. Default: %(default)s",
    )
    _add_history_source(report, _ELSE_OFF)
    report.add_argument(
        "--annotations",
        action=argparse.BooleanOptionalAction,
        default=os.environ.get("GITHUB_ACTIONS") == "true",
        help="print marks for the files of a pull request; default: where GITHUB_ACTIONS is true",
    )
    report.add_argument(
        "--summary",
        type=Path,
        default=os.environ.get("GITHUB_STEP_SUMMARY") or None,
        metavar="PATH",
        help="append the summary to this file; default: $GITHUB_STEP_SUMMARY",
    )
    _add_json(report)


def _add_export(subparsers: Subparsers) -> None:
    what = "the results of pairs in a format of other tools"
    export = _command(subparsers, "export", what, _export)
    _add_folders(export)
    export.add_argument("--format", choices=FORMATS, required=True)
    export.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="PATH",
        help="a file; for tt-benchmark-run, which has a file a pair, a folder. Default: standard output",
    )
    export.add_argument(
        "--better",
        choices=("lower", "higher"),
        default="lower",
        help="github-action-benchmark reads one direction a file: lower for customSmallerIsBetter (the "
        "default), higher for customBiggerIsBetter",
    )


def _add_history(subparsers: Subparsers) -> None:
    history = subparsers.add_parser("history", help="what earlier runs measured, and what changed since")
    actions = history.add_subparsers(title="actions", required=True, metavar="ACTION")

    add = _history_action(actions, "add", "keep the runs of these folders in the history")
    _add_folders(add)

    log = _history_action(actions, "log", "the runs of the history, newest first")
    log.add_argument(
        "patterns", nargs="*", metavar="PAIR", help="pairs or globs of pairs; every pair where none"
    )
    log.add_argument("-n", type=_positive, default=20, dest="most", metavar="N", help="default: %(default)s")
    _add_json(log)

    show = _history_action(actions, "show", "one run, or one check over its runs")
    show.add_argument("id", metavar="ID", help="the id of a run, as log shows it, or a check's identity")
    _add_json(show)

    explain = _history_action(actions, "explain", "why a check is called same, slower or faster")
    explain.add_argument("id", metavar="ID", help="a check's identity: llama3@n150/attention[performance]")
    explain.add_argument(
        "--reports", type=Path, metavar="DIR", help="judge the run there; default: the newest of the history"
    )

    compact = _history_action(actions, "compact", "keep quantiles instead of the samples of older runs")
    compact.add_argument(
        "--keep",
        type=_positive,
        default=KEEP,
        metavar="N",
        help="newest runs of a pair that keep them; %(default)s",
    )

    _add_history_import(actions)

    site = _history_action(actions, "site", "a static page of every series, for GitHub Pages")
    site.add_argument("--out", type=Path, default=Path("site"), metavar="DIR")


def _add_history_import(actions: Subparsers) -> None:
    importing = _history_action(actions, "import", "take over the history that another tool has kept")
    importing.add_argument("--format", choices=IMPORT_FORMATS, required=True)
    importing.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="files, or folders that hold some"
    )
    importing.add_argument(
        "--model", default="imported", metavar="NAME", help="where the file names no model"
    )
    importing.add_argument(
        "--device", default="unknown", metavar="NAME", help="where the file names no device"
    )


def _history_action(actions: Subparsers, name: str, help_text: str) -> argparse.ArgumentParser:
    parser = _command(actions, name, help_text, _history)
    parser.set_defaults(action=name)
    help_of_source = f"{STORE_HELP}; default: {_STATED}; one of the two has to name it"
    _add_history_source(parser, help_of_source, compares=name in ("show", "explain", "import", "site"))
    return parser


def _add_history_source(parser: argparse.ArgumentParser, help_text: str, *, compares: bool = True) -> None:
    parser.add_argument("--history", metavar="SOURCE", help=help_text)
    if compares:
        parser.add_argument(
            "--default-branch",
            metavar="NAME",
            help="whose runs are compared with; default: what the manifest says under [history], else git",
        )


def _history(options: argparse.Namespace) -> ExitCode:
    from ttci.cli import history as history_command

    return history_command.ACTIONS[options.action](options)


def _report(options: argparse.Namespace) -> ExitCode:
    from ttci.cli import report as report_command

    return report_command.report(options)


def _export(options: argparse.Namespace) -> ExitCode:
    from ttci.cli import report as report_command

    return report_command.export(options)


def _add_folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="*", type=Path, default=[Path("reports")], metavar="DIR")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _command(
    subparsers: Subparsers, name: str, help_text: str, function: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(
        name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}."
    )
    parser.add_argument("--manifest", type=Path, default=DEFAULT_PATH, metavar="PATH")
    parser.set_defaults(command=function)
    return parser


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="*", metavar="MODEL", help="names or globs; every model where none")
    parser.add_argument("--device", action="append", default=[], dest="devices", metavar="NAME")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for a machine to read")
