"""The performance check: when enough rounds were measured, and what they come to."""

import itertools
import time
from collections.abc import Iterator

import pytest

from ttci.checks.performance import MIN_ROUNDS, WARM_UP_ROUNDS, Steadiness, check_performance, measure


def rounds_until_steady(samples: Iterator[float], most: int = 1000) -> int:
    """How many samples it takes; `most` where they never become steady."""
    steadiness = Steadiness()
    for count, sample in enumerate(itertools.islice(samples, most), start=1):
        steadiness.add(sample)
        if count >= MIN_ROUNDS and steadiness.is_reached:
            return count
    return most


def test_steady_samples_are_enough_at_the_fewest_rounds() -> None:
    assert rounds_until_steady(itertools.cycle([1.0, 1.001, 0.999])) == MIN_ROUNDS


def test_too_few_rounds_are_never_steady() -> None:
    steadiness = Steadiness()
    for _ in range(5):
        steadiness.add(1.0)
        assert not steadiness.is_reached


@pytest.mark.parametrize("position", [0, 3, MIN_ROUNDS - 1])
def test_one_slow_round_delays_the_end_by_a_few_rounds_only(position: int) -> None:
    samples = [1.0] * 20
    samples[position] = 1000.0
    assert rounds_until_steady(iter(samples)) <= 2 * MIN_ROUNDS


def test_samples_that_scatter_widely_are_not_steady() -> None:
    assert rounds_until_steady(itertools.cycle([1.0, 2.0]), most=100) == 100


def test_more_rounds_narrow_the_interval_of_the_median() -> None:
    samples = [1 + (7 * index % 101 - 50) / 1000 for index in range(1000)]  # 0.95 to 1.05, evenly
    assert MIN_ROUNDS < rounds_until_steady(iter(samples)) < 200


def test_a_coarser_precision_is_reached_sooner() -> None:
    coarse, fine = Steadiness(precision=0.5), Steadiness(precision=0.01)
    for sample in [1.0, 1.1] * 10:
        coarse.add(sample)
        fine.add(sample)
    assert coarse.is_reached
    assert not fine.is_reached


def test_measuring_warms_up_and_ends_as_soon_as_the_median_is_steady(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()  # every round takes one second
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    calls: list[None] = []
    samples = measure(lambda: calls.append(None), max_seconds=1e9)
    assert samples == [1.0] * MIN_ROUNDS
    assert len(calls) == WARM_UP_ROUNDS + MIN_ROUNDS


def test_measuring_ends_at_the_time_limit_but_never_below_the_fewest_rounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments = itertools.accumulate(itertools.cycle([1.0, 3.0, 2.0]))  # scatters for ever
    monkeypatch.setattr(time, "perf_counter", lambda: next(moments))
    assert len(measure(lambda: None, max_seconds=0)) == MIN_ROUNDS
    limited = measure(lambda: None, max_seconds=100)
    assert MIN_ROUNDS < len(limited) < 60


def test_the_latency_is_the_median_of_the_rounds_in_milliseconds() -> None:
    (measurement,) = check_performance([0.001, 0.003, 0.002, 9.0]).measurements
    assert (measurement.name, measurement.unit, measurement.statistic) == ("latency_ms", "ms", "median")
    assert measurement.value == 2.5
    assert measurement.samples == (1.0, 3.0, 2.0, 9000.0)
    assert measurement.direction == "lower"


def test_no_rounds_measure_nothing() -> None:
    (measurement,) = check_performance([]).measurements
    assert measurement.value is None
    assert measurement.samples == ()
