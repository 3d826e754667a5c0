"""Where pytest's options come from: the command line, or the addopts of an ini file and PYTEST_ADDOPTS."""

from __future__ import annotations

import os
import shlex
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

_ADDOPTS_VARIABLE = "PYTEST_ADDOPTS"
_ABSENT = object()
_CHOOSE_TOO = ("lf", "stepwise")  # options of pytest that leave tests out, beside those below
_NAMES = {"keyword": "-k", "markexpr": "-m"}


def is_given(config: pytest.Config, name: str) -> bool:
    """Whether the option that pytest calls `name` is given anywhere, be it with its default."""
    everywhere = [*config.invocation_params.args, *(word for _, words in _addopts(config) for word in words)]
    return getattr(_parsed(config, everywhere, **{name: _ABSENT}), name) is not _ABSENT


def reason_left_out(config: pytest.Config, nodeid: str) -> str | None:
    """Why a collected test is not in the session; None where the command line chose so.

    What addopts leave out nobody has chosen for this run; they are often meant for other tests.
    """
    added = [(who, _parsed(config, words)) for who, words in _addopts(config)]
    for who, options in added:
        if nodeid.startswith(tuple(options.deselect or ())):
            return f"left out by {who}: --deselect"
    chosen = _parsed(config, config.invocation_params.args)
    if any(getattr(chosen, name, None) for name in (*_NAMES, "deselect", *_CHOOSE_TOO)):
        return None
    for who, options in added:
        for name, option in _NAMES.items():
            if getattr(options, name):
                return f"left out by {who}: {option} {getattr(options, name)}"
    return "left out of the session by a conftest.py or a plugin"


def _addopts(config: pytest.Config) -> Iterator[tuple[str, list[str]]]:
    """The words that are added to every command line, by who adds them."""
    yield _ADDOPTS_VARIABLE, shlex.split(os.environ.get(_ADDOPTS_VARIABLE, ""))
    file = config.inipath.name if config.inipath else "an ini file"
    yield f"addopts in {file}", list(config.getini("addopts"))


def _parsed(config: pytest.Config, words: Sequence[Any], **preset: object) -> Namespace:
    """What pytest's own parser makes of these words alone."""
    parser: Any = config._parser
    options: Namespace = parser.parse_known_args([*map(str, words)], Namespace(**preset))
    return options
