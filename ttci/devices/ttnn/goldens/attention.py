"""Goldens of attention, and of what makes and joins its heads.

Shapes: B batch, H heads, K key/value heads, S tokens, L cache length, D head dim.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_golden

_TILE = 32


@register_golden("ttnn.transformer.scaled_dot_product_attention")
def _attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    attn_mask: Tensor | None = None,
    is_causal: bool = True,
    scale: float | None = None,
    **others: Any,
) -> Any:
    """The common case, three times as fast as by ttnn's own golden."""
    special = ("sliding_window_size", "attention_sink", "cu_window_seqlens")
    if any(others.get(name) is not None for name in special) or (is_causal and q.shape[2] != k.shape[2]):
        return NotImplemented
    grouped = q.shape[1] != k.shape[1]
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=attn_mask, is_causal=is_causal, scale=scale, enable_gqa=grouped
    )


@register_golden("ttnn.experimental.nlp_create_qkv_heads_falcon7b")
def _create_qkv_heads_of_falcon(qkv: Tensor, **_: Any) -> tuple[Tensor, Tensor, Tensor]:
    """[B, 1, S, 4672] as 71 heads of queries and one each of keys and values, 64 wide."""
    return _create_qkv_heads(qkv, num_heads=71, num_kv_heads=1, transpose_k_heads=False)


@register_golden("ttnn.experimental.nlp_create_qkv_heads")
def _create_qkv_heads(
    qkv: Tensor,
    kv: Tensor | None = None,
    *,
    num_heads: int,
    num_kv_heads: int | None = None,
    transpose_k_heads: bool = True,
    **_: Any,
) -> tuple[Tensor, Tensor, Tensor]:
    kv_heads = num_kv_heads or num_heads
    if kv is None:
        head_dim = qkv.shape[-1] // (num_heads + 2 * kv_heads)
        sizes = [num_heads * head_dim, kv_heads * head_dim, kv_heads * head_dim]
        q, k, v = torch.split(qkv, sizes, dim=-1)
    else:
        q, (k, v) = qkv, kv.chunk(2, dim=-1)
    q, k, v = _heads(q, num_heads), _heads(k, kv_heads), _heads(v, kv_heads)
    return q, k.transpose(-1, -2) if transpose_k_heads else k, v


def _heads(x: Tensor, heads: int) -> Tensor:
    batch, _, tokens, width = x.shape
    return x.reshape(batch, tokens, heads, width // heads).transpose(1, 2)  # [B, H, S, D]


@register_golden("ttnn.experimental.nlp_concat_heads")
def _concat_heads(x: Tensor, **_: Any) -> Tensor:
    batch, heads, tokens, head_dim = x.shape
    return x.transpose(1, 2).reshape(batch, 1, tokens, heads * head_dim)


@register_golden("ttnn.experimental.nlp_create_qkv_heads_decode")
def _create_qkv_heads_decode(
    qkv: Tensor, *_: Any, num_heads: int, num_kv_heads: int | None = None, **__: Any
) -> tuple[Tensor, ...]:
    kv_heads = num_kv_heads or num_heads
    batch = qkv.shape[-2]
    heads = qkv.reshape(1, batch, num_heads + 2 * kv_heads, -1)  # [1, B, H + 2K, D]
    return tuple(torch.split(heads, [num_heads, kv_heads, kv_heads], dim=2))


@register_golden("ttnn.experimental.nlp_concat_heads_decode")
def _concat_heads_decode(x: Tensor, *, num_heads: int, **_: Any) -> Tensor:
    batch = x.shape[1]
    rows = x[:, :, :num_heads].reshape(1, 1, batch, -1)  # [1, 1, B, H * D]
    return F.pad(rows, (0, 0, 0, _to_tile(batch)), value=torch.nan)  # what is behind them is undefined


def _to_tile(size: int) -> int:
    """By how much `size` is short of whole tiles."""
    return -size % _TILE
