"""Goldens of normalizations."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_golden
from ttci.devices.ttnn.numbers import GoldenError

_TILE = 32


@register_golden("ttnn.rms_norm")
def _rms_norm(
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
    y = F.rms_norm(x, width, weight, eps=epsilon)
    return y if bias is None else y + bias.reshape(width)


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


@register_golden("ttnn.group_norm")
def _group_norm(
    x: Tensor,
    *,
    num_groups: int,
    epsilon: float = 1e-12,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    memory_config: Any = None,
    core_grid: Any = None,
    **_: Any,
) -> Tensor:
    """Of images [N, 1, H * W, C] or [N, H, W, C]."""
    channels = x.shape[-1]
    parts = _possible_parts(channels, num_groups, memory_config, core_grid)
    scale, shift = (
        None if given is None else _by_channel(given, channels, parts) for given in (weight, bias)
    )
    normalized = F.group_norm(x.movedim(-1, 1), num_groups, scale, shift, epsilon)
    return normalized.movedim(1, -1)


def _possible_parts(channels: int, groups: int, memory_config: Any, core_grid: Any) -> Iterable[int]:
    """Into how many parts the cores may split the channels: the golden is not told how its input lies."""
    if core_grid is None:
        return range(1, channels + 1)
    ttnn = importlib.import_module("ttnn")
    if memory_config is not None and memory_config.is_sharded():
        orientation = memory_config.shard_spec.orientation if memory_config.shard_spec else None
        layout = memory_config.memory_layout
        return [ttnn.get_group_norm_cores_across_channel(layout, core_grid, orientation)]
    x, y = core_grid.x, core_grid.y
    sharded = set() if memory_config is not None else {1, x, y, x * y}
    interleaved = ttnn.operations.normalization.dram_group_norm_virtual_columns(core_grid, channels, groups)
    return sorted({interleaved} | sharded)


def _by_channel(parameter: Tensor, channels: int, possible_parts: Iterable[int]) -> Tensor:
    """[C] of what ``ttnn.create_group_norm_weight_bias_rm`` gives: parts of it, each filled to whole tiles.

    Of how many parts, its size says; where several numbers would fit, the zeros between them.
    """
    parameter, found = parameter.flatten(), []
    for parts in possible_parts:
        width = channels // parts
        if channels % parts or parts * (width + -width % _TILE) != len(parameter):
            continue
        rows = parameter.reshape(parts, -1)
        if not rows[:, width:].any():
            found.append(rows[:, :width].flatten())
    if not found or any(not torch.equal(found[0], other) for other in found):
        raise GoldenError(
            f"which of the {len(parameter)} numbers of a weight or bias belong to which of {channels} "
            "channels is not known; make it with ttnn.create_group_norm_weight_bias_rm for the same cores"
        )
    return found[0]
