"""What goldens of convolutions and pools have in common: images and the padding around them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

Sides = tuple[int, int, int, int]  # top, bottom, left, right


def images_of(x: Tensor, shape: tuple[int, int, int], channels: int) -> Tensor:
    """Images as torch keeps them, of ttnn's, which may be flat and have more channels than are used.

    Args:
        x: [N, H, W, C] or [1, 1, N * H * W, C].
        shape: N, H and W.
        channels: how many are used.

    Returns:
        [N, C, H, W].
    """
    return x.reshape(*shape, -1)[..., :channels].permute(0, 3, 1, 2)


def as_ttnn(images: Tensor) -> Tensor:
    """[N, H, W, C] of [N, C, H, W]; the follower flattens it where ttnn does."""
    return images.permute(0, 2, 3, 1)


def sides_of(padding: int | Sequence[int]) -> Sides:
    """The four sides of a padding given as one number, as (height, width) or as all four."""
    if isinstance(padding, int):
        return padding, padding, padding, padding
    if len(padding) == 2:
        return padding[0], padding[0], padding[1], padding[1]
    top, bottom, left, right = padding
    return top, bottom, left, right
