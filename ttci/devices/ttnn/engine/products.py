"""Products as the matrix engine takes them.

The engine multiplies 5 significant bits of one operand (SrcA) by 7 of the other (SrcB) in
a pass. What a pass leaves out is cut off; later passes add it: the low bits of A, then
those of B, then both. In a product of matrices the left one is SrcB and the right one, the
weights, SrcA. Source: tt-metal, ``tech_reports/matrix_engine``; which is which, by the
scales that ttsim's kernels give.

Sums are float32, or bfloat16. The latter are rounded after every 16 products of a pass, to
11 significant bits and then to 8, each time ties away from zero, so that long sums grow by
themselves. Source: tt-metal, issue 46101. How a sum of partial sums in L1 is rounded, nobody
states: to the nearest here.

Shapes: B batch, M rows, K inner dim, N columns.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ttci.catalog.boards import PASSES
from ttci.devices.ttnn.engine.settings import EngineSettings

_A_BITS, _B_BITS = 5, 7
_A_FLOAT32_BITS, _B_FLOAT32_BITS = 10, 11  # of a float32 number
_FACE, _TILE = 16, 32
_ELEMENTS_AT_ONCE = 1 << 17  # of a result: they stay in a core's cache

Parts = list[tuple[Tensor, Tensor]]  # what each pass multiplies


def cut(x: Tensor, bits: int) -> Tensor:
    """Float32 numbers with their first significant bits only."""
    return x.view(torch.int32).bitwise_and(-(1 << (24 - bits))).view(torch.float32)


def product(left: Tensor, right: Tensor, settings: EngineSettings) -> Tensor:
    """[..., M, K] by [..., K, N], both float32."""
    if settings.float32_inputs:
        left, right = cut(left, _B_FLOAT32_BITS), cut(right, _A_FLOAT32_BITS)
    if settings.float32_sums or left.ndim < 2 or right.ndim < 2:
        return _summed_in_float32(left, right, settings.passes)
    return _summed_in_bfloat16(left, right, settings)


def multiplied(a: Tensor, b: Tensor, settings: EngineSettings) -> Tensor:
    """Element by element."""
    if settings.is_exact:
        return a * b
    total = torch.zeros((), dtype=torch.float32)
    for b_part, a_part in _parts(b, a, settings.passes):
        total = total + a_part * b_part
        if not settings.float32_sums:
            _round(total)
    return total


def read(x: Tensor, passes: int) -> Tensor:
    """What is summed of `x` where it is SrcA and the other operand is ones."""
    return cut(x, _A_BITS) if passes == PASSES["LoFi"] else x


def _summed_in_float32(left: Tensor, right: Tensor, passes: int) -> Tensor:
    """By one product, of all bits after the third pass already: see `EngineSettings.is_exact`."""
    if passes >= PASSES["HiFi3"]:
        return left @ right
    return cut(left, _B_BITS) @ (right if passes == PASSES["HiFi2"] else cut(right, _A_BITS))


def _parts(left: Tensor, right: Tensor, passes: int) -> Parts:
    high_left, high_right = cut(left, _B_BITS), cut(right, _A_BITS)
    low_left, low_right = _rest(left, high_left), _rest(right, high_right)
    of_passes = [(high_left, high_right), (high_left, low_right), (low_left, high_right)]
    of_passes = [*of_passes, (low_left, low_right)][:passes]
    first, *others = of_passes
    return [first, *(pair for pair in others if all(part.any() for part in pair))]


def _rest(x: Tensor, high: Tensor) -> Tensor:
    """Nothing of what is infinite."""
    return (x - high).nan_to_num_(nan=0.0)


def _summed_in_bfloat16(left: Tensor, right: Tensor, settings: EngineSettings) -> Tensor:
    if right.ndim == 2:
        shape = (*left.shape[:-1], right.shape[-1])
        left, right = left.reshape(1, -1, left.shape[-1]), right[None]
    else:
        batch: torch.Size = torch.broadcast_shapes(  # type: ignore[no-untyped-call,unused-ignore]
            left.shape[:-2], right.shape[:-2]
        )
        shape = (*batch, left.shape[-2], right.shape[-1])
        left = left.expand(*batch, *left.shape[-2:]).flatten(0, -3)  # [B, M, K]
        right = right.expand(*batch, *right.shape[-2:]).flatten(0, -3)  # [B, K, N]
    result = left.new_empty(left.shape[0], left.shape[1], right.shape[2])
    parts = _parts(left, right, settings.passes)
    for place in _places(result):
        batch_part, rows, columns = place
        piece = [(a[batch_part, rows], b[batch_part, :, columns]) for a, b in parts]
        result[place] = _sum_of(piece, settings.block_tiles)
    return result.reshape(shape)


def _places(result: Tensor) -> Iterator[tuple[slice, slice, slice]]:
    """Pieces of a [B, M, N] that are small enough, rows first."""
    batch, rows, columns = result.shape
    row_step = min(rows, 256)
    column_step = min(columns, max(_TILE, _ELEMENTS_AT_ONCE // row_step))
    batch_step = max(1, _ELEMENTS_AT_ONCE // (row_step * column_step))
    for b in range(0, batch, batch_step):
        for r in range(0, rows, row_step):
            for c in range(0, columns, column_step):
                yield slice(b, b + batch_step), slice(r, r + row_step), slice(c, c + column_step)


def _sum_of(parts: Parts, block_tiles: int | None) -> Tensor:
    """The sum over the inner dimension, by blocks of so many tiles where they are named."""
    left, right = parts[0]
    inner = left.shape[-1]
    block = inner if block_tiles is None else block_tiles * _TILE
    total = left.new_zeros(left.shape[0], left.shape[1], right.shape[2])
    for start in range(0, inner, block):
        partial = total if block >= inner else torch.zeros_like(total)
        _add_block(partial, parts, range(start, min(start + block, inner), _TILE))
        if partial is not total:
            total = (total + partial).bfloat16().float()
    return total


def _add_block(total: Tensor, parts: Parts, tiles: range) -> None:
    for tile in tiles:
        for left, right in parts:
            for face in range(tile, min(tile + _TILE, left.shape[-1]), _FACE):
                inner = slice(face, face + _FACE)
                _round(total.baddbmm_(left[:, :, inner], right[:, inner]))


def _round(x: Tensor) -> Tensor:
    """To 11 significant bits and to 8, both ties away from zero, in place.

    Half a unit of either is added, and the rest cut off: one cut serves both, as the first
    half unit carries only into bits that the second keeps whole.
    """
    x.view(torch.int32).add_(0x1000 + 0x8000).bitwise_and_(-0x10000)
    return x
