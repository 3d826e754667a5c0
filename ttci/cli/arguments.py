"""What the ``ttci`` command takes: its commands, in the order of its help."""

from __future__ import annotations

import argparse

from ttci import __version__
from ttci.cli.parsers.examples import examples_text
from ttci.cli.parsers.history import add_history
from ttci.cli.parsers.machine import add_completion, add_doctor, add_toolchain
from ttci.cli.parsers.models import add_check, add_init, add_list, add_plan, add_run, add_watch
from ttci.cli.parsers.report import add_comment, add_export, add_open, add_report
from ttci.cli.parsers.targets import add_targets

COMMANDS = (
    add_init,
    *(add_list, add_check, add_run, add_watch, add_plan),
    *(add_report, add_open, add_comment, add_export, add_history, add_targets),
    *(add_doctor, add_toolchain, add_completion),
)


def parser() -> argparse.ArgumentParser:
    """The parser of ``ttci``; each command sets `command`, the function that carries it out."""
    parser = argparse.ArgumentParser(
        prog="ttci",
        description="CI for accelerator models: declare modules once, check them on every device.",
        epilog=examples_text("ttci"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ttci {__version__}")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in COMMANDS:
        add(subparsers)
    return parser
