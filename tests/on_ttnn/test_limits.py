"""The limits of known modules and kernels, against what is counted by hand.

Sizes are Llama 3 8B's where nothing else is said: E 4096, F 14336, 32 heads of 128, 8 key/value heads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from conftest import Board  # type: ignore[import-not-found]  # beside this file
from one_process import printed_by  # type: ignore[import-not-found]  # beside this file

from ttci.catalog.boards import ROOFS
from ttci.devices.ttnn.boards import BOARDS
from ttci.devices.ttnn.memory import captured
from ttci.devices.ttnn.work import Work, work_of

WITHIN = 0.01
E, F, QKV = 4096, 14336, (32 + 8 + 8) * 128
TILE_ROWS = 32  # a token alone fills one row of a tile
N150_GB_PER_S = 288
N150_MULTIPLY_ADDS_PER_S = 72 * 1e9 * 2048  # 72 cores at 1 GHz, [8, 16] by [16, 16] a cycle, in one pass


def bf16(numbers: float) -> float:
    return 2 * numbers


def bf8(numbers: float) -> float:
    """In bfloat8_b: a byte each, and a byte for every 16."""
    return numbers + numbers / 16


ROTARY_TABLES = bf16(2 * 128 * 128)  # cosine and sine of 128 positions
SWIGLU_WEIGHTS, ATTENTION_WEIGHTS = bf8(3 * E * F), bf8(E * QKV + E * E)
CACHE = bf8(2 * 8 * 1024 * 128)
PREFILL_PAIRS = 128 * 129 / 2
# Bytes, and multiply-adds by math fidelity.
BY_HAND: dict[str, tuple[float, dict[str, float]]] = {
    "swiglu_prefill": (SWIGLU_WEIGHTS + bf16(2 * 128 * E), {"HiFi3": 128 * 3 * E * F}),
    "swiglu_decode": (SWIGLU_WEIGHTS + bf16(2 * TILE_ROWS * E), {"HiFi3": 3 * E * F}),
    "attention_prefill": (
        ATTENTION_WEIGHTS + bf16(2 * 128 * E) + ROTARY_TABLES,
        {"HiFi3": 128 * (E * QKV + E * E), "HiFi4": 32 * PREFILL_PAIRS * (128 + 128)},
    ),
    "attention_decode": (  # its output stays in L1
        ATTENTION_WEIGHTS + CACHE + bf16(TILE_ROWS * E),
        {"HiFi3": E * QKV + E * E, "HiFi4": 32 * 1024 * (128 + 128)},
    ),
    "block_prefill": (
        SWIGLU_WEIGHTS + ATTENTION_WEIGHTS + bf16(2 * 128 * E) + ROTARY_TABLES + bf16(2 * TILE_ROWS * E),
        {"HiFi3": 128 * (E * QKV + E * E + 3 * E * F), "HiFi4": 32 * PREFILL_PAIRS * (128 + 128)},
    ),
    "block_decode": (
        SWIGLU_WEIGHTS + ATTENTION_WEIGHTS + CACHE + bf16(3 * TILE_ROWS * E),
        {"HiFi3": E * QKV + E * E + 3 * E * F, "HiFi4": 32 * 1024 * (128 + 128)},
    ),
    "mlp": (  # BERT's: 384 tokens, E 768, F 3072
        bf8(2 * 768 * 3072) + bf16(2 * 384 * 768) + bf16(TILE_ROWS * (768 + 3072)),
        {"HiFi3": 384 * 2 * 768 * 3072},
    ),
    "rms_norm": (bf16(2 * 128 * E) + bf16(TILE_ROWS * E), {}),
    "between": (  # two rows at position 99 of a cache of 512: 100 tokens, in tiles 128; E 1024, 8 and 4 heads
        bf8(1024 * 2048 + 1024 * 1024) + bf8(2 * 2 * 4 * 128 * 128) + bf16(2 * TILE_ROWS * 1024),
        {"HiFi3": 2 * (1024 * 2048 + 1024 * 1024), "HiFi4": 2 * 8 * 100 * (128 + 128)},
    ),
    "embedding": (bf16(2 * 128 * E) + 4 * 128, {}),  # of 8192 rows 128 are looked up
    "linear": (bf8(E * 6144) + bf16(32 * (E + 6144)), {"HiFi3": 32 * E * 6144}),
    "linear_in_l1": (0, {"HiFi4": 32 * 256 * 512}),
    "matmul": (bf16(2048 * E + E * E + 2048 * E), {"HiFi4": 2048 * E * E}),
    "sdpa_causal": (
        bf16(2 * 32 * 2048 * 128 + 2 * 8 * 2048 * 128),
        {"HiFi4": 32 * (2048 * 2049 / 2) * (128 + 128)},
    ),
    "sdpa_across": (
        bf16(2 * 32 * 512 * 128 + 2 * 8 * 1024 * 128),
        {"HiFi4": 32 * 512 * 1024 * (128 + 128)},
    ),
    "softmax": (bf16(2 * 32 * 512 * 512), {}),
}
# Of a chip of two: weights, heads and cache are halved, activations are not; the sum is whole on both.
BY_HAND_ON_N300: dict[str, tuple[float, dict[str, float]]] = {
    "swiglu_prefill": (SWIGLU_WEIGHTS / 2 + bf16(2 * 128 * E), {"HiFi3": 128 * 3 * E * F / 2}),
    "attention_decode": (
        ATTENTION_WEIGHTS / 2 + CACHE / 2 + bf16(TILE_ROWS * E),
        {"HiFi3": (E * QKV + E * E) / 2, "HiFi4": 16 * 1024 * (128 + 128)},
    ),
    "linear": BY_HAND["linear"],  # a kernel is whole on every chip
}


def limits(board: str, *names: str) -> dict[str, Any]:
    found: dict[str, Any] = printed_by("limited.py", board, *names)
    return found


@pytest.mark.parametrize("test", BY_HAND)
def test_bytes_and_multiply_adds_are_those_counted_by_hand(test: str) -> None:
    dram_bytes, multiply_adds = BY_HAND[test]
    limit = limits("n150")[test]
    assert limit["board"] == "n150"
    assert limit["dram_bytes"] == pytest.approx(dram_bytes, rel=WITHIN)
    assert limit["multiply_adds"] == pytest.approx(multiply_adds, rel=WITHIN)


@pytest.mark.parametrize("test", BY_HAND)
def test_the_limit_is_the_longer_of_moving_and_of_multiplying(test: str) -> None:
    dram_bytes, multiply_adds = BY_HAND[test]
    passes = {"HiFi3": 3, "HiFi4": 4}
    dram_ms = 1e3 * dram_bytes / (N150_GB_PER_S * 1e9)
    compute_ms = sum(1e3 * n * passes[f] / N150_MULTIPLY_ADDS_PER_S for f, n in multiply_adds.items())
    limit = limits("n150")[test]
    assert limit["latency_ms"] == pytest.approx(max(dram_ms, compute_ms), rel=WITHIN)
    assert limit["bound_by"] == ("DRAM" if dram_ms > compute_ms else "compute")


def test_operations_are_those_that_a_forward_pass_calls() -> None:
    found = limits("n150")
    by_hand = {
        "rms_norm": 1,
        "embedding": 1,
        "swiglu_prefill": 4,  # gate with silu, up, their product, down
        "attention_prefill": 7,  # qkv, heads, two rotary embeddings, attention, heads joined, output
        "block_prefill": 4 + 7 + 2 * 2,  # with two norms and two sums
    }
    assert {name: found[name]["operations"] for name in by_hand} == by_hand


def test_programs_are_those_that_differ_whatever_has_run_before() -> None:
    found = limits("n150")
    by_hand = {
        "rms_norm": 1,
        "swiglu_prefill": 3,  # gate and up are of one shape
        "attention_prefill": 7,
        "block_prefill": 3 + 7 + 1 + 1,  # both norms are one, and both sums
    }
    assert {name: found[name]["programs"] for name in by_hand} == by_hand


@pytest.mark.parametrize("test", BY_HAND_ON_N300)
def test_the_chips_of_a_board_share_what_a_module_splits(test: str) -> None:
    dram_bytes, multiply_adds = BY_HAND_ON_N300[test]
    limit = limits("n300", *BY_HAND_ON_N300)[test]
    assert limit["dram_bytes"] == pytest.approx(dram_bytes, rel=WITHIN)
    assert limit["multiply_adds"] == pytest.approx(multiply_adds, rel=WITHIN)


def test_what_is_judged_after_a_limit_was_told_has_its_values() -> None:
    assert printed_by("limited.py", "n150", "correctness-after-the-limit") == ["unavailable", "passed"]


def test_every_board_has_its_roof_and_as_many_chips_there() -> None:
    assert {name: roof.chips for name, roof in ROOFS.items()} == {
        name: board.chip_count for name, board in BOARDS.items()
    }


Call = Callable[[Any, Any], object]  # of ttnn, and what puts zeros of a shape on the board
CALLS: dict[str, tuple[Call, float, dict[str, float]]] = {  # each with its bytes read, and multiply-adds
    "sliding_window": (
        lambda ttnn, zeros: ttnn.transformer.scaled_dot_product_attention(
            zeros(1, 8, 256, 64), *2 * (zeros(1, 4, 256, 64),), is_causal=True, sliding_window_size=64
        ),
        bf16(8 * 256 * 64 + 4 * 256 * 64),
        {"HiFi2": 8 * (64 * 65 / 2 + 192 * 64) * 128},
    ),
    "right_is_turned": (
        lambda ttnn, zeros: ttnn.matmul(zeros(64, 128), zeros(96, 128), transpose_b=True),
        bf16(64 * 128 + 96 * 128),
        {"HiFi2": 64 * 128 * 96},
    ),
    "left_is_turned": (
        lambda ttnn, zeros: ttnn.matmul(zeros(128, 64), zeros(128, 96), transpose_a=True),
        bf16(64 * 128 + 96 * 128),
        {"HiFi2": 64 * 128 * 96},
    ),
    "same_input_twice": (
        lambda ttnn, zeros: [ttnn.add(x, ttnn.gelu(x)) for x in [zeros(64, 64)]],
        bf16(64 * 64),
        {},
    ),
    "a_slice": (
        lambda ttnn, zeros: ttnn.slice(zeros(1, 1, 256, 64), (0, 0, 0, 0), (1, 1, 32, 64)),
        bf16(32 * 64),
        {},
    ),
    "decoding_at_a_stated_position": (
        lambda ttnn, zeros: ttnn.transformer.scaled_dot_product_attention_decode(
            zeros(1, 1, 8, 64), *2 * (zeros(1, 4, 256, 64),), cur_pos=[99]
        ),
        bf16(32 * 64 + 4 * 128 * 64),  # 8 heads fill a tile; 100 tokens, in tiles 128, of one buffer
        {"HiFi2": 8 * 100 * 128},
    ),
    "filling_a_cache": (
        lambda ttnn, zeros: ttnn.fill_cache(zeros(1, 4, 256, 64), zeros(1, 4, 64, 64), 0),
        bf16(2 * 4 * 64 * 64),  # read as tokens, written as cache
        {},
    ),
}


def counted(board: Board, call: Call) -> Work:
    """What a call does with tensors that were there before; its outputs left aside."""
    made: list[Any] = []

    def zeros(*shape: int) -> Any:
        made.append(board.put(torch.zeros(shape)))
        return made[-1]

    with board.follower.suspended():
        call(board.ttnn, zeros)
        before = iter(list(made))
        with captured(board.ttnn) as graph:
            call(board.ttnn, lambda *_: next(before))
    return work_of(graph, {}, lambda _: None)


@pytest.mark.parametrize("name", CALLS)
def test_of_one_operation_only_what_it_must_do_is_counted(n150: Board, name: str) -> None:
    call, dram_bytes, multiply_adds = CALLS[name]
    work = counted(n150, call)
    assert work.dram_bytes == dram_bytes
    assert work.multiply_adds == multiply_adds
