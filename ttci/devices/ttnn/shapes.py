"""What a golden gives, in the shape that ttnn gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ttci.devices.ttnn.numbers import GoldenError, Shards


def in_shape(name: str, tensor: Any, shards: Shards) -> Shards:
    """`shards` in the shape of `tensor`.

    A golden may keep, or drop, dimensions of size 1, and keep images whole that ttnn flattens.
    """
    shape = tuple(tensor.shape)
    if all(tuple(shard.shape) == shape for shard in shards):
        return shards
    for shard in shards:
        if _without_ones(shape) not in (_without_ones(shard.shape), _without_ones(_flat(shard.shape))):
            raise GoldenError(f"{name}: ttnn gives shape {shape}, its golden {tuple(shard.shape)}")
    return [shard.reshape(shape) for shard in shards]


def shows_padding(given: Any, output: Any) -> bool:
    """Whether an operation that moves numbers gives more of them than it got."""
    with_padding: int = math.prod(given.padded_shape)
    made: int = math.prod(output.shape)
    return math.prod(given.shape) < made and made == with_padding


def _flat(shape: Sequence[int]) -> Sequence[int]:
    """[1, 1, N * H * W, C] of images [N, H, W, C]."""
    return (1, 1, math.prod(shape[:3]), shape[3]) if len(shape) == 4 else shape


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]
