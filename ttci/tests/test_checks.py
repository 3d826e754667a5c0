"""One item a check of a declared test; `ttci.tests.session` makes the items.

No function here has a name that pytest collects: without ttci's options this
file is empty to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ttci.checks.performance import Timing
from ttci.results import Outcome, Result
from ttci.testing.judge import Case, judge_case
from ttci.tests.items import CASE, RESULT
from ttci.tests.timing import measure_with


def judge(request: pytest.FixtureRequest) -> None:
    """A check that times nothing."""
    _conclude(request, judge_case(request.node.stash[CASE], timer=_no_timer))


def judge_timed(request: pytest.FixtureRequest, benchmark: Any) -> None:
    """A check that is timed by pytest-benchmark."""
    case: Case = request.node.stash[CASE]
    benchmark.extra_info["identity"] = str(case.identity)
    result = judge_case(case, timer=lambda call: _timed(request, benchmark, call))
    benchmark._mode = benchmark._mode or "nothing to time"  # or it warns that nobody used it
    _conclude(request, _unmeasured(result, request.config) if benchmark.disabled else result)


def _timed(request: pytest.FixtureRequest, benchmark: Any, call: Callable[[], object]) -> Timing:
    """What pytest-benchmark measures; nothing where benchmarks are disabled."""
    if benchmark.disabled:
        call()
        return Timing()
    timing = measure_with(benchmark, call, request.config, request.node.stash[CASE].prepared.measure_seconds)
    benchmark.extra_info["steady"] = timing.is_steady
    return timing


def _conclude(request: pytest.FixtureRequest, result: Result) -> None:
    request.node.stash[RESULT] = result
    if result.outcome is Outcome.UNAVAILABLE:
        pytest.skip(result.message)
    if result.outcome is not Outcome.PASSED:
        said = result.message or "no reason was given"  # its first line is what a summary shows
        prefix = "" if result.outcome is Outcome.FAILED else f"{result.outcome}: "
        pytest.fail(f"{prefix}{said}", pytrace=False)


def _unmeasured(result: Result, config: pytest.Config) -> Result:
    """What was not measured has not passed; a target that binds has already failed it."""
    reason = "--benchmark-disable is given"
    if hasattr(config, "workerinput"):
        reason = f"under pytest-xdist nothing is timed; run it alone: -n 0 --test-check {result.check}"
    if result.outcome is Outcome.PASSED:
        return result.model_copy(update={"outcome": Outcome.UNAVAILABLE, "message": reason})
    if result.outcome is Outcome.FAILED:
        return result.model_copy(update={"message": f"{result.message}\n{reason}"})
    return result


def _no_timer(call: Callable[[], object]) -> Timing:
    raise NotImplementedError("only a check that needs TIMING measures time")
