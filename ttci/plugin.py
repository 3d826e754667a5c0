"""The pytest plugin: options that choose tests, and the suite they bring.

This module is imported in every pytest run where ttci is installed, so it
imports nothing heavy; the work starts in `ttci.tests.session` when an option
asks for tests.
"""

from __future__ import annotations

import argparse
import math
import sys
import traceback
from pathlib import Path

import pytest

from ttci.catalog.checks import BUILT_IN
from ttci.errors import INTERRUPTED, ExitCode, InputError, TtciError, describe, text_of

_SUITE = "ttci-suite"
_MOCK_BOARD = "ttci-mock-board"
_CHOOSERS = {
    "--test-model": ("FILE::CLASS", "test what FILE::CLASS, FILE or package.module:attr declares"),
    "--model-config": ("NAME", "test what is registered as NAME in a model of the manifest"),
    "--test-spec": ("FILE", "test the ModuleTestSpecs of FILE"),
}
_MOST_SECONDS = 1e9


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ttci's options."""
    group = parser.getgroup("ttci", "ttci: test the modules that a model declares")
    for option, (metavar, help_text) in _CHOOSERS.items():
        group.addoption(option, metavar=metavar, help=help_text)
    group.addoption(
        "--manifest", type=Path, metavar="PATH", help="the manifest whose devices and targets bind"
    )
    group.addoption(
        "--test-device",
        default="cpu",
        metavar="NAME",
        help="a device of the manifest, or cpu, cuda (default: %(default)s)",
    )
    group.addoption(
        "--test-check",
        action="append",
        metavar="CHECK",
        help=f"only this check: {', '.join(BUILT_IN)} (repeatable)",
    )
    group.addoption(
        "--test-timeout",
        type=_seconds,
        metavar="SECONDS",
        help="end the process, with a dump of its stacks, when a check takes longer",
    )
    group.addoption(
        "--ttnn-mock",
        metavar="BOARD",
        help="run any ttnn tests on a mock board (n150, t3k, ...), with goldens for numbers",
    )
    _add_files(group)
    # ttci run's own: go on where a process ended; judge the identities that a file lists, and no others.
    group.addoption("--ttci-resume", action="store_true", help=argparse.SUPPRESS)
    group.addoption("--ttci-only", type=Path, help=argparse.SUPPRESS)
    # ttci debug's own: write down the operations of what has passed, too.
    group.addoption("--ttci-debug-passed", action="store_true", help=argparse.SUPPRESS)


def _add_files(group: pytest.OptionGroup) -> None:
    """Add the options that say where something is written."""
    group.addoption("--run-json", type=Path, metavar="PATH", help="write the results to PATH")
    group.addoption(
        "--keep-tensors",
        type=Path,
        metavar="FOLDER",
        help="keep inputs, outputs and references of failed correctness checks in FOLDER, as safetensors",
    )
    group.addoption(
        "--test-debug",
        type=Path,
        metavar="FOLDER",
        help="write every operation of failed correctness checks, each with its error, into FOLDER",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Give ttnn its mock board before a conftest imports it."""
    board = early_config.known_args_namespace.ttnn_mock
    if board is None:
        return
    from ttci.tests.mock_board import MockBoard

    try:
        early_config.pluginmanager.register(MockBoard(board), _MOCK_BOARD)
    except TtciError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Bring in the suite where an option asks for tests; a user's mistake ends the run here."""
    try:
        _bring_suite(config)
    except TtciError as error:
        return _end(config, error.exit_code, str(error))
    except KeyboardInterrupt:
        print("interrupted before any check began", file=sys.stderr)
        return INTERRUPTED
    except SystemExit as error:
        what = f"the model ends the process where it is imported: SystemExit({text_of(error)})"
        return _end(config, ExitCode.BAD_INPUT, what)
    except Exception as error:  # noqa: BLE001  # a bug of ours must not look like a failed check, exit code 1
        traceback.print_exc()
        return _end(config, ExitCode.MACHINERY, describe(error))
    return None


def _end(config: pytest.Config, code: ExitCode, reason: str) -> ExitCode:
    """Say why no check began, also to the run of the pair that this process is of, if it is."""
    from ttci.tests.ending import leave_end

    print(reason, file=sys.stderr)
    leave_end(config, code, reason)
    return code


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Bring in the suite also in a worker of pytest-xdist, which has no command line."""
    _bring_suite(config)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text}: not a number of seconds above 0")
    return seconds


def _bring_suite(config: pytest.Config) -> None:
    chosen = [option for option in _CHOOSERS if config.getoption(option) is not None]
    if not chosen or config.pluginmanager.hasplugin(_SUITE):
        return
    if len(chosen) > 1:
        raise InputError(f"{' and '.join(chosen)} exclude each other; give one of them")
    try:
        from ttci.tests.session import SuiteSession
    except ModuleNotFoundError as error:
        raise InputError(f"{error}; python -m pip install 'ttci[torch]'") from None
    config.pluginmanager.register(SuiteSession(config), _SUITE)
