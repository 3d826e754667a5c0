"""Checks that something keeps from being made: where a target binds, they fail.

A user's addopts (--benchmark-skip, -m unit) are often meant for other tests than these, and
a marker or a conftest.py may skip any. A target that nobody measured then looks met.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ttci.results import Outcome
from ttci.testing.judge import unavailable
from ttci.tests.given import Origin
from ttci.tests.items import CASE, RESULT
from ttci.tests.recorder import reason_in


def left_out_with_a_target(
    collected: Sequence[pytest.Item], left: Sequence[pytest.Item]
) -> list[pytest.Item]:
    """Those of our `collected` checks, not among what is `left`, whose target binds: to be put back.

    They are marked to be skipped, with the reason. What the command line leaves out is a choice.
    """
    kept = set(left)
    missing = [item for item in collected if item not in kept]
    origin = Origin(missing[0].config) if missing else None
    return [item for item in missing if origin and _is_marked(item, origin.reason(item.nodeid))]


def _is_marked(item: pytest.Item, reason: str | None) -> bool:
    if reason is None or unavailable(item.stash[CASE], reason).outcome is not Outcome.FAILED:
        return False
    item.add_marker(pytest.mark.skip(reason=reason))
    return True


def fail_where_a_target_binds(item: pytest.Item, report: pytest.TestReport) -> None:
    """Make a failure of `report`, which says that the check was skipped, where a target binds here."""
    result = unavailable(item.stash[CASE], reason_in(report))
    if result.outcome is not Outcome.FAILED:
        return
    item.stash[RESULT] = result
    report.outcome = "failed"
    report.when = "call"  # a failure, and no error in what comes before the check
    report.longrepr = f"{result.outcome}: {result.id}\n{result.message}"
