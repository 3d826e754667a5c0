"""The arguments of ``ttci targets``."""

from __future__ import annotations

import argparse

from ttci.cli.parsers.shared import Subparsers, add_history_source, add_json, command, described
from ttci.errors import ExitCode
from ttci.history import STORE_HELP

_WORDS = "a pair (llama3@n150, globs too), a check's identity, or a folder of reports; default: reports"


def add_targets(subparsers: Subparsers) -> None:
    """``ttci targets``."""
    targets = described(subparsers, "targets", "targets from what was measured, for the manifest")
    actions = targets.add_subparsers(title="actions", required=True, metavar="ACTION")

    suggest = _action(actions, "suggest", "a target and a tolerance for each figure, and the noise behind it")
    add_json(suggest)

    update = _action(actions, "update", "write the targets of what is named into the manifest")
    update.add_argument(
        "--improved",
        action="store_true",
        help="only those that were beaten by more than their tolerance; of all where nothing is named",
    )
    update.add_argument(
        "--dry-run", action="store_true", help="print what would change as a diff, and write nothing"
    )


def _action(actions: Subparsers, name: str, help_text: str) -> argparse.ArgumentParser:
    parser = command(actions, name, help_text, _targets)
    parser.set_defaults(action=name)
    parser.add_argument(
        "words",
        nargs="*",
        metavar="PAIR|IDENTITY|DIR",
        help=f"{_WORDS}. Several folders are several runs",
    )
    add_history_source(parser, f"judge by the history instead of reports: {STORE_HELP}")
    return parser


def _targets(options: argparse.Namespace) -> ExitCode:
    from ttci.cli import targets as targets_command

    return targets_command.ACTIONS[options.action](options)
