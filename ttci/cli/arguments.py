"""What the ``ttci`` command takes: its commands, in the order of its help."""

from __future__ import annotations

import argparse
from importlib import import_module

from ttci import __version__
from ttci.cli.parsers.examples import examples_text

# By name, the file of `ttci.cli.parsers` that has what the command takes.
COMMANDS = {
    **dict.fromkeys(("init", "list", "check", "run", "watch", "plan"), "models"),
    **dict.fromkeys(("report", "open", "comment", "export"), "report"),
    "debug": "debug",
    "compare": "compare",
    "history": "history",
    "targets": "targets",
    **dict.fromkeys(("doctor", "toolchain", "completion"), "machine"),
}


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser of ``ttci``; each command sets `command`, the function that carries it out.

    Args:
        command: the only one that is asked for; all of them where None, or where it is none of them. To
            make the others takes as long as to carry a short one out.
    """
    parser = argparse.ArgumentParser(
        prog="ttci",
        description="CI for accelerator models: declare modules once, check them on every device.",
        epilog=examples_text("ttci"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ttci {__version__}")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in (command,) if command in COMMANDS else COMMANDS:
        module = import_module(f"ttci.cli.parsers.{COMMANDS[str(name)]}")
        getattr(module, f"add_{name}")(subparsers)
    return parser
