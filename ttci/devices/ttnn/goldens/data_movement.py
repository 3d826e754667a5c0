"""Goldens of operations that move, convert or look up numbers and compute nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_golden
from ttci.devices.ttnn.numbers import GoldenError


@register_golden("ttnn.experimental.typecast")
@register_golden("ttnn.typecast")
def _typecast(x: Tensor, *_: Any, **__: Any) -> Tensor:
    return x  # what is stored of it is rounded to its type


@register_golden("ttnn.reshape")
def _reshape(x: Tensor, shape: Sequence[int], *_: Any, **__: Any) -> Tensor:
    """What follows the shape says how it is padded or where it lies."""
    return x.reshape(tuple(shape))


@register_golden("ttnn.embedding")
def _embedding(ids: Tensor, weight: Tensor, **_: Any) -> Tensor:
    rows = weight.reshape(weight.shape[-2:])  # [V, E], of any rank before
    outside = ids[(ids < 0) | (ids >= len(rows))]
    if outside.numel():
        raise GoldenError(f"ttnn.embedding: id {outside[0]} is not in its table of {len(rows)} rows")
    return rows[ids.reshape(-1, ids.shape[-1]).long()]  # [B, S, E]


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
