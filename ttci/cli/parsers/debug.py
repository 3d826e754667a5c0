"""The arguments of ``ttci debug``."""

from __future__ import annotations

from ttci.cli import debug as debug_command
from ttci.cli.parsers.shared import Subparsers, add_isolated, add_json, add_report_dir, command


def add_debug(subparsers: Subparsers) -> None:
    """``ttci debug``."""
    what = "every operation of one check, each with its own error and the error so far"
    debug = command(subparsers, "debug", what, debug_command.debug)
    debug.add_argument(
        "id", metavar="ID", help="MODEL@DEVICE/TEST, or what pytest prints: …::MODEL@DEVICE/TEST[CHECK]"
    )
    add_isolated(debug)
    add_report_dir(debug, "where the table goes, beside the files of the pair")
    add_json(debug)
