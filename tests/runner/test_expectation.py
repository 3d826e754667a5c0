"""How long a pair is going to take, as far as its last run tells."""

from __future__ import annotations

from datetime import date

import pytest

from tests.pair_folders import result_of, run_of
from ttci.artifacts.unfinished import not_judged
from ttci.results import Outcome
from ttci.runner.expectation import Earlier, Expectation

PAIR = "llama3@cpu"
A, B, C = (f"{PAIR}/{test}[correctness]" for test in ("a", "b", "c"))
DAY = date(2026, 11, 27)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def expectation(seconds: dict[str, float] | None, *checks: str, workers: int = 1) -> Expectation:
    earlier = Earlier(DAY, seconds) if seconds else None
    return Expectation(PAIR, earlier, lambda: checks, workers, Clock())


def later(expected: Expectation, seconds: float) -> str:
    assert isinstance(expected.clock, Clock)
    expected.clock.now += seconds
    return str(expected)


def test_the_first_check_that_begins_says_how_long_all_of_them_took() -> None:
    expected = expectation({A: 30.0, B: 10.0, C: 500.0}, A, B)
    assert expected.begin(A) == "llama3@cpu: about 40 s, as the run of 2026-11-27 took"
    assert expected.begin(B) is None


def test_minutes_are_said_as_minutes_and_nothing_is_shorter_than_a_second() -> None:
    assert "about 3.5 min," in str(expectation({A: 210.0}, A).begin(A))
    assert "about 1 s," in str(expectation({A: 0.01}, A).begin(A))


def test_workers_share_the_time() -> None:
    assert "about 20 s," in str(expectation({A: 30.0, B: 10.0}, A, B, workers=2).begin(A))


def test_checks_that_are_new_are_counted() -> None:
    said = expectation({A: 40.0}, A, B, C).begin(A)
    assert said == "llama3@cpu: about 40 s, as the run of 2026-11-27 took; 2 of 3 checks are new"


@pytest.mark.parametrize("seconds", [None, {C: 3.0}], ids=["no earlier run", "of other checks"])
def test_nothing_is_said_where_nothing_is_known_and_checks_are_counted(
    seconds: dict[str, float] | None,
) -> None:
    expected = expectation(seconds, A, B)
    assert expected.begin(A) is None
    assert str(expected) == "1/2"


def test_time_left_is_that_of_the_checks_that_have_not_ended() -> None:
    expected = expectation({A: 30.0, B: 40.0, C: 20.0}, A, B, C)
    assert str(expected) == ""
    expected.begin(A)
    assert str(expected) == "1/3, 0:01:30 left"
    assert later(expected, 10) == "1/3, 0:01:20 left"
    assert later(expected, 1000) == "1/3, 0:01:00 left"  # it takes longer than it did
    expected.begin(B)
    assert str(expected) == "2/3, 0:01:00 left"


def test_time_left_is_not_said_while_a_new_check_is_to_come() -> None:
    expected = expectation({A: 30.0, C: 20.0}, A, B, C)
    expected.begin(A)
    assert str(expected) == "1/3"
    expected.begin(B)
    assert str(expected) == "2/3"
    expected.begin(C)
    assert str(expected) == "3/3, 0:00:20 left"


def test_a_test_of_the_users_own_is_none_of_the_checks() -> None:
    expected = expectation({A: 30.0}, A)
    assert "about 30 s" in str(expected.begin("test_own[1]"))
    assert str(expected) == "0/1, 0:00:30 left"


def test_only_checks_that_came_to_their_end_tell_how_long_they_take() -> None:
    run = run_of(PAIR, result_of(PAIR, "a"), not_judged(B))
    earlier = Earlier.of(run)
    assert earlier is not None
    assert set(earlier.seconds) == {A}
    assert earlier.day == run.started.date()


def test_a_run_that_judged_nothing_tells_nothing() -> None:
    assert Earlier.of(None) is None
    assert Earlier.of(run_of(PAIR, not_judged(A))) is None
    timed_out = result_of(PAIR, "a", outcome=Outcome.ERROR).model_copy(update={"seconds": 0.0})
    assert Earlier.of(run_of(PAIR, timed_out)) is None
