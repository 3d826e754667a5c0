"""Goldens of pooling windows over images.

Shapes: N images, H rows, W columns, C channels. ttnn keeps images as [1, 1, N * H * W, C].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_golden


@register_golden("ttnn.max_pool2d")
def _max_pool2d(
    input_tensor: Tensor,
    batch_size: int,
    input_h: int,
    input_w: int,
    channels: int,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool = False,
    *,
    return_indices: bool = False,
    **_: Any,
) -> Any:
    sides = _sides(padding)
    if return_indices or (ceil_mode and not _symmetric(sides)):
        return NotImplemented
    images = _images(input_tensor, (batch_size, input_h, input_w, channels))
    around, inside = _split_padding(sides)
    images = F.pad(images, around, value=-torch.inf)
    pooled = F.max_pool2d(images, tuple(kernel_size), tuple(stride), inside, tuple(dilation), ceil_mode)
    return _as_ttnn_keeps(pooled)


@register_golden("ttnn.avg_pool2d")
def _avg_pool2d(
    input_tensor: Tensor,
    batch_size: int,
    input_h: int,
    input_w: int,
    channels: int,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    **_: Any,
) -> Any:
    sides = _sides(padding)
    if not _symmetric(sides) and (ceil_mode or not count_include_pad):
        return NotImplemented
    images = _images(input_tensor, (batch_size, input_h, input_w, channels))
    around, inside = _split_padding(sides)
    pooled = F.avg_pool2d(
        F.pad(images, around),
        tuple(kernel_size),
        tuple(stride),
        inside,
        ceil_mode,
        count_include_pad,
        divisor_override,
    )
    return _as_ttnn_keeps(pooled)


def _images(x: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
    return x.reshape(shape).permute(0, 3, 1, 2)  # [N, C, H, W]


def _as_ttnn_keeps(pooled: Tensor) -> Tensor:
    return pooled.permute(0, 2, 3, 1).reshape(1, 1, -1, pooled.shape[1])  # [1, 1, N * H * W, C]


def _sides(padding: Sequence[int]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a padding given as (height, width) or as all four."""
    if len(padding) == 2:
        return padding[0], padding[0], padding[1], padding[1]
    top, bottom, left, right = padding
    return top, bottom, left, right


def _symmetric(sides: tuple[int, int, int, int]) -> bool:
    top, bottom, left, right = sides
    return top == bottom and left == right


def _split_padding(sides: tuple[int, int, int, int]) -> tuple[tuple[int, ...], tuple[int, int]]:
    """What is put around the images first, as `F.pad` takes it, and what torch's pooling adds itself."""
    top, bottom, left, right = sides
    if _symmetric(sides):
        return (0, 0, 0, 0), (top, left)
    return (left, right, top, bottom), (0, 0)
