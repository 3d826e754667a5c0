"""The arguments of what looks at this machine, and fetches tools for it."""

from __future__ import annotations

from ttci.cli import doctor as doctor_command
from ttci.cli.completion import SHELLS, print_completion
from ttci.cli.parsers.shared import Subparsers, add_json, command, described


def add_doctor(subparsers: Subparsers) -> None:
    """``ttci doctor``."""
    what = "what is installed here and what each device lacks"
    add_json(command(subparsers, "doctor", what, doctor_command.doctor))


def add_toolchain(subparsers: Subparsers) -> None:
    """``ttci toolchain``."""
    toolchain = described(subparsers, "toolchain", "the tools that ttnn needs beside its wheel")
    actions = toolchain.add_subparsers(title="actions", required=True, metavar="ACTION")
    install = described(actions, "install", "fetch SFPI (the kernel compiler) and ttsim, verified")
    install.add_argument("tools", nargs="*", metavar="TOOL", help="sfpi, ttsim; both where none is named")
    install.set_defaults(command=doctor_command.toolchain_install)


def add_completion(subparsers: Subparsers) -> None:
    """``ttci completion``."""
    completion = described(subparsers, "completion", "what a shell runs to complete commands and models")
    completion.add_argument("shell", choices=SHELLS, help="the shell that is to complete them")
    completion.set_defaults(command=print_completion)
