"""pytest-benchmark's rounds in ttci's loop: what its fixture would call, and no call more.

Its own loop calls once to calibrate and once more for a result, and takes at least five
rounds: a call of a minute is called seven times. Its clock, its calibration, its options
and its statistics are kept.
"""

from __future__ import annotations

import cProfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from pytest_benchmark import fixture

from ttci.checks.performance import FEWEST_ROUNDS, Limits, Round, Timing, measure
from ttci.tests.given import is_given

_Call = Callable[[], object]
_undisturbed: Callable[[], AbstractContextManager[None]] = fixture.PauseInstrumentation  # by tracers


def measure_with(benchmark: Any, call: _Call, config: pytest.Config, max_seconds: float) -> Timing:
    """Measure `call` with the `benchmark` fixture of its test, for at most `max_seconds`.

    What pytest-benchmark's options say wins: --benchmark-max-time, -min-rounds, -precision,
    -confidence, -min-time, -warmup, -timer, -cprofile.
    """
    benchmark._mode = "benchmark(...)"
    limits = _limits(benchmark, config, max_seconds)
    try:
        timing = measure(call, limits=limits, rounds_of=lambda call: _rounds(benchmark, call))
        if benchmark.cprofile:
            _profile(benchmark, call)
    except Exception:
        benchmark.has_error = True  # or a benchmark without a figure goes into its file
        raise
    return timing


def _limits(benchmark: Any, config: pytest.Config, max_seconds: float) -> Limits:
    """When measuring ends; the fixture is told too, as its file says what it was measured with."""
    if not is_given(config, "benchmark_max_time"):
        benchmark._max_time = max_seconds
    fewest = benchmark._min_rounds if is_given(config, "benchmark_min_rounds") else None
    benchmark._min_rounds = fewest or FEWEST_ROUNDS
    limits = Limits(benchmark._max_time, fewest)
    if benchmark._precision is None:
        benchmark._precision, benchmark._confidence = limits.precision, limits.confidence
    return Limits(benchmark._max_time, fewest, benchmark._precision, benchmark._confidence)


def _rounds(benchmark: Any, call: _Call) -> Round:
    """Times a round: as many calls as its clock asks for; of a call that is not quick, one.

    The last call of the calibration is a round already.
    """
    run: Callable[[range], float] = benchmark._make_runner(call, (), {})
    calibrated: list[float] = []

    def noted(loops: range) -> float:
        calibrated.append(run(loops))
        return calibrated[-1]

    with _undisturbed():
        _, iterations, loops = benchmark._calibrate_timer(noted)
    stats = benchmark._make_stats(iterations)
    waiting = calibrated[-1:] if iterations == 1 else []

    def time_round() -> float:
        with _undisturbed():
            seconds = waiting.pop() if waiting else run(loops)
        stats.update(seconds)
        return seconds / float(iterations)

    return time_round


def _profile(benchmark: Any, call: _Call) -> None:
    """What --benchmark-cprofile asks for."""
    calls = benchmark.stats.iterations if benchmark.cprofile_loops is None else benchmark.cprofile_loops
    profile = cProfile.Profile()
    with _undisturbed():
        for _ in range(calls):
            profile.runcall(call)
    benchmark._save_cprofile(profile)
