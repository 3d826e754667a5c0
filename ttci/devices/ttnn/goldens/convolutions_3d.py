"""Goldens of convolutions of volumes.

Shapes: N volumes, D planes, H rows, W columns, I and O channels in and out; ttnn keeps
volumes as [N, D, H, W, I]. A prepared weight is a matrix of O columns. Its rows are the kernel's
places, block by block of input channels, and in each the channels of the block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_golden
from ttci.devices.ttnn.numbers import GoldenError

_PADDING_MODES = {"zeros": "constant", "replicate": "replicate"}
_WITHOUT_EFFECT = {"device", "dtype", "memory_config", "compute_kernel_config"}


@register_golden("ttnn.experimental.prepare_conv3d_weights")
def _prepare_conv3d_weights(
    *, weight_tensor: Tensor, groups: int = 1, alignment: int = 32, **others: Any
) -> Any:
    if groups != 1:
        return NotImplemented
    weight = F.pad(weight_tensor, (0, 0) * 3 + (0, -weight_tensor.shape[1] % alignment))  # [O, I, D, H, W]
    outputs, channels = weight.shape[:2]
    block = others.get("C_in_block", 0) or channels
    blocks = weight.reshape(outputs, channels // block, block, -1)  # [O, blocks, I / blocks, D * H * W]
    return blocks.permute(1, 3, 2, 0).reshape(-1, outputs)


@register_golden("ttnn.experimental.conv3d")
def _conv3d(
    *,
    input_tensor: Tensor,
    weight_tensor: Tensor,
    bias_tensor: Tensor | None = None,
    config: Any = None,
    output_channels: int,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (1, 1, 1),
    padding: Sequence[int] = (0, 0, 0),
    dilation: Sequence[int] = (1, 1, 1),
    padding_mode: str = "zeros",
    groups: int = 1,
    **others: Any,
) -> Any:
    not_modelled = any(others[name] for name in others.keys() - _WITHOUT_EFFECT)
    if groups != 1 or padding_mode not in _PADDING_MODES or not_modelled:
        return NotImplemented
    volumes = input_tensor.permute(0, 4, 1, 2, 3)
    weight = _torch_weight(weight_tensor, volumes.shape[1], output_channels, kernel_size, config)
    planes, rows, columns = padding
    sides = (columns, columns, rows, rows, planes, planes)
    padded = F.pad(volumes, sides, mode=_PADDING_MODES[padding_mode])
    bias = None if bias_tensor is None else bias_tensor.flatten()[:output_channels]
    return F.conv3d(padded, weight, bias, tuple(stride), 0, tuple(dilation)).permute(0, 2, 3, 4, 1)


def _torch_weight(
    weight: Tensor, channels: int, outputs: int, kernel_size: Sequence[int], config: Any
) -> Tensor:
    """[O, I, D, H, W] of a prepared weight, or of torch's, whose channels are padded to the input's."""
    if weight.dim() == 5:
        return F.pad(weight, (0, 0) * 3 + (0, channels - weight.shape[1]))
    block = getattr(config, "C_in_block", 0) or channels
    matrix = weight.reshape(-1, weight.shape[-1])[:, :outputs]
    if config is None and channels > 32:
        raise GoldenError("a prepared weight of several blocks needs a config that says C_in_block")
    blocks = matrix.reshape(channels // block, -1, block, outputs)  # [blocks, D * H * W, I / blocks, O]
    return blocks.permute(3, 0, 2, 1).reshape(outputs, channels, *kernel_size)
