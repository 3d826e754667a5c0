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

_TILE = 32


@register_golden("ttnn.typecast")
def _typecast(x: Tensor, *_: Any, **__: Any) -> Tensor:
    return x  # what is stored of it is rounded to its type


@register_golden("ttnn.reshape")
def _reshape(
    x: Tensor, shape: Sequence[int], padded: Any = None, *_: Any, padded_shape: Any = None, **__: Any
) -> Tensor:
    """What follows the shape says how it is padded, or where it lies."""
    shape = tuple(shape)
    if x.numel() == math.prod(shape):
        return x.reshape(shape)
    whole = tuple(padded_shape if padded_shape is not None else padded)
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
