"""The ``ttci`` command: parse, call one function, catch in one place."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from ttci.cli import arguments as command_line
from ttci.cli.completion import complete
from ttci.cli.parsers.shared import REPORTS
from ttci.errors import INTERRUPTED, ExitCode, TtciError
from ttci.files import print_any_text
from ttci.manifest import nearest_manifest


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    print_any_text()
    options = _parse(list(sys.argv[1:] if arguments is None else arguments))
    try:
        code = int(options.command(options))
        sys.stdout.flush()
    except TtciError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as error:
        print(str(error) or "interrupted; what had finished is in the pair's run.json", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception:  # noqa: BLE001  # a bug of ours must not look like a failed check, exit code 1
        traceback.print_exc()
        return ExitCode.MACHINERY
    return code


def _parse(arguments: list[str]) -> argparse.Namespace:
    own, pytest_args = _split_at_dashes(arguments)
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what could follow
        complete(command_line.parser())
    parser = command_line.parser(next(iter(own), None))
    options = parser.parse_args(own)
    if pytest_args and "verbose" not in options:
        parser.error("arguments after -- go to pytest, which only run and watch start")
    options.pytest_args = pytest_args
    _find_manifest(options)
    return options


def _find_manifest(options: argparse.Namespace) -> None:
    """Set what was left out: the nearest manifest, and the reports beside it."""
    if "manifest" not in options:
        return
    folder = Path()
    if options.manifest is None:
        options.manifest = nearest_manifest()
        folder = options.manifest.parent
    reports = folder / REPORTS
    if "report_dir" in options:
        options.report_dir = options.report_dir or reports
    if "folders" in options:
        options.folders = options.folders or [reports]
    options.default_reports = reports


def _split_at_dashes(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in arguments:
        return arguments, []
    position = arguments.index("--")
    return arguments[:position], arguments[position + 1 :]
