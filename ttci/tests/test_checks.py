"""One item a check of a declared test; `ttci.tests.session` makes the items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MethodType
from typing import TYPE_CHECKING, Any

import pytest

from ttci.checks.performance import WARM_UP_ROUNDS, Steadiness
from ttci.results import Outcome, Result
from ttci.testing.judge import Case, judge_case
from ttci.tests.items import CASE, RESULT

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


def test_check(request: pytest.FixtureRequest) -> None:
    """Correctness, gradients or memory of a module."""
    _conclude(request, judge_case(request.node.stash[CASE], timer=_no_timer))


def test_performance(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> None:
    """Latency of a module's forward pass, measured by pytest-benchmark."""
    case: Case = request.node.stash[CASE]
    benchmark.extra_info["identity"] = str(case.identity)
    _conclude(request, judge_case(case, timer=lambda call: _seconds(benchmark, call)))


def _conclude(request: pytest.FixtureRequest, result: Result) -> None:
    request.node.stash[RESULT] = result
    if result.outcome is Outcome.UNAVAILABLE:
        pytest.skip(result.message)
    if result.outcome is not Outcome.PASSED:
        pytest.fail(f"{result.outcome}: {result.id}\n{result.message}", pytrace=False)


def _no_timer(call: Callable[[], object]) -> Sequence[float]:
    raise NotImplementedError("only the performance check measures time")


def _seconds(benchmark: BenchmarkFixture, call: Callable[[], object]) -> list[float]:
    """Seconds of each round; none where benchmarks are disabled."""
    for _ in range(WARM_UP_ROUNDS):
        call()
    # pytest-benchmark stops when the mean is known well enough, which one slow
    # round delays to the time limit; the figure judged here is the median.
    replacement = MethodType(_run_until_median_is_steady, benchmark)
    benchmark._run_until_precise = replacement  # type: ignore[method-assign]
    benchmark(call)
    return list(benchmark.stats.stats.data) if benchmark.stats else []


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
