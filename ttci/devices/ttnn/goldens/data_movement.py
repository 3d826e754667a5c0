"""Goldens of operations that move, convert or look up numbers and compute nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_golden
from ttci.devices.ttnn.numbers import GoldenError

_ALIGNED = 8  # numbers of bfloat16
_TILE = 32


@register_golden("ttnn.experimental.typecast")
@register_golden("ttnn.typecast")
def _typecast(x: Tensor, *_: Any, **__: Any) -> Tensor:
    return x  # what is stored of it is rounded to its type


@register_golden("ttnn.reshape")
def _reshape(
    x: Tensor, shape: Sequence[int], padded: Any = None, *_: Any, padded_shape: Any = None, **__: Any
) -> Tensor:
    """What follows the shape says how it is padded, or where it lies; else it is padded to whole tiles."""
    shape = tuple(shape)
    if -1 in shape or x.numel() == math.prod(shape):
        return x.reshape(shape)
    in_tiles = (*shape[:-2], *(size + -size % _TILE for size in shape[-2:]))
    given = padded_shape if padded_shape is not None else padded
    whole = tuple(given) if hasattr(given, "__iter__") else in_tiles
    height, width = (-size % _TILE for size in x.shape[-2:])
    padded_x = F.pad(x, (0, width, 0, height), value=torch.nan)  # what lies in the padding is undefined
    return padded_x.reshape(whole)[tuple(slice(size) for size in shape)]


@register_golden("ttnn.embedding")
def _embedding(ids: Tensor, weight: Tensor, **_: Any) -> Tensor:
    rows = weight.reshape(weight.shape[-2:])  # [V, E], of any rank before
    outside = ids[(ids < 0) | (ids >= len(rows))]
    if outside.numel():
        raise GoldenError(f"ttnn.embedding: id {outside[0]} is not in its table of {len(rows)} rows")
    return rows[ids.reshape(-1, ids.shape[-1]).long()]  # [B, S, E]


@register_golden("ttnn.fold")
def _fold(
    images: Tensor,
    stride_h: int,
    stride_w: int,
    use_transpose_as_fold: bool = False,
    output_shape: Sequence[int] | None = None,
    padding: Sequence[int] = (0, 0),
    **_: Any,
) -> Any:
    """Neighbours side by side, as channels; transposing, ttnn takes [N, C, H, W] and may cut the ends off."""
    height, width, channels = _pairs(padding)
    if use_transpose_as_fold:
        if any(height + width):
            return NotImplemented  # where it goes depends on how the input is sharded
        images = images.permute(0, 2, 3, 1)
    images = F.pad(images, channels + width + height)
    count, rows, columns, _channels = images.shape
    parts = images.reshape(count, rows // stride_h, stride_h, columns // stride_w, stride_w, -1)
    folded = parts.permute(0, 1, 3, 2, 4, 5).flatten(3)  # [N, H / stride, W / stride, C * strides]
    if output_shape is None:
        return folded
    return folded[tuple(slice(size) for size in tuple(output_shape))]


def _pairs(padding: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Before and after the height, the width and the channels."""
    if len(padding) == 2:
        padding = (padding[0], padding[0], padding[1], padding[1])
    top, bottom, left, right, *channels = padding
    before, after = channels or (0, 0)
    return (top, bottom), (left, right), (before, after)


@register_golden("ttnn.experimental.convert_to_chw")
def _convert_to_chw(x: Tensor, **_: Any) -> Tensor:
    return x.transpose(-1, -2)


@register_golden("ttnn.experimental.convert_to_hwc")
def _convert_to_hwc(x: Tensor, **_: Any) -> Tensor:
    """[1, B, C, H * W] as [1, 1, B * H * W, C]; C is filled up to 16 bytes with what nobody knows."""
    rows = x.transpose(-1, -2).reshape(1, 1, -1, x.shape[-2])
    return F.pad(rows, (0, -rows.shape[-1] % _ALIGNED), value=torch.nan)


@register_golden("ttnn.experimental.view")
def _view(input_tensor: Tensor, *sizes: Any, **named: Any) -> Tensor:
    """Its shape is given whole, or as four sizes."""
    shape = named.get("shape") or (sizes[0] if len(sizes) == 1 else sizes)
    return input_tensor.reshape(tuple(shape) or tuple(named[size] for size in "NCHW"))


@register_golden("ttnn.experimental.transpose_rm")
def _transpose_rm(x: Tensor) -> Tensor:
    return x.transpose(-1, -2)


@register_golden("ttnn.experimental.padded_slice")
def _padded_slice(
    input_tensor: Tensor,
    padded_slice_start: Sequence[int],
    padded_slice_end: Sequence[int],
    padded_slice_step: Sequence[int] | None = None,
    *_: Any,
    **__: Any,
) -> Tensor:
    steps = padded_slice_step or [1] * len(padded_slice_start)
    return input_tensor[tuple(map(slice, padded_slice_start, padded_slice_end, steps))]


@register_golden("ttnn.experimental.complex_mul")
def _complex_mul(a_real: Tensor, a_imag: Tensor, b_real: Tensor, b_imag: Tensor) -> list[Tensor]:
    product = torch.complex(a_real, a_imag) * torch.complex(b_real, b_imag)
    return [product.real, product.imag]


@register_golden("ttnn.slice")
def _slice(
    x: Tensor, starts: Any = None, ends: Any = None, slice_step: Any = None, *_: Any, **__: Any
) -> Any:
    """Between places that are given as tensors."""
    if not isinstance(starts, Tensor) or not isinstance(ends, Tensor):
        return NotImplemented
    steps = slice_step or [1] * x.ndim
    return x[tuple(map(slice, starts.flatten().tolist(), ends.flatten().tolist(), steps))]


_JOINS = {"add": "sum", "multiply": "prod"}


@register_golden("ttnn.scatter")
def _scatter(
    x: Tensor, dim: int, index: Tensor, src: Tensor, *_: Any, reduce: str | None = None, **__: Any
) -> Any:
    """Where numbers are joined with those that are there; ttnn's own golden is of the others."""
    if reduce is None:
        return NotImplemented
    return x.scatter_reduce(dim, index.long(), src.to(x.dtype), _JOINS[reduce])


_BITS = {"FLOAT32": torch.int32, "INT32": torch.int32, "UINT32": torch.int32}
_FLOATS = {"FLOAT32": torch.float32, "BFLOAT16": torch.bfloat16}


@register_golden("ttnn.bitcast")
def _bitcast(x: Tensor, dtype: Any, *_: Any, **__: Any) -> Tensor:
    """The bits of one type as another that is as wide."""
    bits = _BITS.get(dtype.name, torch.int16)
    if x.is_floating_point():
        x = x.to(torch.float32 if bits is torch.int32 else torch.bfloat16).view(bits)
    signed = x.to(bits)  # it wraps
    if dtype.name in _FLOATS:
        return signed.view(_FLOATS[dtype.name]).float()
    return signed.long() % 2 ** torch.iinfo(bits).bits if dtype.name.startswith("U") else signed.long()


@register_golden("ttnn.sort")
def _sort(
    x: Tensor, dim: int = -1, descending: bool = False, stable: bool = False, **_: Any
) -> tuple[Tensor, Tensor]:
    """Of a tensor without dimensions too, which ttnn's own golden cannot compare."""
    values, places = torch.sort(x, dim=dim, descending=descending, stable=stable)
    return values, places
