"""Goldens of operations that take the pixels of images from other places.

Shapes: N images, H rows, W columns, C channels; images are [N, H, W, C].
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_golden


@register_golden("ttnn.grid_sample")
def _grid_sample(
    input_tensor: Tensor,
    grid: Tensor,
    *,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
    use_precomputed_grid: bool = False,
    batch_output_channels: bool = False,
    **_: Any,
) -> Tensor:
    """A grid may hold several points of each place side by side."""
    numbers_each = (6 if mode == "bilinear" else 2) if use_precomputed_grid else 2
    points = grid.reshape(*grid.shape[:2], -1, numbers_each)  # [N, rows, columns * points, numbers]
    if use_precomputed_grid:
        sampled = _at_precomputed(input_tensor, points)
    else:
        images = input_tensor.permute(0, 3, 1, 2)
        sampled = F.grid_sample(images, points, mode, padding_mode, align_corners).permute(0, 2, 3, 1)
    return sampled.reshape(*grid.shape[:3], -1) if batch_output_channels else sampled


def _at_precomputed(images: Tensor, points: Tensor) -> Tensor:
    """At what ``ttnn.prepare_grid_sample_grid`` gives.

    It gives row and column as the bits of int16 in a bfloat16, then the weights of the four pixels there.
    """
    corner = (points[..., :2].contiguous().view(torch.int32) >> 16).long()
    rows, columns = corner.unbind(-1)
    if points.shape[-1] == 2:
        return _pixels(images, rows, columns, 0.0)
    return _weighted(images, rows, columns, points[..., 2:].unbind(-1), 0.0)


@register_golden("ttnn.rotate")
def _rotate(
    input_tensor: Tensor,
    angle: float,
    *,
    center: tuple[float, float] | None = None,
    fill: float = 0.0,
    interpolation_mode: str = "nearest",
    **_: Any,
) -> Tensor:
    """Counterclockwise, in degrees; a centre counts from the image's edge, as in torchvision."""
    count, height, width, _channels = input_tensor.shape
    x, y = (width / 2, height / 2) if center is None else center
    columns = torch.arange(width, dtype=torch.float64) + 0.5 - x  # [W]
    rows = torch.arange(height, dtype=torch.float64)[:, None] + 0.5 - y  # [H, 1]
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    from_column = (columns * cos - rows * sin + x - 0.5).expand(count, height, width)
    from_row = (columns * sin + rows * cos + y - 0.5).expand(count, height, width)
    if interpolation_mode == "nearest":
        return _pixels(input_tensor, _nearest(from_row), _nearest(from_column), fill)
    row, column = from_row.floor(), from_column.floor()
    below, right = (from_row - row).float(), (from_column - column).float()
    weights = ((1 - below) * (1 - right), (1 - below) * right, below * (1 - right), below * right)
    return _weighted(input_tensor, row.long(), column.long(), weights, fill)


def _nearest(place: Tensor) -> Tensor:
    """Rounded; what is halfway but for rounding errors goes up."""
    return (place + 0.5 + 1e-9).floor().long()


def _weighted(
    images: Tensor, rows: Tensor, columns: Tensor, weights: tuple[Tensor, ...], outside: float
) -> Tensor:
    """The weighted sum of four pixels: of a row from left to right, then of the row below it."""
    places = [(0, 0), (0, 1), (1, 0), (1, 1)]
    parts = [
        weight[..., None] * _pixels(images, rows + down, columns + right, outside)
        for weight, (down, right) in zip(weights, places, strict=True)
    ]
    return torch.stack(parts).sum(0)


def _pixels(images: Tensor, rows: Tensor, columns: Tensor, outside: float) -> Tensor:
    """The pixels at rows and columns [N, ...]; `outside` where there is none."""
    count, height, width, _ = images.shape
    image = torch.arange(count).reshape(-1, *[1] * (rows.dim() - 1)).expand_as(rows)
    found = images[image, rows.clamp(0, height - 1), columns.clamp(0, width - 1)]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return torch.where(inside[..., None], found, outside)
