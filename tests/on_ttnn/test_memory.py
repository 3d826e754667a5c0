"""Memory on a board, counted by hand: of operations, and of weights that nobody hands over."""

from __future__ import annotations

from functools import cache

import pytest
from one_process import printed_by  # type: ignore[import-not-found]  # beside this file

BOARDS = ("n150", "n300", "t3k")
TILE = 32 * 32 * 2  # bytes, in bfloat16
X = 2 * 4 * TILE  # 64 x 128
WEIGHT = 4 * 32 * TILE  # 128 x 1024

# Bytes in DRAM, in L1 besides, and of a core. An operation's kernels keep tiles in a core between reading,
# computing and writing; how many of which is in its program factory.
BY_HAND = {
    "add": (2 * X, 0, (2 + 2 + 2) * TILE),
    "add_into_l1": (X, X, (2 + 2 + 2) * TILE + TILE),  # 8 tiles of the output, no two of them on one core
    "twice_through_l1": (X, 2 * X, (2 + 2) * TILE + 2 * TILE),
    "silu": (2 * X, 0, (2 + 2) * TILE),
    "rms_norm": (2 * X, 0, (8 + 16 + 2 + 2 + 2 + 8 + 8) * TILE),
    "softmax": (2 * X, 0, (4 + 8 + 2 + 1 + 2 + 4 + 1 + 1) * TILE),
    "transpose": (2 * X, 0, (2 + 2) * TILE),
    "typecast": (3 * X, 0, (2 + 2 * 2) * TILE),  # float32 takes twice the room
    "concat": (3 * X, 0, 2 * TILE),
    "attention": (2 * X, 0, None),
    "matmul": (2 * X + 2 * 2 * TILE, 0, None),  # x, its transpose, and 64 x 64
    "frees_its_own": (3 * X, 0, (2 + 2) * TILE),  # never more than two of its own
}
HOLDERS = (
    *("closure", "bound_method", "slots", "attribute_of_a_part"),
    *("partial", "default", "generator", "file"),
)


@cache
def found(board: str) -> list[dict[str, list[int]]]:
    by_operation_and_holder: list[dict[str, list[int]]] = printed_by("memory_found.py", board)
    return by_operation_and_holder


@pytest.mark.parametrize("operation", BY_HAND)
@pytest.mark.parametrize("board", BOARDS)
def test_the_memory_of_an_operation_is_the_hand_count_on_every_board(board: str, operation: str) -> None:
    in_all, dram, l1_per_core = found(board)[0][operation]
    dram_by_hand, l1_by_hand, per_core_by_hand = BY_HAND[operation]
    assert (in_all, dram) == (dram_by_hand + l1_by_hand, dram_by_hand)
    if per_core_by_hand is not None:
        assert l1_per_core == per_core_by_hand


@pytest.mark.parametrize("operation", BY_HAND)
def test_l1_of_a_core_is_the_same_however_many_chips_there_are(operation: str) -> None:
    per_core = {board: found(board)[0][operation][2] for board in BOARDS}
    assert per_core == dict.fromkeys(BOARDS, per_core["n150"])
    assert per_core["n150"] > 0


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("board", BOARDS)
def test_a_weight_is_counted_for_who_holds_it_and_for_nobody_else(board: str, holder: str) -> None:
    output = 2 * 32 * TILE
    assert found(board)[1][holder][0] == X + WEIGHT + output
