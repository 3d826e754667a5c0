"""Goldens of collectives that do something else too: a product, or the heads of an attention."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ttci.devices.ttnn.goldens.activations import activated
from ttci.devices.ttnn.goldens.registry import COLLECTIVES, OnChips, of_all_groups, register_collective


@register_collective("ttnn.experimental.all_gather_matmul_async")
def _all_gather_matmul(
    shards: list[Tensor],
    weight_tensor: OnChips,
    *,
    dim: int,
    bias: OnChips | None = None,
    transpose_a: bool = False,
    transpose_b: bool = False,
    activation: str | None = None,
    **_: Any,
) -> list[tuple[Tensor, Tensor]]:
    """What was gathered, and each chip's product of it."""
    gathered = torch.cat(shards, dim=dim)
    left = gathered.mT if transpose_a else gathered
    products = [left @ (weight.mT if transpose_b else weight) for weight in weight_tensor]
    if bias is not None:
        products = [product + own for product, own in zip(products, bias, strict=True)]
    return [(gathered, activated(product, activation)) for product in products]


@register_collective("ttnn.experimental.all_gather_concat")
def _all_gather_concat(
    shards: list[Tensor], _buffer: OnChips, dim: int, *_: Any, num_heads: int, **__: Any
) -> list[Tensor]:
    """The heads of all users side by side, of what is padded to a tile of heads."""
    gathered = torch.cat(shards, dim=dim)[:, :, :num_heads]  # [1, B, H, D]
    return [gathered.reshape(1, 1, gathered.shape[1], -1)] * len(shards)  # [1, 1, B, H * D]


@register_collective("ttnn.experimental.all_reduce_create_qkv_heads")
def _all_reduce_create_heads(
    shards: list[Tensor],
    _buffer: OnChips,
    batch_offset: OnChips | None = None,
    *_: Any,
    num_heads: int,
    num_kv_heads: int = 1,
    slice_size: int | None = None,
    **__: Any,
) -> list[tuple[Tensor, ...]]:
    """The sum, and of the users that each chip takes the heads."""
    total = torch.stack(shards).sum(dim=0)  # [1, 1, B, (H + 2K) * D]
    firsts = [int(offset.flatten()[0]) for offset in batch_offset] if batch_offset else [0] * len(shards)
    users = slice_size or total.shape[2]
    return [(total, *_heads(total[:, :, first : first + users], num_heads, num_kv_heads)) for first in firsts]


@register_collective("ttnn.experimental.llama_reduce_scatter")
def _reduce_scatter(shards: list[Tensor], _buffer: OnChips, dim: int, *_: Any, **__: Any) -> list[Tensor]:
    return list(torch.stack(shards).sum(dim=0).chunk(len(shards), dim=dim))


@register_collective("ttnn.experimental.llama_rs_create_heads")
def _reduce_scatter_create_heads(
    shards: list[Tensor], *_: Any, num_heads: int, num_kv_heads: int, **__: Any
) -> list[tuple[Tensor, ...]]:
    """The heads of the sum, each chip those of its part of the users."""
    total = torch.stack(shards).sum(dim=0)  # [1, 1, B, (H + 2K) * D]
    return [_padded_heads(users, num_heads, num_kv_heads) for users in total.chunk(len(shards), dim=2)]


def _padded_heads(qkv: Tensor, num_heads: int, num_kv_heads: int) -> tuple[Tensor, ...]:
    """Keys and values have as many heads as queries; what is behind theirs is undefined."""
    queries, *others = _heads(qkv, num_heads, num_kv_heads)
    behind = (0, 0, 0, num_heads - num_kv_heads)
    return queries, *(F.pad(other, behind, value=torch.nan) for other in others)


def _heads(qkv: Tensor, num_heads: int, num_kv_heads: int) -> tuple[Tensor, ...]:
    heads = qkv.reshape(1, qkv.shape[2], num_heads + 2 * num_kv_heads, -1)  # [1, B, H + 2K, D]
    return tuple(torch.split(heads, [num_heads, num_kv_heads, num_kv_heads], dim=2))


def _matmul_reduce_scatter(
    shards: list[Tensor],
    mesh_shape: tuple[int, ...],
    weight_tensor: OnChips,
    _buffer: OnChips,
    dim: int,
    _semaphore: Any,
    cluster_axis: int,
    *_: Any,
    rs_tensor: OnChips | None = None,
    second_weight_tensor: OnChips | None = None,
    **__: Any,
) -> list[tuple[Tensor, ...]]:
    """Products, then the parts of a sum over chips: of `rs_tensor`, or of the first product."""
    weights = [each for each in (weight_tensor, second_weight_tensor) if each is not None]
    products = [[shards[chip] @ own for chip, own in enumerate(weight)] for weight in weights]
    summed = products[0] if rs_tensor is None else list(rs_tensor)
    parts = of_all_groups(_reduce_scatter)(summed, mesh_shape, _buffer, dim, cluster_axis=cluster_axis)
    return list(zip(*products, parts, strict=True))


# Its axis stands among the arguments by place.
COLLECTIVES["ttnn.experimental.llama_rs_matmul"] = _matmul_reduce_scatter
