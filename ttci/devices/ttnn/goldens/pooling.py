"""Goldens of pooling windows over images.

Shapes: N images, H rows, W columns, C channels. ttnn takes images as [N, H, W, C] or
[1, 1, N * H * W, C].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_golden
from ttci.devices.ttnn.goldens.windows import Sides, as_ttnn, images_of, sides_of


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
    images = images_of(input_tensor, (batch_size, input_h, input_w), channels)
    reach = [step * (size - 1) + 1 for size, step in zip(kernel_size, dilation, strict=True)]
    sides = sides_of(padding)
    padded = _around(images, sides, -torch.inf)
    padded = F.pad(padded, _for_last_windows(padded, sides, reach, stride, ceil_mode), value=-torch.inf)
    pooled, places = F.max_pool2d(
        padded, tuple(kernel_size), tuple(stride), 0, tuple(dilation), return_indices=True
    )
    if not return_indices:
        return as_ttnn(pooled)
    rows, columns = places // padded.shape[-1] - sides[0], places % padded.shape[-1] - sides[2]
    return as_ttnn(pooled), as_ttnn(rows * input_w + columns)


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
) -> Tensor:
    images = images_of(input_tensor, (batch_size, input_h, input_w), channels)
    sides = sides_of(padding)
    padded = _around(images, sides, 0.0)
    beyond = _for_last_windows(padded, sides, kernel_size, stride, ceil_mode)

    def summed(values: Tensor) -> Tensor:
        kernel = tuple(kernel_size)
        return F.avg_pool2d(F.pad(values, beyond), kernel, tuple(stride), divisor_override=1)

    if divisor_override is not None:
        return as_ttnn(summed(padded) / divisor_override)
    counted = _around(torch.ones_like(images[:1, :1]), sides, float(count_include_pad))
    return as_ttnn(summed(padded) / summed(counted))


def _adaptive(pool: Callable[[Tensor, tuple[int, int]], Tensor]) -> Callable[..., Tensor]:
    def golden(
        input_tensor: Tensor,
        batch_size: int,
        input_h: int,
        input_w: int,
        channels: int,
        output_size: Sequence[int],
        **_: Any,
    ) -> Tensor:
        images = images_of(input_tensor, (batch_size, input_h, input_w), channels)
        rows, columns = output_size
        return as_ttnn(pool(images, (rows, columns)))

    return golden


register_golden("ttnn.adaptive_avg_pool2d")(_adaptive(F.adaptive_avg_pool2d))
register_golden("ttnn.adaptive_max_pool2d")(_adaptive(F.adaptive_max_pool2d))


def _around(images: Tensor, sides: Sides, value: float) -> Tensor:
    top, bottom, left, right = sides
    return F.pad(images, (left, right, top, bottom), value=value)


def _for_last_windows(
    padded: Tensor, sides: Sides, reach: Sequence[int], stride: Sequence[int], ceil_mode: bool
) -> tuple[int, int, int, int]:
    """What `F.pad` must add below and to the right, so that windows at the ends are whole.

    A window that would begin beyond the image and the padding before it is left out, as torch does.
    """
    if not ceil_mode:
        return 0, 0, 0, 0
    _, bottom, _, right = sides
    added = []
    for size, after, window, step in zip(padded.shape[-2:], (bottom, right), reach, stride, strict=True):
        last = -(-(size - window) // step) * step  # where the last window begins
        if last >= size - after:
            last -= step
        added.append(max(0, last + window - size))
    below, to_the_right = added
    return 0, to_the_right, 0, below
