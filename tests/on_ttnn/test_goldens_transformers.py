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
