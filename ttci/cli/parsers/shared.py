"""What the arguments of several commands have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from ttci.history import SOURCE_HELP
from ttci.manifest import DEFAULT_PATH

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

STATED = "store under [history] of the manifest"
ELSE_OFF = f"{SOURCE_HELP}; default: {STATED}, else off"


def command(
    subparsers: Subparsers, name: str, help_text: str, function: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """Add a command, which `function` carries out."""
    parser = subparsers.add_parser(
        name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}."
    )
    parser.add_argument("--manifest", type=Path, default=DEFAULT_PATH, metavar="PATH")
    parser.set_defaults(command=function)
    return parser


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Which pairs: models and devices."""
    parser.add_argument("models", nargs="*", metavar="MODEL", help="names or globs; every model where none")
    parser.add_argument("--device", action="append", default=[], dest="devices", metavar="NAME")


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Folders of pairs."""
    parser.add_argument("folders", nargs="*", type=Path, default=[Path("reports")], metavar="DIR")


def add_report_dir(parser: argparse.ArgumentParser, help_text: str | None = None) -> None:
    """Where runs leave their folders."""
    parser.add_argument("--report-dir", type=Path, default=Path("reports"), metavar="DIR", help=help_text)


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
