"""Goldens of normalizations in two steps, of tensors that lie in shards on the cores of a chip.

ttnn's own goldens are those of interleaved tensors, whose statistics are sums; the sharded programs
give means, each in the first column of a tile: of x, where it is asked for, and of x squared.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import (
    CHANGES,
    COLLECTIVES,
    OnChips,
    groups_of_chips,
    register_golden,
)
from ttci.devices.ttnn.goldens.rotary import pair_rotated

_TILE = 32
_SHARDED = "LayerNormShardedMultiCoreProgramConfig"


def _is_sharded(program_config: Any) -> bool:
    return type(program_config).__name__ == _SHARDED


def _with_residual(
    x: Any, *, residual_input_tensor: Any = None, program_config: Any = None, **_: Any
) -> list[Any]:
    """The sharded programs put the sum where `x` was."""
    return [x] if residual_input_tensor is not None and _is_sharded(program_config) else []


@register_golden("ttnn.layer_norm_pre_all_gather", changes=_with_residual)
def _layer_norm_statistics(
    x: Tensor, *, residual_input_tensor: Tensor | None = None, program_config: Any = None, **_: Any
) -> Any:
    if not _is_sharded(program_config):
        return NotImplemented
    total = x if residual_input_tensor is None else x + residual_input_tensor
    statistics = torch.cat([_column(total.mean(-1)), _column(total.square().mean(-1))], dim=-1)
    return statistics if residual_input_tensor is None else [statistics, total]


@register_golden("ttnn.rms_norm_pre_all_gather", changes=_with_residual)
def _rms_norm_statistics(
    x: Tensor, *, residual_input_tensor: Tensor | None = None, program_config: Any = None, **_: Any
) -> Any:
    if not _is_sharded(program_config):
        return NotImplemented
    total = x if residual_input_tensor is None else x + residual_input_tensor
    statistics = _column(total.square().mean(-1))
    return statistics if residual_input_tensor is None else [statistics, total]


@register_golden("ttnn.layer_norm_post_all_gather")
def _layer_norm(
    x: Tensor,
    stats: Tensor,
    *,
    epsilon: float = 1e-12,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    program_config: Any = None,
    **_: Any,
) -> Any:
    if not _is_sharded(program_config):
        return NotImplemented
    mean = stats[..., :: 2 * _TILE].mean(-1, keepdim=True)  # over the chips
    of_square = stats[..., _TILE :: 2 * _TILE].mean(-1, keepdim=True)
    normed = (x - mean) * torch.rsqrt(of_square - mean.square() + epsilon)
    return _scaled(normed, weight, bias)


@register_golden("ttnn.rms_norm_post_all_gather")
def _rms_norm(
    x: Tensor,
    stats: Tensor,
    *,
    epsilon: float = 1e-12,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    program_config: Any = None,
    **_: Any,
) -> Any:
    if not _is_sharded(program_config):
        return NotImplemented
    of_square = stats[..., ::_TILE].mean(-1, keepdim=True)  # over the chips
    return _scaled(x * torch.rsqrt(of_square + epsilon), weight, bias)


@register_golden("ttnn.experimental.wan_fused_rmsnorm_pre_allgather")
def _fused_statistics(input_tensor: Tensor, **_: Any) -> Tensor:
    return _column(input_tensor.square().sum(-1))


@register_golden("ttnn.experimental.wan_fused_rmsnorm_post_allgather")
def _fused_norm(
    input_tensor: Tensor,
    stats: Tensor,
    *,
    epsilon: float = 1e-5,
    num_heads_per_device: int = 1,
    weight: Tensor | None = None,
    transformation_mat: Tensor | None = None,
    rope_cos: Tensor | None = None,
    rope_sin: Tensor | None = None,
    **_: Any,
) -> Tensor:
    """The norm over all chips, its heads apart [B, H, S, D], which may be turned by their places."""
    batch, _one, tokens, width = input_tensor.shape
    sums = stats[..., ::_TILE]  # one of each chip
    mean_square = sums.sum(-1, keepdim=True) / (width * sums.shape[-1])
    normed = _scaled(input_tensor * torch.rsqrt(mean_square + epsilon), weight, None)
    heads = normed.reshape(batch, tokens, num_heads_per_device, -1).transpose(1, 2)
    if transformation_mat is None or rope_cos is None or rope_sin is None:
        return heads
    return heads * rope_cos + pair_rotated(heads, transformation_mat) * rope_sin


def _fused_rms_norm(
    shards: list[Tensor],
    mesh_shape: tuple[int, ...],
    _program: Any,
    cluster_axis: int,
    *_: Any,
    residual_input_tensor: OnChips | None = None,
    epsilon: float = 1e-12,
    weight: OnChips,
    **__: Any,
) -> list[tuple[Tensor, ...]]:
    """Over the widths of all chips of a line; the sum with the residual stands where the residual was."""
    added = residual_input_tensor or [torch.zeros(1)] * len(shards)
    totals = [own + more for own, more in zip(shards, added, strict=True)]
    given: list[tuple[Tensor, ...]] = [()] * len(shards)
    for line in groups_of_chips(mesh_shape, cluster_axis):
        of_square = torch.stack([totals[chip].square().mean(-1, keepdim=True) for chip in line]).mean(0)
        for chip in line:
            normed = _scaled(totals[chip] * torch.rsqrt(of_square + epsilon), weight[chip], None)
            given[chip] = (normed,) if residual_input_tensor is None else (normed, totals[chip])
    return given


COLLECTIVES["ttnn.fused_rms_minimal"] = _fused_rms_norm
CHANGES["ttnn.fused_rms_minimal"] = lambda *_, residual_input_tensor=None, **__: (
    [] if residual_input_tensor is None else [residual_input_tensor]
)


def _column(values: Tensor) -> Tensor:
    """The first column of a tile, whose others are undefined."""
    tile = torch.full((*values.shape, _TILE), torch.nan)
    tile[..., 0] = values
    return tile


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    width = x.shape[-1]
    x = x if weight is None else x * weight.reshape(-1)[:width]
    return x if bias is None else x + bias.reshape(-1)[:width]
