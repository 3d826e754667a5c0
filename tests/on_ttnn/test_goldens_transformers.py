"""Goldens of what transformers are made of: each against its operation's meaning, written another way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.on_ttnn.test_goldens import near, numbers

if TYPE_CHECKING:
    from torch import Tensor

    from tests.on_ttnn.conftest import Board


def test_reshape_to_fewer_rows_of_a_padded_shape_drops_those_behind(n150: Board) -> None:
    """As upstream's attention keeps the rows of its batch, of a tile."""
    ttnn, x = n150.ttnn, numbers(1, 1, 32, 96)
    kept = ttnn.reshape(n150.put(x), (1, 1, 3, 96), (1, 1, 32, 96))
    assert tuple(kept.shape) == (1, 1, 3, 96)
    assert torch.equal(n150.read(kept), x[:, :, :3])


def test_reshape_to_fewer_rows_of_a_tile_drops_those_behind(n150: Board) -> None:
    ttnn, x = n150.ttnn, numbers(1, 2, 32, 64)
    kept = ttnn.reshape(ttnn.Tensor(x, ttnn.bfloat16).to(ttnn.TILE_LAYOUT), ttnn.Shape((1, 2, 5, 64)))
    assert torch.equal(n150.read(kept), x[:, :, :5])


@pytest.mark.parametrize("turned", [False, True])
def test_norm_over_chips_that_parts_and_turns_heads(n150: Board, turned: bool) -> None:
    ttnn, x, weight = n150.ttnn, 1 + numbers(1, 1, 32, 256), numbers(1, 256, seed=1)
    parts = [n150.put(part) for part in x.chunk(2, dim=-1)]
    stats = ttnn.concat([ttnn.experimental.wan_fused_rmsnorm_pre_allgather(part) for part in parts], -1)
    angles = numbers(32, 32, seed=2).repeat_interleave(2, dim=-1)  # of two neighbours of a head 64 wide
    swapped = torch.zeros(32, 32)
    swapped[range(0, 32, 2), range(1, 32, 2)], swapped[range(1, 32, 2), range(0, 32, 2)] = 1.0, -1.0
    named = ("rope_cos", angles.cos()), ("rope_sin", angles.sin()), ("transformation_mat", swapped)
    turning = {name: n150.put(table[None, None]) for name, table in named} if turned else {}
    outputs = [
        n150.read(
            ttnn.experimental.wan_fused_rmsnorm_post_allgather(
                part, stats, num_heads_per_device=2, weight=n150.put(of_part), **turning
            )
        )
        for part, of_part in zip(parts, weight.chunk(2, dim=-1), strict=True)
    ]
    normed = torch.nn.functional.rms_norm(x, (256,), weight[0], 1e-5)
    expected = normed.reshape(1, 32, 4, 64).transpose(1, 2)
    if turned:
        even, odd = expected[..., ::2], expected[..., 1::2]
        cos, sin = angles[:, ::2].cos(), angles[:, ::2].sin()
        expected = torch.stack([even * cos - odd * sin, odd * cos + even * sin], dim=-1).flatten(-2)
    assert torch.allclose(torch.cat(outputs, dim=1), expected, rtol=3e-2, atol=3e-2)


def test_reshape_to_more_rows_of_a_padded_shape_shows_what_lies_in_the_padding(n150: Board) -> None:
    ttnn, x = n150.ttnn, numbers(1, 1, 3, 64)
    from_host = n150.put(x)  # whose tiles are filled up with zeros
    widened = n150.read(ttnn.reshape(from_host, (1, 1, 32, 64), (1, 1, 32, 64)))
    assert torch.equal(widened[:, :, :3], x)
    assert not bool(widened[:, :, 3:].any())
    computed = ttnn.neg(from_host)  # which promises nothing of them
    assert bool(n150.read(ttnn.reshape(computed, (1, 1, 32, 64), (1, 1, 32, 64)))[:, :, 3:].isnan().all())


@pytest.mark.parametrize("kind", ["layer_norm", "rms_norm"])
def test_norm_in_two_steps_of_sharded_tensors(n150: Board, kind: str) -> None:
    """Two chips' parts, one after the other, and their statistics joined as a gather does it."""
    ttnn, x, weight = n150.ttnn, 1 + numbers(1, 1, 32, 512), numbers(512, seed=1)
    program = ttnn.LayerNormShardedMultiCoreProgramConfig(
        compute_with_storage_grid_size=(4, 1), subblock_w=2, block_h=1, block_w=2, inplace=False
    )
    before, after = (getattr(ttnn, f"{kind}_{when}_all_gather") for when in ("pre", "post"))
    parts = [in_columns(n150, part, 4) for part in x.chunk(2, dim=-1)]
    stats = [before(part, program_config=program) for part in parts]
    of_parts = [n150.read(each) for each in stats]
    moments = ("square",) if kind == "rms_norm" else ("clone", "square")
    for part, given in zip(x.chunk(2, dim=-1), of_parts, strict=True):
        for tile, moment in enumerate(moments):
            assert near(given[..., 32 * tile : 32 * tile + 1], getattr(part, moment)().mean(-1, keepdim=True))
    joined = in_columns(n150, torch.cat(of_parts, dim=-1).nan_to_num(), 1)
    given = ttnn.from_torch(
        weight[:256].reshape(1, 1, -1, 32),
        dtype=ttnn.bfloat16,
        layout=ttnn.ROW_MAJOR_LAYOUT,
        device=n150.mesh,
    )
    normed = n150.read(after(parts[0], epsilon=1e-5, weight=given, program_config=program, stats=joined))
    centre = 0.0 if kind == "rms_norm" else x.mean(-1, keepdim=True)
    spread = ((x - centre) ** 2).mean(-1, keepdim=True).add(1e-5).sqrt()
    expected = ((x - centre) / spread)[..., :256] * weight[:256]
    assert torch.allclose(normed, expected, rtol=3e-2, atol=5e-2)


def in_columns(n150: Board, value: Tensor, cores: int) -> Any:
    """`value` in L1, so many of its columns on each of some cores."""
    ttnn = n150.ttnn
    grid = ttnn.CoreRangeSet({ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(cores - 1, 0))})
    spec = ttnn.ShardSpec(grid, (value.shape[-2], value.shape[-1] // cores), ttnn.ShardOrientation.ROW_MAJOR)
    memory = ttnn.MemoryConfig(ttnn.TensorMemoryLayout.WIDTH_SHARDED, ttnn.BufferType.L1, spec)
    return ttnn.to_memory_config(n150.put(value), memory)


def test_create_qkv_heads_of_falcon(n150: Board) -> None:
    x = numbers(1, 1, 32, 73 * 64)
    q, k, v = map(n150.read, n150.ttnn.experimental.nlp_create_qkv_heads_falcon7b(n150.put(x)))
    heads = x.reshape(1, 32, 73, 64).transpose(1, 2)
    assert torch.equal(q, heads[:, :71])
    assert torch.equal(k, heads[:, 71:72])
    assert torch.equal(v, heads[:, 72:])
