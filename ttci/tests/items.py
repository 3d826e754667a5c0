"""The suite's nodes, and what hangs on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest

from ttci.artifacts import names
from ttci.catalog.checks import needs_timer
from ttci.results import Result
from ttci.testing.judge import Case
from ttci.tests.recorder import Recorder

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


def cases_of(cases: Iterable[Case], checks: Collection[str], recorder: Recorder | None) -> list[Case]:
    """Those of these checks; no limit is asked of a test that took a process along: it would do so again."""
    lost = recorder.lost_tests if recorder else ()
    chosen = [case for case in cases if case.check in checks]
    for case in chosen:
        case.prepared.may_have_limit = case.identity.test not in lost
    return chosen


def items_of(parent: pytest.Module, function: object, cases: Iterable[Case]) -> list[pytest.Item]:
    """One item a case; its fixtures are the function's, and are looked up once."""
    items: list[pytest.Item] = []
    fixtures = None
    for case in cases:
        item: Check = Check.from_parent(
            parent, name=str(case.identity), callobj=function, fixtureinfo=fixtures
        )
        fixtures = item._fixtureinfo
        item.stash[CASE] = case
        if needs_timer(case.check) and not _is_timed(parent.config):
            item.add_marker(pytest.mark.skip(reason="pytest-benchmark is switched off"))
        items.append(item)
    return items


def function_for(check: str, config: pytest.Config) -> str:
    """Which function of the suite's file judges a check."""
    return "judge_timed" if needs_timer(check) and _is_timed(config) else "judge"


def _is_timed(config: pytest.Config) -> bool:
    """Whether pytest-benchmark is there: a user's -p no:benchmark takes its fixture away."""
    return config.getoption("benchmark_skip", None) is not None
