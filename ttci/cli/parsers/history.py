"""The arguments of ``ttci history``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ttci.cli.parsers.shared import (
    STATED,
    Subparsers,
    add_folders,
    add_history_source,
    add_json,
    command,
    described,
    positive,
)
from ttci.errors import ExitCode
from ttci.history import IMPORT_FORMATS, KEEP, STORE_HELP


def add_history(subparsers: Subparsers) -> None:
    """``ttci history``."""
    history = described(subparsers, "history", "what earlier runs measured, and what changed since")
    actions = history.add_subparsers(title="actions", required=True, metavar="ACTION")

    add = _history_action(actions, "add", "keep the runs of these folders in the history")
    add_folders(add)

    log = _history_action(actions, "log", "the runs of the history, newest first")
    log.add_argument(
        "patterns", nargs="*", metavar="PAIR", help="pairs or globs of pairs; every pair where none"
    )
    log.add_argument("-n", type=positive, default=20, dest="most", metavar="N", help="default: %(default)s")
    add_json(log)

    show = _history_action(actions, "show", "one run, or one check over its runs")
    show.add_argument("id", metavar="ID", help="the id of a run, as log shows it, or a check's identity")
    add_json(show)

    explain = _history_action(actions, "explain", "why a check is called same, slower or faster")
    explain.add_argument("id", metavar="ID", help="a check's identity: llama3@n150/attention[performance]")
    explain.add_argument(
        "--reports", type=Path, metavar="DIR", help="judge the run there; default: the newest of the history"
    )

    compact = _history_action(actions, "compact", "keep quantiles instead of the samples of older runs")
    compact.add_argument(
        "--keep",
        type=positive,
        default=KEEP,
        metavar="N",
        help="newest runs of a pair that keep them; %(default)s",
    )

    _add_history_import(actions)

    site = _history_action(actions, "site", "a static page of every series, for GitHub Pages")
    site.add_argument(
        "--out", type=Path, default=Path("site"), metavar="DIR", help="for index.html; default: %(default)s"
    )


def _add_history_import(actions: Subparsers) -> None:
    importing = _history_action(actions, "import", "take over the history that another tool has kept")
    importing.add_argument("--format", choices=IMPORT_FORMATS, required=True, help="which tool has kept it")
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
    parser = command(actions, name, help_text, _history)
    parser.set_defaults(action=name)
    help_of_source = f"{STORE_HELP}; default: {STATED}; one of the two has to name it"
    add_history_source(parser, help_of_source, compares=name in ("show", "explain", "import", "site"))
    return parser


def _history(options: argparse.Namespace) -> ExitCode:
    from ttci.cli import history as history_command

    return history_command.ACTIONS[options.action](options)
