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
_ASKED_FOR = ("benchmark_max_time", "benchmark_min_rounds")  # whose defaults are not ours
_GIVEN: pytest.StashKey[Namespace] = pytest.StashKey()
_NAMES = {"keyword": "-k", "markexpr": "-m"}
_ALSO_CHOOSE = ("deselect", "lf", "stepwise")


def is_given(config: pytest.Config, name: str) -> bool:
    """Whether the option that pytest calls `name`, of _ASKED_FOR, is given, be it with its default."""
    if _GIVEN not in config.stash:
        added = [word for _, words in _addopts(config) for word in words]
        words = [*added, *config.invocation_params.args]
        config.stash[_GIVEN] = _parsed(config, words, **dict.fromkeys(_ASKED_FOR, _ABSENT))
    return getattr(config.stash[_GIVEN], name) is not _ABSENT


class Origin:
    """Who leaves a collected test out of the session.

    What addopts leave out nobody has chosen for this run: they are often meant for other tests.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._added = [(who, _parsed(config, words)) for who, words in _addopts(config)]
        chosen = _parsed(config, config.invocation_params.args)
        self._is_chosen = any(getattr(chosen, name, None) for name in (*_NAMES, *_ALSO_CHOOSE))

    def reason(self, nodeid: str) -> str | None:
        """Why the test is left out; None where the command line chooses what is run."""
        for who, options in self._added:
            if nodeid.startswith(tuple(options.deselect or ())):
                return f"left out by {who}: --deselect"
        if self._is_chosen:
            return None
        for who, options in self._added:
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
