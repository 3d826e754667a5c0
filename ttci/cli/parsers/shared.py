"""What the arguments of several commands have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from ttci.cli.completion import known_models
from ttci.cli.parsers.examples import examples_text
from ttci.history import SOURCE_HELP
from ttci.manifest import DEFAULT_PATH

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

REPORTS = "reports"
STATED = "store under [history] of the manifest"
ELSE_OFF = f"{SOURCE_HELP}; default: {STATED}, else off"


def described(subparsers: Subparsers, name: str, help_text: str) -> argparse.ArgumentParser:
    """Add a command with its help and its examples."""
    parser = subparsers.add_parser(
        name,
        help=help_text,
        description=f"{help_text[0].upper()}{help_text[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.epilog = examples_text(parser.prog)
    return parser


def command(
    subparsers: Subparsers, name: str, help_text: str, function: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """Add a command that reads a manifest, and which `function` carries out."""
    parser = described(subparsers, name, help_text)
    parser.add_argument(
        "--manifest",
        type=Path,
        metavar="PATH",
        help=f"default: {DEFAULT_PATH} of this folder, else of the nearest one above that has one",
    )
    parser.set_defaults(command=function)
    return parser


def add_models(parser: argparse.ArgumentParser) -> None:
    """Which models."""
    models = parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="names or globs; every model where none"
    )
    models.completer = known_models  # type: ignore[attr-defined]  # as argcomplete has it


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Which pairs: models and devices."""
    add_models(parser)
    add_devices(parser)


def add_devices(parser: argparse.ArgumentParser) -> None:
    """Which devices."""
    parser.add_argument(
        "--device",
        action="append",
        default=[],
        dest="devices",
        metavar="NAME",
        help="a device or a glob of devices, repeatable; default: those that are here and not on demand",
    )


def add_changed(parser: argparse.ArgumentParser) -> None:
    """Only what a change concerns."""
    parser.add_argument(
        "--changed",
        nargs="?",
        const="",
        metavar="BASE",
        help="only pairs whose source, targets, device or requirements have changed since BASE, committed or "
        "not; default: where this branch left the remote's default branch",
    )


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Folders of pairs."""
    parser.add_argument(
        "folders", nargs="*", type=Path, metavar="DIR", help=f"default: {REPORTS} beside the manifest"
    )


def add_report_dir(parser: argparse.ArgumentParser, what: str) -> None:
    """Where runs leave their folders; `what` says what for."""
    help_text = f"{what}; default: {REPORTS} beside the manifest"
    parser.add_argument("--report-dir", type=Path, metavar="DIR", help=help_text)


def add_isolated(parser: argparse.ArgumentParser) -> None:
    """Where pairs run."""
    parser.add_argument(
        "--isolated",
        action="store_true",
        help="run each pair in the environment that nox would make for it, made where it is not there",
    )


def add_history_source(parser: argparse.ArgumentParser, help_text: str, *, compares: bool = True) -> None:
    """Where the history is, and for what compares, with which branch."""
    parser.add_argument("--history", metavar="SOURCE", help=help_text)
    if compares:
        parser.add_argument(
            "--default-branch",
            metavar="NAME",
            help="whose runs are compared with; default: what the manifest says under [history], else git",
        )


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option of commands that a machine may read."""
    parser.add_argument("--json", action="store_true", help="for a machine to read")


def positive(text: str) -> int:
    """A whole number above 0.

    Raises:
        ArgumentTypeError: it is not one.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
