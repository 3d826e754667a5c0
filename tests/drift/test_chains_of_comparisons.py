"""What a chain of comparisons says where values alone, each from another host, say nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest

from ttci.drift.chain import MOST_RUNS, beside_bases
from ttci.drift.judgement import Judgement
from ttci.drift.reasons import BeyondNoise, ByComparisons, TooFewRuns
from ttci.history.series import Point
from ttci.report.drift_reasons import reason_text
from ttci.results import BaseRatio, Drift

FIRST = datetime(2026, 3, 1, tzinfo=timezone.utc)
ALONE = Judgement(Drift.TOO_FEW, TooFewRuns(9, 14))


def ratio(value: float | None, half_width: float = 0.015) -> BaseRatio | None:
    """Measured so, in an interval of so much to either side."""
    if value is None:
        return None
    low, high = (value * math.exp(side * half_width) for side in (-1, 1))
    return BaseRatio(ratio=value, low=low, high=high, pairs=12, noise=0.01)


def runs(ratios: Sequence[float | None], half_width: float = 0.015, value: float = 5.0) -> list[Point]:
    """A run a commit, on a host of its own, each measured beside the run before."""
    return [
        Point(
            *(f"{number:016x}", FIRST + timedelta(days=number), value, f"host-{number}", f"commit-{number}"),
            *("main", "cpu EPYC"),
            base=f"commit-{number - 1}",
            beside_base=ratio(each, half_width),
        )
        for number, each in enumerate(ratios)
    ]


def judged(
    points: Sequence[Point], alone: Judgement = ALONE, direction: str = "lower", *, follows: bool = True
) -> Judgement:
    """What is said of the last of them."""
    stated = {"direction": direction, "smallest_change": 0.05, "follows": follows}
    return beside_bases(alone, points[:-1], points[-1], **stated)  # type: ignore[arg-type]


QUIET = [None, *[1.0] * 9]


@pytest.mark.parametrize("since", range(4))
def test_a_slowdown_is_called_on_whatever_hosts_and_by_the_runs_after_it_too(since: int) -> None:
    found = judged(runs([*QUIET, 1.1, *[1.0] * since]))
    assert found.drift is Drift.SLOWER
    assert found.change == pytest.approx(0.1)
    assert (found.level, found.is_suspected) == (5.0, False)
    assert isinstance(found.reason, ByComparisons)
    assert found.reason.chain.links == 1 + since


def test_a_change_is_news_for_eight_runs() -> None:
    words = [judged(runs([*QUIET, 1.2, *[1.0] * since])).drift for since in range(MOST_RUNS + 1)]
    assert words == [*[Drift.SLOWER] * MOST_RUNS, Drift.TOO_FEW]


def test_three_steps_that_are_nothing_alone_are_called_together() -> None:
    words = [judged(runs([*QUIET, *[1.02] * steps], half_width=0.01)) for steps in (1, 2, 3)]
    assert [found.drift for found in words] == [Drift.TOO_FEW, Drift.TOO_FEW, Drift.SLOWER]
    said = reason_text(words[-1].reason)
    assert said.startswith(
        "3 comparisons back to commit-9, each on one machine: ratio 1.061 (1.043 to 1.080)"
    )
    assert said.endswith("slower. History alone: Too few: 9 of 14 earlier runs.")


def test_what_is_less_than_its_errors_add_up_to_is_not_called() -> None:
    assert judged(runs([*QUIET, *[1.02] * 3], half_width=0.05)).drift is Drift.TOO_FEW


def test_a_figure_without_noise_is_sure_at_once() -> None:
    assert judged(runs([None, 1.06], half_width=0.0)).drift is Drift.SLOWER
    assert judged(runs([None, 1.04], half_width=0.0)).drift is Drift.TOO_FEW
    assert judged(runs([None, 1.0], half_width=0.0)).drift is Drift.TOO_FEW


def test_a_change_that_was_undone_is_none() -> None:
    found = judged(runs([*QUIET, 1.1, 1.0, 1 / 1.1]))
    assert found.drift is Drift.TOO_FEW
    assert found.chain is not None
    assert found.chain.ratio == pytest.approx(1.0)


def test_where_more_is_better_less_is_slower() -> None:
    assert judged(runs([*QUIET, 0.9]), direction="higher").drift is Drift.SLOWER
    assert judged(runs([*QUIET, 0.9])).drift is Drift.FASTER


def test_a_run_that_was_not_compared_breaks_the_chain_and_leaves_the_word_of_values() -> None:
    assert judged(runs([*QUIET, 1.1, None])) == ALONE
    assert judged(runs([*QUIET, 1.1, None, 1.0])).drift is Drift.TOO_FEW


def test_a_base_of_which_history_has_no_run_tells_nothing() -> None:
    points = runs([*QUIET, 1.1])
    assert judged([*points[:-1], points[-1]._replace(base="elsewhere")]) == ALONE
    assert judged([*points[:-1], points[-1]._replace(base=points[-1].commit)]) == ALONE


def test_a_commit_that_was_run_again_has_the_ratio_of_its_first_run() -> None:
    points = runs([*QUIET, 1.1])
    again = points[-1]._replace(run_id="f" * 16, host="elsewhere", base=None, beside_base=None)
    assert judged([*points, again]).drift is Drift.SLOWER


def test_a_pull_request_answers_for_its_own_ratio_alone() -> None:
    assert judged(runs([*QUIET, 1.1, 1.0]), follows=False).drift is Drift.TOO_FEW
    assert judged(runs([*QUIET, 1.0, 1.1]), follows=False).drift is Drift.SLOWER


def test_what_values_call_slower_is_the_same_where_comparisons_reach_back_and_say_so() -> None:
    slower = Judgement(Drift.SLOWER, BeyondNoise(0.2, 3, 9.0), change=0.2, level=4.0)
    found = judged(runs(QUIET), slower)
    assert (found.drift, found.is_suspected) == (Drift.SAME, False)
    assert ": same. History alone: 20.0% higher; the newest 3 runs lie 9.0" in reason_text(found.reason)
    assert judged(runs([None, *[1.0] * MOST_RUNS]), slower).drift is Drift.SAME
    short = judged(runs([*[None] * 9, *[1.0] * 4]), slower)
    assert short.drift is Drift.SLOWER
    unsure = judged(runs(QUIET, half_width=0.08), slower)
    assert unsure.drift is Drift.SLOWER
