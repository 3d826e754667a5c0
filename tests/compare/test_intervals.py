"""What is said of a ratio, and how often that is wrong."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator
from scipy.stats import t as student_t

from ttci.compare.intervals import (
    FEWEST_PAIRS,
    MOST_FALSE_CALLS,
    Interval,
    exact,
    interval_of,
    is_look,
    pairs_needed,
)
from ttci.results import Comparison

SAME, MOST_PAIRS = 0.02, 30


def said(generator: Generator, draw: Callable[[Generator], float]) -> Comparison:
    """What is said of one figure in the end."""
    logarithms = [draw(generator) for _ in range(MOST_PAIRS)]
    for pairs in range(1, MOST_PAIRS + 1):
        is_last = pairs == MOST_PAIRS
        if is_look(pairs) or is_last:
            word = interval_of(logarithms[:pairs], is_last=is_last).word(SAME)
            if word is not Comparison.UNSURE:
                return word
    return Comparison.UNSURE


@pytest.mark.parametrize("noise", [0.005, 0.03, 0.1])
def test_unchanged_code_is_called_changed_at_most_once_in_a_thousand(noise: float) -> None:
    generator = np.random.default_rng(20261128)
    words = [said(generator, lambda of: of.normal(0, noise)) for _ in range(5000)]
    assert sum(word in (Comparison.SLOWER, Comparison.FASTER) for word in words) <= 5


def test_processes_of_two_speeds_are_not_taken_for_a_change() -> None:
    def two_speeds(generator: Generator) -> float:
        base, head = generator.integers(2, size=2)
        return float(0.05 * (head - base) + generator.normal(0, 1e-4))

    generator = np.random.default_rng(20261128)
    words = [said(generator, two_speeds) for _ in range(5000)]
    assert sum(word in (Comparison.SLOWER, Comparison.FASTER) for word in words) <= 5


def test_the_looks_together_spend_less_than_all_false_calls() -> None:
    looks = [pairs for pairs in range(1, 10_000) if is_look(pairs)]
    spent = []
    for pairs in looks:
        drawn = np.resize([0.01, -0.01], pairs)
        interval = interval_of(list(drawn))
        assert interval.high is not None
        standard_error = float(np.std(drawn, ddof=1)) / math.sqrt(pairs)
        quantile = (math.log(interval.high) - float(np.mean(drawn))) / standard_error
        spent.append(2 * float(student_t.sf(quantile, pairs - 1)))
    assert 0.5 * MOST_FALSE_CALLS < sum(spent) < 0.7 * MOST_FALSE_CALLS
    assert max(spent) == spent[0] < 0.25 * MOST_FALSE_CALLS


def test_five_percent_in_one_percent_noise_is_found_and_none_of_it_is_the_same() -> None:
    generator = np.random.default_rng(20261128)
    words = [said(generator, lambda of: of.normal(math.log(1.05), 0.01)) for _ in range(500)]
    assert words.count(Comparison.SLOWER) >= 495
    unchanged = [said(generator, lambda of: of.normal(0, 0.01)) for _ in range(500)]
    assert unchanged.count(Comparison.SAME) >= 495


def test_looks_become_rarer_and_the_last_one_spends_what_the_next_would_have() -> None:
    looks = [pairs for pairs in range(1, 40) if is_look(pairs)]
    assert looks[0] == FEWEST_PAIRS
    assert all(later - look >= 2 for look, later in itertools.pairwise(looks))
    logarithms = [0.01, 0.02, 0.03, 0.02, 0.01, 0.02, 0.03, 0.02]
    between = interval_of(logarithms), interval_of(logarithms, is_last=True)
    assert between[1].low is not None
    assert between[0].low is not None
    assert between[1].low < between[0].low


@pytest.mark.parametrize(
    ("low", "high", "lower", "higher"),
    [
        (0.99, 1.01, "same", "same"),
        (1.001, 1.01, "same", "same"),
        (1.01, 1.05, "slower", "faster"),
        (0.90, 0.97, "faster", "slower"),
        (0.97, 1.04, "unsure", "unsure"),
    ],
)
def test_word_follows_from_where_the_interval_lies(low: float, high: float, lower: str, higher: str) -> None:
    interval = Interval((low + high) / 2, low, high)
    assert interval.word(SAME, "lower") == lower
    assert interval.word(SAME, "higher") == higher


def test_too_few_pairs_of_processes_say_nothing() -> None:
    interval = interval_of([0.5] * (FEWEST_PAIRS - 1), is_last=True)
    assert interval.low is None
    assert interval.word(SAME) is Comparison.UNSURE


def test_exact_figures_need_no_interval() -> None:
    assert exact(100.0, 100.0).word(SAME) is Comparison.SAME
    assert exact(100.0, 103.0).word(SAME) is Comparison.SLOWER
    assert exact(0.0, 0.0).word(SAME) is Comparison.SAME
    assert exact(0.0, 1.0).word(SAME) is Comparison.SLOWER


def test_so_many_pairs_as_are_said_to_be_needed_suffice() -> None:
    needed = pairs_needed(0.03, SAME)
    generator = np.random.default_rng(20261128)
    drawn = generator.normal(0, 0.03, needed)
    logarithms = [float(z) * math.log1p(0.0299) for z in (drawn - drawn.mean()) / drawn.std(ddof=1)]
    assert interval_of(logarithms).word(SAME) is Comparison.SAME
    assert interval_of(logarithms[: needed // 2]).word(SAME) is Comparison.UNSURE
