"""Goldens of collectives: functions of the shards of one group of chips, which give theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import COLLECTIVES, register_collective


@register_collective("ttnn.all_gather", "ttnn.experimental.all_gather_async")
def _all_gather(shards: list[Tensor], dim: int, *_: Any, **__: Any) -> list[Tensor]:
    return [torch.cat(shards, dim=dim)] * len(shards)


@register_collective("ttnn.all_reduce", "ttnn.experimental.all_reduce_async")
def _all_reduce(shards: list[Tensor], *_: Any, **__: Any) -> list[Tensor]:
    return [torch.stack(shards).sum(dim=0)] * len(shards)


@register_collective("ttnn.reduce_scatter", "ttnn.experimental.reduce_scatter_minimal_async")
def _reduce_scatter(shards: list[Tensor], dim: int, *_: Any, **__: Any) -> list[Tensor]:
    return list(torch.stack(shards).sum(dim=0).chunk(len(shards), dim=dim))


@register_collective("ttnn.mesh_partition")
def _mesh_partition(shards: list[Tensor], dim: int, *_: Any, **__: Any) -> list[Tensor]:
    return [shard.chunk(len(shards), dim=dim)[chip] for chip, shard in enumerate(shards)]


@register_collective("ttnn.experimental.all_gather_async_reversed")
def _all_gather_reversed(shards: list[Tensor], dim: int, *_: Any, **__: Any) -> list[Tensor]:
    return [torch.cat(shards[::-1], dim=dim)] * len(shards)


@register_collective("ttnn.experimental.all_to_all_async_generic")
def _all_to_all(shards: list[Tensor], in_dim: int, out_dim: int, *_: Any, **__: Any) -> list[Tensor]:
    """A tensor that was split along `in_dim` is split along `out_dim` instead."""
    parts = [shard.chunk(len(shards), dim=out_dim) for shard in shards]
    return [torch.cat(given, dim=in_dim) for given in zip(*parts, strict=True)]


@register_collective("ttnn.all_broadcast")
def _all_broadcast(shards: list[Tensor], *_: Any, **__: Any) -> list[tuple[Tensor, ...]]:
    return [tuple(shards)] * len(shards)


def _broadcast(
    shards: list[Tensor],
    mesh_shape: tuple[int, int],
    sender_coord: Sequence[int],
    *_: Any,
    cluster_axis: int | None = None,
    **__: Any,
) -> list[Tensor]:
    """What the sender holds, on the chips of its line; the others keep theirs."""
    sender = int(sender_coord[0]) * mesh_shape[1] + int(sender_coord[1])
    places = [divmod(chip, mesh_shape[1]) for chip in range(len(shards))]
    across = None if cluster_axis is None else 1 - cluster_axis
    on_line = [across is None or place[across] == places[sender][across] for place in places]
    return [shards[sender] if on else own for on, own in zip(on_line, shards, strict=True)]


# It asks for the place of a single chip, and so for the whole mesh.
COLLECTIVES["ttnn.broadcast"] = _broadcast
