"""The performance check: when enough rounds were measured, and what they come to."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from ttci.checks.performance import (
    FEWEST_ROUNDS,
    MOST_ROUNDS,
    WARM_UP_CALLS,
    Limits,
    Round,
    Steadiness,
    Timing,
    check_performance,
    measure,
)
from ttci.results import Measurement, Verdict, judge
from ttci.text.measurement import describe_briefly, describe_failure

STEADY_ROUNDS = 8  # 1 - 2 / 2^8 is the first such share above 0.99


class Clock:
    """Time that passes in calls only, and how often there was one."""

    def __init__(self, *durations: float) -> None:
        self._durations = itertools.chain(durations[:-1], itertools.repeat(durations[-1]))
        self.now = 0.0
        self.calls = 0

    def call(self) -> None:
        self.calls += 1
        self.now += next(self._durations)

    def measure(self, max_seconds: float = 10, limits: Limits | None = None) -> Timing:
        return measure(self.call, max_seconds, limits=limits, clock=lambda: self.now)


def scattering() -> Clock:
    """Calls of 0.1 s and 0.2 s, in turns for ever."""
    return Clock(*[0.1, 0.2] * 10_000)


def rounds_until_steady(samples: Iterator[float], most: int = 1000) -> int:
    """How many samples it takes; `most` where they never become steady."""
    steadiness = Steadiness()
    for count, sample in enumerate(itertools.islice(samples, most), start=1):
        steadiness.add(sample)
        if steadiness.is_reached:
            return count
    return most


def test_steady_samples_are_enough_at_the_fewest_rounds_that_bound_a_median() -> None:
    assert rounds_until_steady(itertools.cycle([1.0, 1.001, 0.999])) == STEADY_ROUNDS


@pytest.mark.parametrize("position", [0, 3, STEADY_ROUNDS - 1])
def test_one_slow_round_delays_the_end_by_a_few_rounds_only(position: int) -> None:
    samples = [1.0] * 20
    samples[position] = 1000.0
    assert rounds_until_steady(iter(samples)) <= 2 * STEADY_ROUNDS


def test_samples_that_scatter_widely_are_not_steady() -> None:
    assert rounds_until_steady(itertools.cycle([1.0, 2.0]), most=100) == 100


def test_more_rounds_narrow_the_interval_of_the_median() -> None:
    samples = [1 + (7 * index % 101 - 50) / 1000 for index in range(1000)]  # 0.95 to 1.05, evenly
    assert STEADY_ROUNDS < rounds_until_steady(iter(samples)) < 200


def test_a_coarser_precision_is_reached_sooner() -> None:
    coarse, fine = Steadiness(precision=0.5), Steadiness(precision=0.01)
    for sample in [1.0, 1.1] * 10:
        coarse.add(sample)
        fine.add(sample)
    assert coarse.is_reached
    assert not fine.is_reached


def test_measuring_warms_up_and_ends_as_soon_as_the_median_is_steady() -> None:
    clock = Clock(0.25)
    timing = clock.measure(max_seconds=1e9)
    assert timing == Timing((0.25,) * STEADY_ROUNDS, is_steady=True, seconds=0.25 * STEADY_ROUNDS)
    assert clock.calls == WARM_UP_CALLS + STEADY_ROUNDS


def test_what_is_never_steady_ends_when_its_time_is_up_and_says_so() -> None:
    clock = scattering()
    timing = clock.measure(max_seconds=10)
    assert timing.is_steady is False
    assert timing.seconds is not None
    assert 9 < timing.seconds <= 10.2
    assert clock.now <= 10.4  # the first call does not count, and one may end late


@pytest.mark.parametrize(
    ("call_s", "calls", "rounds"),
    [(93.0, 2, 1), (20.0, 2, 1), (10.5, 2, 1), (10.0, 4, 3), (4.0, 4, 3), (1.0, 10, 8), (0.6, 10, 8)],
)
def test_a_slow_call_is_made_as_often_as_its_time_allows(call_s: float, calls: int, rounds: int) -> None:
    clock = Clock(call_s)
    timing = clock.measure(max_seconds=10)
    assert (clock.calls, len(timing.samples)) == (calls, rounds)
    assert timing.is_steady is (rounds == STEADY_ROUNDS)


def test_a_first_call_that_compiles_takes_no_time_from_the_rounds() -> None:
    clock = Clock(60.0, 1.0)
    assert clock.measure(max_seconds=10).samples == (1.0,) * STEADY_ROUNDS
    assert clock.calls == 1 + STEADY_ROUNDS


def test_one_slow_round_among_quick_ones_does_not_make_the_call_a_slow_one() -> None:
    assert Clock(2.0, 1.0, 12.0, 1.0).measure(max_seconds=10).samples == (1.0, 12.0, 1.0)


def test_a_quick_call_that_is_never_steady_ends_at_the_most_rounds() -> None:
    clock = Clock(*[1e-6, 2e-6] * MOST_ROUNDS)
    timing = clock.measure(max_seconds=10)
    assert (len(timing.samples), timing.is_steady) == (MOST_ROUNDS, False)


@pytest.mark.parametrize(("fewest", "rounds"), [(1, 1), (5, 5), (20, 20)])
def test_a_number_of_rounds_that_is_asked_for_holds_for_slow_calls_too(fewest: int, rounds: int) -> None:
    assert len(Clock(20.0).measure(limits=Limits(10, fewest_rounds=fewest)).samples) == rounds


def test_rounds_that_are_asked_for_come_where_the_median_is_steady_before() -> None:
    assert len(Clock(0.1).measure(limits=Limits(1e9, fewest_rounds=50)).samples) == 50


def test_a_round_may_be_what_another_tool_times() -> None:
    clock, prepared_after = Clock(0.5), []

    def rounds_of(call: Callable[[], object]) -> Round:
        prepared_after.append(clock.calls)
        return lambda: (call(), 7.0)[1]

    timing = measure(clock.call, 1e9, rounds_of=rounds_of, clock=lambda: clock.now)
    assert timing.samples == (7.0,) * STEADY_ROUNDS
    assert prepared_after == [WARM_UP_CALLS]


def test_the_clock_is_the_real_one_where_none_is_given() -> None:
    calls: list[None] = []
    timing = measure(lambda: calls.append(None), limits=Limits(0, FEWEST_ROUNDS))
    assert len(calls) == 1 + FEWEST_ROUNDS
    assert all(sample < 1 for sample in timing.samples)


def test_the_latency_is_the_median_of_the_rounds_in_milliseconds() -> None:
    (measurement,) = check_performance(Timing((0.001, 0.003, 0.002, 9.0))).measurements
    assert (measurement.name, measurement.unit, measurement.statistic) == ("latency_ms", "ms", "median")
    assert measurement.value == 2.5
    assert measurement.samples == (1.0, 3.0, 2.0, 9000.0)
    assert measurement.direction == "lower"


def test_no_rounds_measure_nothing() -> None:
    (measurement,) = check_performance(Timing()).measurements
    assert measurement.value is None
    assert measurement.samples == ()
    assert measurement.steady is None


UNSTEADY = Timing((0.03, 0.04, 0.05), is_steady=False, seconds=9.99)


def test_every_figure_of_a_latency_that_is_not_steady_is_marked_wherever_it_is_shown() -> None:
    latency, rate = check_performance(UNSTEADY, is_decode_step=True).measurements
    assert describe_briefly(latency) == "latency_ms 40 ms (not steady after 10 s, 3 rounds)"
    assert describe_briefly(rate) == "tokens_per_s_per_user 25 tokens/s/user (not steady after 10 s)"
    missed = judge(latency.model_copy(update={"target": 5.0}), binds=True)
    assert missed.verdict is Verdict.MISSED
    assert "(not steady after 10 s, 3 rounds; target 5 ms: missed)" in describe_briefly(missed)
    assert "measured 40 ms (not steady after 10 s, 3 rounds), target 5 ms" in describe_failure(missed)


def test_a_steady_figure_and_one_of_which_nobody_knows_are_not_marked() -> None:
    steady, unknown = Timing((0.03,) * 8, is_steady=True, seconds=0.24), Timing((0.03,) * 8)
    for timing in (steady, unknown):
        assert describe_briefly(*check_performance(timing).measurements) == "latency_ms 30 ms"


def test_a_slow_call_says_that_it_was_one_round() -> None:
    figure = Measurement(
        name="latency_ms", value=93e3, unit="ms", samples=(93e3,), steady=False, seconds=93.1
    )
    assert describe_briefly(figure) == "latency_ms 93000 ms (not steady after 93 s, 1 round)"
