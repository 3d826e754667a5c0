"""Which paths pytest collects when an option asks for the suite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from ttci.artifacts import names
from ttci.catalog.checks import check_names
from ttci.errors import InputError, Mistake, did_you_mean
from ttci.manifest import Identity
from ttci.testing.debug import Debugging

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


def chosen_checks(config: pytest.Config) -> Sequence[str]:
    """The kinds of checks that are asked for.

    Raises:
        InputError: names every one that there is not.
    """
    known = check_names()
    checks: Sequence[str] = config.getoption("--test-check") or known
    unknown = [check for check in checks if check not in known]
    if unknown:
        raise InputError(
            [
                Mistake("--test-check", None, f'unknown check "{check}"; {did_you_mean(check, known)}')
                for check in unknown
            ]
        )
    return checks


def left_of_failures(config: pytest.Config) -> dict[str, Any]:
    """The members of a `Case` that say what a failed check leaves beside its result.

    Raises:
        InputError: where a library is not installed that is needed for it.
    """
    folder: Path | None = config.getoption("--test-debug")
    passed_too: bool = config.getoption("--ttci-debug-passed")
    limit_s: float | None = config.getoption("--test-timeout")
    debugging = None if folder is None else Debugging(folder, passed_too=passed_too, limit_s=limit_s)
    return {"keep_in": _tensors_folder(config), "debugging": debugging}


def _tensors_folder(config: pytest.Config) -> Path | None:
    """Where the tensors of failed checks are kept; None where they are not."""
    folder: Path | None = config.getoption("--keep-tensors")
    if folder is not None and not find_spec("safetensors"):
        raise InputError("--keep-tensors: safetensors is not installed; python -m pip install safetensors")
    return folder


def chosen_identities(config: pytest.Config) -> frozenset[str] | None:
    """The only checks that are asked for; None where that is all."""
    file: Path | None = config.getoption("--ttci-only")
    return None if file is None else frozenset(file.read_text(encoding="utf-8").splitlines())


def refuse_unknown_identities(asked: Iterable[str], known: Iterable[str]) -> None:
    """Refuse checks that there are not.

    Raises:
        InputError: names every one, and what there is.
    """
    there = list(known)
    unknown = sorted(set(asked) - set(there))
    if unknown:
        raise InputError(
            [Mistake(name, None, f"there is no such check; {_near(name, there)}") for name in unknown]
        )


def _near(name: str, known: Sequence[str]) -> str:
    """What to do: have the test checked so too, where it is there; else what may be meant."""
    asked = Identity.parse(name)
    if any(Identity.parse(each).test == asked.test for each in known):
        return f'"{asked.check}" is not among its test_cases; add it'
    return did_you_mean(name, [each for each in known if Identity.parse(each).check == asked.check])


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
