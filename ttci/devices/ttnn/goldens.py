"""Goldens that ttci adds to ttnn's own: for operations that have none, or one that does not fit.

A golden takes the operation's own arguments, with a torch tensor for every ttnn
tensor, and gives torch tensors of the shapes that ttnn gives. It changes no input.

Shapes: B batch, H heads, K key/value heads, S tokens, L cache length, D head dim.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ttci.devices.ttnn.numbers import GoldenError

Golden = Callable[..., Any]
GoldenType = TypeVar("GoldenType", bound=Golden)

# May give NotImplemented for arguments that ttnn's own golden handles.
GOLDENS: dict[str, Golden] = {}
# Of collectives: a function of the shards of all chips and the shape of the mesh.
COLLECTIVES: dict[str, Golden] = {}
# From the first tensor to the second.
COPIES = ("ttnn.copy_host_to_device_tensor", "ttnn.copy_device_to_host_tensor")
UNDEFINED = (
    *("ttnn.empty", "ttnn.empty_like", "ttnn.allocate_tensor_on_device", "ttnn.allocate_tensor_on_host"),
)

_TILE = 32


def register_golden(name: str) -> Callable[[GoldenType], GoldenType]:
    """Register the golden of an operation, by its full name (``"ttnn.experimental.foo"``)."""

    def register(golden: GoldenType) -> GoldenType:
        GOLDENS[name] = golden
        return golden

    return register


def _register_collective(*names: str) -> Callable[[GoldenType], GoldenType]:
    """Register a function of the shards of one group of chips, which gives theirs."""

    def register(golden: GoldenType) -> GoldenType:
        def of_all_groups(
            shards: list[Tensor],
            mesh_shape: tuple[int, ...],
            *args: Any,
            cluster_axis: int | None = None,
            **kwargs: Any,
        ) -> list[Tensor]:
            results = list(shards)
            for group in _groups(mesh_shape, cluster_axis):
                given = golden([shards[chip] for chip in group], *args, **kwargs)
                for chip, result in zip(group, given, strict=True):
                    results[chip] = result
            return results

        COLLECTIVES.update(dict.fromkeys(names, of_all_groups))
        return golden

    return register


def _groups(mesh_shape: tuple[int, ...], cluster_axis: int | None) -> list[list[int]]:
    """The chips that take part in a collective together: all, or those along one axis of the mesh."""
    chips = torch.arange(torch.Size(mesh_shape).numel()).reshape(mesh_shape)
    if cluster_axis is None:
        return [chips.flatten().tolist()]
    groups: list[list[int]] = chips.movedim(cluster_axis, -1).flatten(0, -2).tolist()
    return groups


@_register_collective("ttnn.all_gather", "ttnn.experimental.all_gather_async")
def _all_gather(shards: list[Tensor], dim: int, *_: Any, **__: Any) -> list[Tensor]:
    return [torch.cat(shards, dim=dim)] * len(shards)


@_register_collective("ttnn.all_reduce", "ttnn.experimental.all_reduce_async")
def _all_reduce(shards: list[Tensor], *_: Any, **__: Any) -> list[Tensor]:
    return [torch.stack(shards).sum(dim=0)] * len(shards)


@_register_collective("ttnn.reduce_scatter", "ttnn.experimental.reduce_scatter_minimal_async")
def _reduce_scatter(shards: list[Tensor], dim: int, *_: Any, **__: Any) -> list[Tensor]:
    return list(torch.stack(shards).sum(dim=0).chunk(len(shards), dim=dim))


@_register_collective("ttnn.mesh_partition")
def _mesh_partition(shards: list[Tensor], dim: int, *_: Any, **__: Any) -> list[Tensor]:
    return [shard.chunk(len(shards), dim=dim)[chip] for chip, shard in enumerate(shards)]


@register_golden("ttnn.typecast")
def _typecast(x: Tensor, *_: Any, **__: Any) -> Tensor:
    return x  # what is stored of it is rounded to its type


@register_golden("ttnn.embedding")
def _embedding(ids: Tensor, weight: Tensor, **_: Any) -> Tensor:
    rows = weight.reshape(weight.shape[-2:])  # [V, E], of any rank before
    outside = ids[(ids < 0) | (ids >= len(rows))]
    if outside.numel():
        raise GoldenError(f"ttnn.embedding: id {outside[0]} is not in its table of {len(rows)} rows")
    return rows[ids.reshape(-1, ids.shape[-1]).long()]  # [B, S, E]


@register_golden("ttnn.layer_norm")
def _layer_norm(
    x: Tensor,
    *,
    epsilon: float = 1e-12,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    residual_input_tensor: Tensor | None = None,
    **_: Any,
) -> Tensor:
    if residual_input_tensor is not None:
        x = x + residual_input_tensor
    width = x.shape[-1:]
    weight = None if weight is None else weight.reshape(width)
    bias = None if bias is None else bias.reshape(width)
    return F.layer_norm(x, width, weight, bias, eps=epsilon)


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
