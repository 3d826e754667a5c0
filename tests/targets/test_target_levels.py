"""Which target and tolerance measurements suggest, and what speaks against one."""

from __future__ import annotations

import math
import random
from datetime import timedelta

import pytest

from tests.histories import drifted
from tests.pair_folders import STARTED, latency, result_of, run_of, throughput
from ttci.catalog.metrics import METRICS
from ttci.drift.reasons import BeyondNoise, Statistics, TooFewRuns
from ttci.results import Drift, Fidelity, Limit, Measurement, Outcome, Run
from ttci.targets.candidates import Candidate, candidates, tolerance_for
from ttci.targets.levels import level_of_history, level_of_runs
from ttci.targets.validation import reason_against

PAIR = "llama3@n150"


def smallest_change(metric: str) -> float:
    return METRICS[metric].smallest_change


def suggested(*runs: Run) -> list[Candidate]:
    return list(candidates(runs, smallest_change))


def run_with(*measurements: Measurement, hours: float = 0, fidelity: Fidelity = Fidelity.SILICON) -> Run:
    result = result_of(PAIR, "ffn", "performance", measurements=measurements)
    run = run_of(PAIR, result, fidelity=fidelity)
    return run.model_copy(update={"started": STARTED + timedelta(hours=hours)})


def rounds(noise: float, count: int = 400) -> list[float]:
    draw = random.Random(5)
    return [5 * math.exp(draw.gauss(0, noise)) for _ in range(count)]


def test_noise_of_one_run_is_the_spread_of_its_rounds_whatever_slow_rounds_say() -> None:
    slow = [50.0] * 20
    assert level_of_runs([5.0], rounds(0.02)).noise == pytest.approx(0.02, rel=0.15)
    assert level_of_runs([5.0], rounds(0.02) + slow).noise == pytest.approx(0.02, rel=0.25)


def test_noise_of_several_runs_is_that_of_their_values() -> None:
    level = level_of_runs([4.8, 4.9, 5.0, 5.1, 5.2], rounds(0.3))
    assert level.value == 5.0
    assert level.noise == pytest.approx(math.sqrt(0.025) / 5)
    assert level.basis == "5 runs"


def test_few_runs_that_happen_to_agree_are_no_less_noisy_than_their_rounds() -> None:
    assert level_of_runs([5.0, 5.0], rounds(0.02)).noise == pytest.approx(0.02, rel=0.15)


def test_one_value_tells_nothing_of_its_noise() -> None:
    assert level_of_runs([5.0]).noise is None
    assert level_of_runs([5.0], [5.0, 5.1]).noise is None


def test_level_of_history_is_that_of_the_baseline() -> None:
    level = level_of_history(drifted(Drift.SAME, level=5.0, noise=0.02))
    assert level is not None
    assert (level.value, level.noise) == (5.0, 0.02)


def test_level_of_history_follows_what_became_faster_and_not_what_became_slower() -> None:
    faster = level_of_history(drifted(Drift.FASTER, level=5.0, noise=0.02, change=-0.2))
    slower = level_of_history(drifted(Drift.SLOWER, level=5.0, noise=0.02, change=0.2))
    assert faster is not None
    assert slower is not None
    assert (faster.value, slower.value) == (4.0, 5.0)


def test_hosts_that_differ_are_noise_of_a_history() -> None:
    statistics = Statistics(0.05, 20, hosts={"rack7": 0.04, "rack8": -0.04})
    entry = drifted(Drift.SAME, level=5.0, noise=0.03, statistics=statistics)
    level = level_of_history(entry)
    assert level is not None
    assert level.noise == pytest.approx(0.05)


def test_short_history_is_taken_as_its_runs() -> None:
    values = (5.0, 5.1, 4.9, 5.0, 5.1)
    reason = TooFewRuns(5, 14)
    level = level_of_history(drifted(Drift.TOO_FEW, values, 5.2, level=None, noise=None, reason=reason))
    assert level is not None
    assert level.value == pytest.approx(5.05)
    assert level.basis == "6 runs"


def test_what_the_newest_run_has_not_measured_has_no_level() -> None:
    gone = drifted(Drift.GONE, current=None, level=None, reason=BeyondNoise(0, 1, 1))
    assert level_of_history(gone) is None


@pytest.mark.parametrize(
    ("noise", "unit", "expected"),
    [
        (0.001, "ms", 0.05),  # less than what matters
        (0.031, "ms", 0.1),
        (0.04, "tokens/s/user", 0.12),
        (None, "ms", 0.05),
        (None, "MB", 0.01),
        (0.0, "kB", 0.01),
        (0.01, "MB", 0.03),
        (math.inf, "ms", math.inf),
    ],
)
def test_tolerance_is_three_standard_deviations_and_at_least_what_matters(
    noise: float | None, unit: str, expected: float
) -> None:
    assert tolerance_for(noise, unit, 0.05) == expected


def test_target_has_as_many_digits_as_a_person_writes() -> None:
    (found,) = suggested(run_with(latency(4.23456)))
    assert found.value == 4.23


def test_target_of_several_runs_is_their_median_and_the_newest_run_names_the_checks() -> None:
    older, newest = run_with(latency(5.0), latency(9.0)), run_with(latency(7.0), hours=1)
    (found,) = suggested(newest, older, run_with(latency(5.2), hours=-1))
    assert found.level.basis == "3 runs"
    assert found.measurement.value == 7.0
    assert 5.0 < found.value < 9.0


def test_runs_under_other_conditions_are_left_out_of_the_level() -> None:
    other = run_with(latency(50.0))
    other = other.model_copy(update={"environment": other.environment | {"boards": "another"}})
    (found,) = suggested(other, run_with(latency(5.0), hours=1))
    assert (found.value, found.level.basis) == (5.0, "1 run")


def test_reruns_stand_for_the_value_that_was_doubted() -> None:
    doubted = latency(9.0).model_copy(update={"reruns": (5.0, 5.1, 5.2)})
    assert suggested(run_with(doubted))[0].value == 5.1


def test_noise_of_throughput_is_that_of_the_latency_it_comes_from() -> None:
    time, rate = suggested(run_with(latency(5.0, samples=rounds(0.04)), throughput(200.0)))
    assert rate.metric == "tokens_per_s_per_user"
    assert rate.tolerance == time.tolerance > 0.08


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.UNAVAILABLE])
def test_check_that_was_not_judged_suggests_nothing(outcome: Outcome) -> None:
    result = result_of(PAIR, "ffn", "performance", outcome, measurements=[latency(5.0)])
    assert suggested(run_of(PAIR, result)) == []


def test_figure_without_target_or_in_another_unit_suggests_nothing() -> None:
    correlation = Measurement(name="correlation", value=0.99, unit="1", direction="higher")
    foreign = Measurement(name="latency_ms", value=5.0, unit="us")
    assert suggested(run_with(correlation, foreign)) == []


@pytest.mark.parametrize("fidelity", [Fidelity.GOLDEN, Fidelity.BIT_EXACT])
def test_time_of_a_mock_or_a_simulator_has_no_target_and_memory_has(fidelity: Fidelity) -> None:
    memory = Measurement(name="memory_mb", value=5.0, unit="MB")
    time, rate, peak = suggested(run_with(latency(5.0), throughput(200.0), memory, fidelity=fidelity))
    assert "means nothing" in str(reason_against(time))
    assert "means nothing" in str(reason_against(rate))
    assert reason_against(peak) is None


def test_wrong_result_has_no_target() -> None:
    wrong = result_of(PAIR, "ffn", "correctness", Outcome.FAILED)
    time = result_of(PAIR, "ffn", "performance", measurements=[latency(0.1)])
    other = result_of(PAIR, "attention", "performance", measurements=[latency(0.1)])
    of_wrong, of_right = suggested(run_of(PAIR, wrong, time, other))
    assert "wrong" in str(reason_against(of_wrong))
    assert reason_against(of_right) is None


def test_target_is_above_0() -> None:
    (found,) = suggested(run_with(Measurement(name="memory_mb", value=0.0, unit="MB")))
    assert "above 0" in str(reason_against(found))


def test_figure_that_is_mostly_noise_has_no_target() -> None:
    (found,) = suggested(run_with(latency(5.0, samples=rounds(0.3))))
    assert "noise" in str(reason_against(found))


def test_target_that_the_board_cannot_reach_is_refused_with_the_reason() -> None:
    limit = Limit(board="n150", latency_ms=6.0, bound_by="DRAM", dram_bytes=1_728_000_000, multiply_adds={})
    time = result_of(PAIR, "ffn", "performance", measurements=[latency(5.0)])
    [candidate] = suggested(run_of(PAIR, time.model_copy(update={"limit": limit})))
    reason = str(reason_against(candidate))
    assert reason.startswith("5 ms is below the limit of the n150, 6 ms: the DRAM of a chip needs that long")
