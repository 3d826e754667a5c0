"""Experts spread over the chips of a mock board, against sums by hand, token by token."""

from __future__ import annotations

import pytest
from experts_read import (  # type: ignore[import-not-found]  # beside this file
    BATCH,
    CHIPS,
    CHOSEN,
    EXPERTS,
    WIDTH,
    chip_of_expert,
    choices,
    scores,
)
from one_process import printed_by  # type: ignore[import-not-found]

LINES = {0: [[0, 4], [1, 5], [2, 6], [3, 7]], 1: [[0, 1, 2, 3], [4, 5, 6, 7]]}  # by axis of a mesh of 2 x 4
OWN = [[expert for expert in range(EXPERTS) if chip_of_expert()[expert] == chip] for chip in range(CHIPS)]


@pytest.mark.parametrize("axis", [0, 1])
def test_tokens_are_sent_to_the_chips_of_their_experts(axis: int) -> None:
    tokens, chosen = printed_by("experts_read.py")[f"dispatch {axis}"]
    assert (tokens["shape"], chosen["shape"]) == ([1, BATCH, 1, WIDTH], [1, BATCH, 1, CHOSEN])
    for chip in range(CHIPS):
        wanted = [bool(set(own) & set(OWN[chip])) for own in choices().tolist()]
        assert tokens["numbers"][chip] == [token if is_sent else -1 for token, is_sent in enumerate(wanted)]
        assert chosen["numbers"][chip] == choices()[:, 0].tolist()


@pytest.mark.parametrize("is_summed", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
def test_results_are_taken_back_to_the_chips_of_their_tokens(axis: int, is_summed: bool) -> None:
    taken = printed_by("experts_read.py")[f"combine {axis} {is_summed}"]
    for line in LINES[axis]:
        each = BATCH // len(line)
        assert taken["shape"] == [CHOSEN, each, 1, WIDTH]
        for place, chip in enumerate(line):
            expected = {}
            for token in range(place * each, (place + 1) * each):
                own = choices()[token].tolist()
                for other in line:
                    found = [expert for expert in OWN[other] if expert in own]
                    for expert in found[:1] if is_summed else found:
                        result = token if is_summed else token + BATCH * OWN[other].index(expert)
                        expected[own.index(expert), token - place * each] = result
            numbers = [expected.get((k, b), -1) for k in range(CHOSEN) for b in range(each)]
            assert taken["numbers"][chip] == numbers


def test_scores_of_a_chips_own_experts() -> None:
    own, together = printed_by("experts_read.py")["token remap"]
    for chip in range(CHIPS):
        expected = scores()[:, OWN[chip]]
        assert own[chip] == expected.tolist()
        assert together[chip] == [
            [float(any(four)) for four in group.T.tolist()] for group in expected.split(4)
        ]


def test_chips_of_a_column_share_the_weights_that_are_not_zero() -> None:
    shared = printed_by("experts_read.py")["routing remap"]
    weights = scores()[0].tolist()
    in_order = [expert for expert, weight in enumerate(weights) if weight]
    for chip in range(CHIPS):
        own = in_order[: CHOSEN // 2] if chip < 4 else in_order[CHOSEN // 2 :]
        assert shared[chip] == [[weight if expert in own else 0 for expert, weight in enumerate(weights)]]
