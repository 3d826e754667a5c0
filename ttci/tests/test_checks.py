"""One item a check of a declared test; `ttci.tests.session` makes the items.

No function here has a name that pytest collects: without ttci's options this
file is empty to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import pytest

from ttci.checks.performance import CONFIDENCE, PRECISION, WARM_UP_ROUNDS, Steadiness
from ttci.results import Outcome, Result
from ttci.testing.judge import Case, judge_case
from ttci.tests.items import CASE, RESULT


def judge(request: pytest.FixtureRequest) -> None:
    """Correctness, gradients or memory of a module."""
    _conclude(request, judge_case(request.node.stash[CASE], timer=_no_timer))


def judge_performance(request: pytest.FixtureRequest, benchmark: Any) -> None:
    """Latency of a module's forward pass, measured by pytest-benchmark."""
    case: Case = request.node.stash[CASE]
    benchmark.extra_info["identity"] = str(case.identity)
    result = judge_case(case, timer=lambda call: _seconds(benchmark, call))
    benchmark._mode = benchmark._mode or "nothing to time"  # or it warns that nobody used it
    _conclude(request, _unmeasured(result, request.config) if benchmark.disabled else result)


def _conclude(request: pytest.FixtureRequest, result: Result) -> None:
    request.node.stash[RESULT] = result
    if result.outcome is Outcome.UNAVAILABLE:
        pytest.skip(result.message)
    if result.outcome is not Outcome.PASSED:
        pytest.fail(f"{result.outcome}: {result.id}\n{result.message}", pytrace=False)


def _unmeasured(result: Result, config: pytest.Config) -> Result:
    """What was not measured has not passed; a target that binds has already failed it."""
    reason = "--benchmark-disable is given"
    if hasattr(config, "workerinput"):
        reason = "under pytest-xdist nothing is timed; run it alone: -n 0 --test-check performance"
    if result.outcome is Outcome.PASSED:
        return result.model_copy(update={"outcome": Outcome.UNAVAILABLE, "message": reason})
    if result.outcome is Outcome.FAILED:
        return result.model_copy(update={"message": f"{result.message}\n{reason}"})
    return result


def _no_timer(call: Callable[[], object]) -> Sequence[float]:
    raise NotImplementedError("only the performance check measures time")


def _seconds(benchmark: Any, call: Callable[[], object]) -> list[float]:
    """Seconds of each round; none where benchmarks are disabled."""
    if benchmark.disabled:
        call()
        return []
    for _ in range(WARM_UP_ROUNDS):
        call()
    # pytest-benchmark stops when the mean is known well enough, which one slow
    # round delays to the time limit; the figure judged here is the median.
    if benchmark._precision is None:
        benchmark._precision, benchmark._confidence = PRECISION, CONFIDENCE
    benchmark._run_until_precise = MethodType(_run_until_median_is_steady, benchmark)
    benchmark(call)
    return list(benchmark.stats.stats.data)


def _run_until_median_is_steady(
    benchmark: Any, runner: Callable[..., float], loops: Any, stats: Any, max_rounds: int
) -> None:
    steadiness = Steadiness(benchmark._precision, benchmark._confidence)
    for count in range(1, max_rounds + 1):
        duration = runner(loops)
        stats.update(duration)
        steadiness.add(duration)
        if count >= benchmark._min_rounds and steadiness.is_reached:
            return
