"""Completion in shells, by argcomplete."""

from __future__ import annotations

import argparse
from argparse import Namespace

from ttci.errors import ExitCode, TtciError
from ttci.manifest import load_manifest

SHELLS = ("bash", "zsh", "fish")


def complete(parser: argparse.ArgumentParser) -> None:
    """Tell the shell what could follow, and end."""
    import argcomplete

    argcomplete.autocomplete(parser)


def print_completion(options: Namespace) -> ExitCode:
    """Print what a shell runs at its start."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["ttci"], shell=options.shell))
    return ExitCode.OK


def known_models(**_: object) -> list[str]:
    """The models of the nearest manifest; none where it is wrong."""
    try:
        return [*load_manifest().models]
    except TtciError:
        return []
