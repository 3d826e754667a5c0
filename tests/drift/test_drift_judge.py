"""When a figure is called slower or faster than its history, and when not."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.random import Generator

from ttci.drift.judge import FEWEST_EQUAL_RUNS, FEWEST_RUNS, judge
from ttci.drift.judgement import Judgement
from ttci.drift.reasons import Explained, Explanation
from ttci.report.drift_reasons import reason_text
from ttci.results import Drift

NOISE = 0.02


@pytest.fixture
def random() -> Generator:
    return np.random.default_rng(20261122)


def runs(random: Generator, count: int, level: float = 100.0, noise: float = NOISE) -> list[float]:
    """Values about a level, log-normal."""
    return [float(value) for value in level * np.exp(random.normal(0, noise, count))]


def judged(values: Sequence[float], value: float, **options: object) -> Judgement:
    """On one host."""
    return judge(values, ["rack7"] * len(values), value, "rack7", **options)  # type: ignore[arg-type]


def drifts(values: Sequence[float], newest: Sequence[float]) -> list[Drift]:
    """What is said of each of the newest runs, as they come one after the other."""
    everything = [*values, *newest]
    return [judged(everything[:at], everything[at]).drift for at in range(len(values), len(everything))]


def test_what_stays_as_it_was_is_same(random: Generator) -> None:
    found = judged(runs(random, 60), 100.5)
    assert found.drift is Drift.SAME
    assert "noise explains it" in reason_text(found.reason)
    assert not found.is_suspected
    assert found.level == pytest.approx(100, rel=0.01)
    assert found.noise == pytest.approx(NOISE, rel=0.25)


def test_what_became_slower_is_called_within_three_runs(random: Generator) -> None:
    found = drifts(runs(random, 60), [110.0, 109.0, 111.0])
    assert found[0] is Drift.SAME  # one run alone is never enough
    assert Drift.SLOWER in found


def test_what_became_faster_is_called_too(random: Generator) -> None:
    assert drifts(runs(random, 60), [85.0, 86.0, 85.5])[-1] is Drift.FASTER


def test_where_more_is_better_less_is_slower(random: Generator) -> None:
    values = [*runs(random, 60), 85.0, 86.0]
    assert judged(values, 85.5, direction="higher").drift is Drift.SLOWER


def test_one_slow_run_is_suspected_and_not_called(random: Generator) -> None:
    found = judged(runs(random, 60), 140.0)
    assert (found.drift, found.is_suspected) == (Drift.SAME, True)
    assert reason_text(found.reason).startswith("Looks 4")
    assert "one run alone does not show it" in reason_text(found.reason)


def test_one_fast_run_is_suspected_too(random: Generator) -> None:
    found = judged(runs(random, 60), 60.0)
    assert (found.drift, found.is_suspected) == (Drift.SAME, True)


@pytest.mark.parametrize("positions", [(0,), (1,), (2,), (0, 1), (0, 2)])
def test_outliers_among_the_newest_runs_are_no_change(random: Generator, positions: tuple[int, ...]) -> None:
    newest = [150.0 if position in positions else 100.0 for position in range(3)]
    values = [*runs(random, 60), *newest[:2]]
    assert judged(values, newest[2]).drift is Drift.SAME


def test_an_outlier_beside_slower_runs_does_not_hide_them(random: Generator) -> None:
    values = [*runs(random, 60), 115.0, 190.0]
    assert judged(values, 116.0).drift is Drift.SLOWER


def test_outliers_in_the_past_do_not_hide_a_change(random: Generator) -> None:
    values = runs(random, 60)
    values[10] = values[40] = 200.0
    assert drifts(values, [112.0, 112.0, 112.0])[-1] is Drift.SLOWER


def test_reruns_stand_for_a_suspected_run(random: Generator) -> None:
    values = runs(random, 60)
    borne_out = judged(values, 140.0, reruns=[139.0, 141.0, 138.0])
    assert borne_out.drift is Drift.SLOWER
    assert "its reruns lie" in reason_text(borne_out.reason)
    not_borne_out = judged(values, 140.0, reruns=[100.0, 101.0, 99.0])
    assert (not_borne_out.drift, not_borne_out.is_suspected) == (Drift.SAME, False)


@pytest.mark.parametrize("follows", [True, False])
def test_a_change_below_what_matters_is_same(random: Generator, follows: bool) -> None:
    values = [*runs(random, 60, noise=0.001), 102.0, 102.0]
    found = judged(values, 102.0, follows=follows)
    assert found.drift is Drift.SAME
    assert not found.is_suspected


def test_what_matters_is_the_callers_to_say(random: Generator) -> None:
    values = [*runs(random, 60, noise=0.001), 102.0, 102.0]
    assert judged(values, 102.0, smallest_change=0.01).drift is Drift.SLOWER


def test_a_step_in_the_past_resets_the_window(random: Generator) -> None:
    values = [*runs(random, 40), *runs(random, 20, level=130.0)]
    found = judged(values, 130.5)
    assert found.drift is Drift.SAME
    assert found.level == pytest.approx(130, rel=0.02)
    assert found.change_points == (40,)


@pytest.mark.parametrize("earlier", [13, 20, 40, 90])
def test_a_change_is_called_for_eight_runs_and_becomes_the_level(random: Generator, earlier: int) -> None:
    found = drifts(runs(random, earlier), runs(random, 24, level=120.0))
    assert [drift is Drift.SLOWER for drift in found[2:8]] == [True] * 6
    assert set(found[18:]) == {Drift.SAME}


@pytest.mark.parametrize("noise", [0.0, 1e-12])
def test_a_figure_without_noise_is_called_for_eight_runs_too(random: Generator, noise: float) -> None:
    values = runs(random, 20, level=7.0, noise=noise)
    found = drifts(values, [8.0] * 20)
    assert found[2 if noise else 0 : 8] == [Drift.SLOWER] * (6 if noise else 8)
    assert set(found[18:]) == {Drift.SAME}


def test_what_kept_a_change_from_being_called_is_said(random: Generator) -> None:
    values = runs(random, 40)
    for position in range(0, 33, 4):
        values[position] *= 1.5
    found = judged([*values, 150.0, 150.0], 150.0)
    assert found.drift is Drift.SAME
    assert isinstance(found.reason, Explained)
    assert found.reason.explanation in (Explanation.NOISE, Explanation.OTHERS_AS_FAR)


def test_few_runs_are_no_baseline(random: Generator) -> None:
    found = judged(runs(random, FEWEST_RUNS - 1), 200.0)
    assert found.drift is Drift.TOO_FEW
    assert reason_text(found.reason) == f"Too few: {FEWEST_RUNS - 1} of {FEWEST_RUNS} earlier runs."
    assert judged(runs(random, FEWEST_RUNS), 100.0).drift is Drift.SAME
    assert judged([], 1.0).drift is Drift.TOO_FEW


def test_a_figure_without_noise_changes_in_one_run() -> None:
    values = [53.0] * FEWEST_EQUAL_RUNS
    assert judged(values, 60.0).drift is Drift.SLOWER
    assert judged(values, 45.0).drift is Drift.FASTER
    assert reason_text(judged(values, 54.0).reason) == "1.9% higher; below 5% does not matter."
    fine = judged(values, 53.1, smallest_change=0.005)
    assert reason_text(fine.reason) == "0.2% higher; below 0.5% does not matter."
    assert reason_text(judged(values, 53.0).reason) == "Equal to the last digit."
    assert judged(values[1:], 60.0).drift is Drift.TOO_FEW


def test_a_figure_without_noise_that_once_changed_is_compared_with_its_new_level() -> None:
    values = [53.0] * 30 + [60.0] * 20
    same, slower = judged(values, 60.0), judged(values, 66.0)
    assert (same.drift, same.change_points) == (Drift.SAME, (30,))
    assert same.level == pytest.approx(60.0)
    assert slower.drift is Drift.SLOWER


def test_a_slow_host_is_no_change(random: Generator) -> None:
    hosts = ["fast", "slow", "middle"] * 20
    factors = {"fast": 1.0, "slow": 1.25, "middle": 1.1}
    values = [value * factors[host] for value, host in zip(runs(random, 60), hosts, strict=True)]
    on_slow = judge(values, hosts, 125.0, "slow")
    assert (on_slow.drift, on_slow.is_suspected) == (Drift.SAME, False)
    assert on_slow.statistics is not None
    assert (on_slow.statistics.hosts or {})["slow"] > 0
    assert judge(values, hosts, 125.0, "fast").is_suspected


def test_a_host_that_the_window_does_not_know_is_incomparable(random: Generator) -> None:
    found = judge(runs(random, 60), ["rack7"] * 60, 130.0, "rack8")
    assert found.drift is Drift.INCOMPARABLE
    assert reason_text(found.reason).startswith("Measured on rack8, which the window does not know: ")


def test_where_every_run_has_a_host_of_its_own_they_are_noise(random: Generator) -> None:
    values = runs(random, 60, noise=0.08)
    hosts = [f"runner-{number}" for number in range(64)]
    assert judge(values, hosts[:60], 115.0, hosts[60]).drift is Drift.SAME
    slower = judge([*values, 180.0, 185.0], hosts[:62], 178.0, hosts[62])
    assert slower.drift is Drift.SLOWER


def test_a_pull_request_is_not_blamed_for_what_the_default_branch_did(random: Generator) -> None:
    values = [*runs(random, 60), 130.0, 131.0]
    beside = judged(values, 130.0, follows=False, reruns=[130.0, 131.0, 129.0])
    assert beside.drift is Drift.SAME
    assert judged(values, 130.0).drift is Drift.SLOWER


def test_a_pull_request_is_called_slower_by_its_reruns_only(random: Generator) -> None:
    values = runs(random, 60)
    assert judged(values, 130.0, follows=False).is_suspected
    assert judged(values, 130.0, follows=False, reruns=[130.0, 131.0, 129.0]).drift is Drift.SLOWER


def test_noise_that_is_large_says_what_could_not_be_seen(random: Generator) -> None:
    found = judged(runs(random, 60, noise=0.3), 120.0)
    assert found.drift is Drift.SAME
    assert found.statistics is not None
    assert (found.statistics.smallest_seen or 0) > 0.2


def test_a_second_mode_that_one_run_in_ten_is_in_is_noise(random: Generator) -> None:
    values = runs(random, 80)
    for position in range(0, 80, 10):
        values[position] *= 1.3
    assert drifts(values, [130.0, 130.0, 130.0])[:2] == [Drift.SAME, Drift.SAME]


@pytest.mark.parametrize("value", [-3.0, 0.0, 0.2])
def test_figures_of_any_sign_are_judged(random: Generator, value: float) -> None:
    values = [float(x) for x in random.normal(0, 0.1, 60)]
    found = judged([*values, value, value], value)
    assert found.drift is (Drift.FASTER if value == -3.0 else Drift.SAME)


def test_no_figures_make_it_fail() -> None:
    shapes = ([0.0] * 20, [0.0, 1.0] * 10, [1e-300] * 10 + [1e300] * 10, [5.0] * 19 + [5.1], [-1.0] * 12)
    for values, value in itertools.product(shapes, (0.0, 1.0, -1.0, 1e300, 5.0)):
        for follows, reruns in itertools.product((True, False), ((), (value, value, value))):
            hosts = [f"host-{number % 3}" for number in range(len(values))]
            found = judge(values, hosts, value, "host-1", follows=follows, reruns=reruns)
            assert reason_text(found.reason).endswith(".")


def test_false_calls_are_rare_and_changes_are_found(random: Generator) -> None:
    false = sum(judged(runs(random, 60), runs(random, 1)[0]).drift is not Drift.SAME for _ in range(1000))
    found = sum(
        Drift.SLOWER in drifts(runs(random, 80, noise=0.03), runs(random, 3, level=110.0, noise=0.03))
        for _ in range(100)
    )
    assert false <= 4  # 1 is expected
    assert found >= 88  # 95 are
