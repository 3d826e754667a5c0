"""Goldens of the rotary embeddings.

Shapes: B batch, H heads, S tokens, D head dim.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_golden

_TILE = 32


@register_golden("ttnn.experimental.rotary_embedding")
def _rotary_embedding(
    x: Tensor, cos: Tensor, sin: Tensor, token_index: int | None = None, **_: Any
) -> Tensor:
    """With `token_index`, x is [1, H, B, D], every row at that position. Rows are padded to tiles."""
    rows = slice(0, x.shape[-2]) if token_index is None else slice(token_index, token_index + 1)
    rotated = x * cos[..., rows, :] + _half_rotated(x) * sin[..., rows, :]
    return F.pad(rotated, (0, 0, 0, -x.shape[-2] % _TILE))


@register_golden("ttnn.experimental.rotary_embedding_hf")
def _rotary_embedding_hf(
    x: Tensor, cos: Tensor, sin: Tensor, *_: Any, is_decode_mode: bool = False, **__: Any
) -> Tensor:
    """In decode mode x is [1, B, H, D], and cos and sin are [1, B, 1, D]."""
    rows = 1 if is_decode_mode else x.shape[-2]
    return x * cos[..., :rows, :] + _half_rotated(x) * sin[..., :rows, :]


def _half_rotated(x: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


@register_golden("ttnn.experimental.rotary_embedding_llama")
def _rotary_embedding_llama(
    x: Tensor,
    cos: Tensor,
    sin: Tensor,
    transformation: Tensor,
    *_: Any,
    is_decode_mode: bool = False,
    **__: Any,
) -> Tensor:
    rows = 1 if is_decode_mode else x.shape[-2]
    return x * cos[..., :rows, :] + pair_rotated(x, transformation) * sin[..., :rows, :]


def pair_rotated(x: Tensor, transformation: Tensor) -> Tensor:
    """Neighbours swapped and one of them negated, by a matrix of one tile that is repeated for each core."""
    tile = transformation.reshape(-1, _TILE)[:_TILE]
    blocks = x.reshape(*x.shape[:-1], x.shape[-1] // _TILE, _TILE)
    return (blocks @ tile).reshape(x.shape)


@register_golden("ttnn.experimental.rotary_embedding_llama_fused_qk")
def _rotary_embedding_llama_fused_qk(
    q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, transformation: Tensor, *_: Any, **__: Any
) -> tuple[Tensor, Tensor]:
    """Tables of [1, 2B, 32, D]: the first half for q, the second for k."""
    batch = q.shape[1]
    q_cos, k_cos = cos[:, :batch, :1], cos[:, batch : 2 * batch, :1]
    q_sin, k_sin = sin[:, :batch, :1], sin[:, batch : 2 * batch, :1]
    return (
        q * q_cos + pair_rotated(q, transformation) * q_sin,
        k * k_cos + pair_rotated(k, transformation) * k_sin,
    )
