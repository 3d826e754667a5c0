"""Goldens of collectives: functions of the shards of one group of chips, which give theirs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_collective


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
