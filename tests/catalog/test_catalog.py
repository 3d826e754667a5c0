"""The tables of metrics and units, and what reads them."""

import pytest

from ttci.catalog.metrics import METRICS, WITH_TARGETS
from ttci.catalog.units import BYTES_PER, is_of_time, is_time, time_factor
from ttci.checks.memory import PeakMemory, Usage, check_memory
from ttci.checks.outcome import measured
from ttci.checks.performance import Timing, check_language_model, check_performance
from ttci.manifest.schema import HistoryEntry, SmallestChanges
from ttci.manifest.target_entries import TargetOfMore, TestTargets


def test_every_metric_with_a_target_can_be_given_one_and_no_other() -> None:
    assert set(TestTargets.model_fields) == {*WITH_TARGETS, "accuracy"}


def test_target_of_what_is_better_the_more_there_is_cannot_be_one_that_is_never_missed() -> None:
    given = TestTargets.model_validate(dict.fromkeys(WITH_TARGETS, 1.0))
    of_more = {name for name in WITH_TARGETS if isinstance(given.of(name), TargetOfMore)}
    assert of_more == {name for name, metric in WITH_TARGETS.items() if metric.direction == "higher"}


def test_smallest_change_can_be_given_for_every_metric() -> None:
    assert list(SmallestChanges.model_fields) == list(METRICS)


def test_metric_has_its_own_smallest_change_unless_one_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    finer = METRICS["memory_mb"].__class__("memory_mb", "memory", "MB", None, smallest_change=0.01)
    monkeypatch.setitem(METRICS, "memory_mb", finer)
    assert HistoryEntry().smallest_change("memory_mb") == 0.01
    written = HistoryEntry.model_validate({"smallest-change": 0.05})
    assert written.smallest_change("memory_mb") == 0.05


def test_checks_measure_what_the_table_says_they_do() -> None:
    memory = check_memory(PeakMemory(1, Usage(1, 2), Usage(1, 2))).measurements
    timing = Timing((0.001,))
    step = check_performance(timing, is_decode_step=True).measurements
    performance = (*step, *check_language_model(timing, timing, decode_steps=1).measurements)
    for check, measurements in (("memory", memory), ("performance", performance)):
        of_check = {name for name, metric in METRICS.items() if metric.check == check}
        assert {measurement.name for measurement in measurements} == of_check


def test_figure_has_the_unit_and_direction_of_its_metric() -> None:
    rate = measured("tokens_per_s_per_user", 3.0, statistic="median")
    assert (rate.unit, rate.direction, rate.statistic) == ("tokens/s/user", "higher", "median")


def test_amounts_are_in_the_unit_of_their_metric() -> None:
    total, dram, l1 = check_memory(
        PeakMemory(3_000_000, Usage(2_000_000, 4_000_000), Usage(7_000, 8_000))
    ).measurements
    assert (total.value, dram.value, dram.capacity, l1.value, l1.capacity) == (3.0, 2.0, 4.0, 7.0, 8.0)
    assert {METRICS[m.name].unit for m in (total, dram, l1)} <= set(BYTES_PER)


@pytest.mark.parametrize(
    ("unit", "factor"), [("ns", 1e-6), ("us", 1e-3), ("ms", 1.0), ("s", 1e3), ("min", 6e4)]
)
def test_durations_are_converted_without_a_rounding_of_their_own(unit: str, factor: float) -> None:
    assert time_factor(unit, "ms") == factor


@pytest.mark.parametrize("unit", ["ns", "us", "ms", "s", "tokens/s", "tokens/s/user"])
def test_durations_and_rates_are_of_time(unit: str) -> None:
    assert is_of_time(unit)
    assert is_time(unit) is ("/" not in unit)


@pytest.mark.parametrize("unit", ["MB", "kB", "1", "", "tokens/step", "s of what"])
def test_other_units_are_not_of_time(unit: str) -> None:
    assert not is_of_time(unit)
