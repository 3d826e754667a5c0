"""Which paths pytest collects when an option asks for the suite."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import pytest

from ttci.artifacts import names
from ttci.catalog.checks import check_names
from ttci.errors import InputError, Mistake, did_you_mean

SUITE = Path(__file__).with_name("test_checks.py")

_NAMES = frozenset({PurePosixPath(names.SUITE), PurePosixPath(names.SUITE).parent})
_DOTTED_NAMES = frozenset({"ttci.tests", names.SUITE_MODULE})  # with --pyargs


def add_suite(config: pytest.Config) -> None:
    """Collect the suite: beside the paths that a user gave, else alone."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(SUITE)]
        return
    config.args = [_located(argument, config) for argument in config.args]
    if any(_path_in(argument) == str(SUITE) for argument in config.args):
        return
    config.args = [*config.args, str(SUITE)]
    if any((config.invocation_params.dir / argument).resolve() in SUITE.parents for argument in config.args):
        # pytest would drop the suite as part of that folder, and then not find it
        # where it lies in a virtual environment, which it passes over.
        config.option.keepduplicates = True


def refuse_unknown(checks: Sequence[str]) -> None:
    """Refuse kinds of checks that there are not.

    Raises:
        InputError: names every one.
    """
    known = check_names()
    unknown = [check for check in checks if check not in known]
    if unknown:
        raise InputError(
            [
                Mistake("--test-check", None, f'unknown check "{check}"; {did_you_mean(check, known)}')
                for check in unknown
            ]
        )


def tensors_folder(config: pytest.Config) -> Path | None:
    """Where the tensors of failed checks are kept; None where they are not.

    Raises:
        InputError: where the library is not installed that writes them.
    """
    folder: Path | None = config.getoption("--keep-tensors")
    if folder is not None and not find_spec("safetensors"):
        raise InputError("--keep-tensors: safetensors is not installed; python -m pip install safetensors")
    return folder


def identity_in(nodeid: str) -> str:
    """The identity of the check that has this node id; empty where it is not the suite's."""
    path, _, name = nodeid.partition("::")
    return name if path == names.SUITE else ""


def _located(argument: str, config: pytest.Config) -> str:
    """An argument that means the suite, by file, folder, module or node id, as the path of its file."""
    path = _path_in(argument)
    means_suite = (
        PurePosixPath(path) in _NAMES
        or (config.invocation_params.dir / path).resolve() in (SUITE, SUITE.parent)
        or (config.option.pyargs and path in _DOTTED_NAMES)
    )
    return f"{SUITE}{argument[len(path) :]}" if means_suite else argument


def _path_in(argument: str) -> str:
    return argument.partition("::")[0]
