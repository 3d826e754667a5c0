"""The suite's nodes, and what hangs on them."""

from __future__ import annotations

from typing import Any

import pytest

from ttci.artifacts import names
from ttci.results import Result
from ttci.testing.judge import Case

CASE: pytest.StashKey[Case] = pytest.StashKey()
RESULT: pytest.StashKey[Result] = pytest.StashKey()


class SuiteModule(pytest.Module):
    """The suite's file, with the same node id on every machine, wherever ttci is installed."""

    def __init__(self, **arguments: Any) -> None:
        fixed: Any = names.SUITE  # a str to pytest 8, coerced by pytest 9
        super().__init__(nodeid=fixed, **arguments)


class Check(pytest.Function):
    """One check, named by its identity."""

    @property
    def id(self) -> Any:
        """The node id in parts, as pytest 9.2 reads it back from its cache for --lf and --ff.

        There what stands in brackets is no part of the name.
        """
        parts: Any = super().id
        return type(parts).parse(self.nodeid)
