"""Goldens of convolutions.

Shapes: N images, H rows, W columns, I and O channels in and out, G groups. ttnn keeps
images as [N, H, W, I] or flat as [1, 1, N * H * W, I]. Weights come
as torch keeps them, those that ttnn prepared too: the follower keeps what they were made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from ttci.devices.ttnn.goldens.activations import activated
from ttci.devices.ttnn.goldens.registry import register_golden
from ttci.devices.ttnn.goldens.windows import as_ttnn, images_of, sides_of
from ttci.devices.ttnn.numbers import GoldenError

_PADDING_MODES = {"zeros": "constant", "replicate": "replicate"}


@register_golden("ttnn.conv2d")
def _conv2d(
    *,
    input_tensor: Tensor,
    weight_tensor: Tensor,
    in_channels: int,
    out_channels: int,
    batch_size: int,
    input_height: int,
    input_width: int,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
    bias_tensor: Tensor | None = None,
    conv_config: Any = None,
    **_: Any,
) -> Tensor:
    _check_shape(weight_tensor, (out_channels, in_channels // groups, *kernel_size))
    images = images_of(input_tensor, (batch_size, input_height, input_width), in_channels)
    top, bottom, left, right = sides_of(padding)
    padded = F.pad(images, (left, right, top, bottom), mode=_padding_mode(conv_config))
    bias = _bias(bias_tensor, out_channels)
    output = F.conv2d(padded, weight_tensor, bias, tuple(stride), 0, tuple(dilation), groups)
    return as_ttnn(_activated(output, conv_config))


@register_golden("ttnn.conv1d")
def _conv1d(
    *,
    weight_tensor: Tensor,
    input_length: int,
    kernel_size: int,
    stride: int = 1,
    padding: int | Sequence[int] = 0,
    dilation: int = 1,
    **others: Any,
) -> Tensor:
    """A convolution of images of one row."""
    before, after = (padding, padding) if isinstance(padding, int) else padding
    if weight_tensor.dim() == 3:
        weight_tensor = weight_tensor[:, :, None]  # [O, I / G, 1, K]
    return _conv2d(
        weight_tensor=weight_tensor,
        input_height=1,
        input_width=input_length,
        kernel_size=(1, kernel_size),
        stride=(1, stride),
        padding=(0, 0, before, after),
        dilation=(1, dilation),
        **others,
    )


@register_golden("ttnn.conv_transpose2d")
def _conv_transpose2d(
    *,
    input_tensor: Tensor,
    weight_tensor: Tensor,
    in_channels: int,
    out_channels: int,
    batch_size: int,
    input_height: int,
    input_width: int,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    output_padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
    bias_tensor: Tensor | None = None,
    conv_config: Any = None,
    mirror_kernel: bool = True,
    **_: Any,
) -> Tensor:
    _check_shape(weight_tensor, (in_channels, out_channels // groups, *kernel_size))
    images = images_of(input_tensor, (batch_size, input_height, input_width), in_channels)
    weight = weight_tensor if mirror_kernel else weight_tensor.flip(2, 3)
    whole = F.conv_transpose2d(
        images, weight, None, tuple(stride), 0, tuple(output_padding), groups, tuple(dilation)
    )
    top, bottom, left, right = sides_of(padding)
    output = F.pad(whole, (-left, -right, -top, -bottom))  # cut off
    bias = _bias(bias_tensor, out_channels)
    if bias is not None:
        output = output + bias[:, None, None]
    return as_ttnn(_activated(output, conv_config))


def _activated(output: Tensor, config: Any) -> Tensor:
    return output if config is None else activated(output, config.activation)


def _padding_mode(config: Any) -> str:
    """Of F.pad; a config without one pads with zeros."""
    mode = getattr(config, "padding_mode", None)
    name = "zeros" if mode is None else str(mode.name).lower()
    if name not in _PADDING_MODES:
        raise GoldenError(f"the padding mode {name} of a convolution is not modelled on a mock board")
    return _PADDING_MODES[name]


def _bias(bias: Tensor | None, channels: int) -> Tensor | None:
    return None if bias is None else bias.flatten()[:channels]


def _check_shape(weight: Tensor, expected: tuple[int, ...]) -> None:
    if tuple(weight.shape) != expected:
        raise GoldenError(
            f"a weight of shape {tuple(weight.shape)}, where the arguments say {expected}: one that was put "
            "in ttnn's order by hand is not modelled on a mock board; give torch's, or prepare it with ttnn"
        )
