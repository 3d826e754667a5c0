"""Dimensions and indices of a tensor in words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_MOST_LISTED = 6
_TILE = 32  # rows and columns of a tile of ttnn's


def noun(dimension: int, dimensions: int, *, many: bool = True) -> str:
    """What the indices of a dimension are called: columns of the last, rows of the one before."""
    from_end = dimensions - dimension
    name = {1: "column", 2: "row"}.get(from_end)
    if name is None:
        return f"indices of dimension {dimension}" if many else f"index of dimension {dimension}"
    return f"{name}s" if many else name


def named_range(start: int, length: int, dimension: int, dimensions: int) -> str:
    """``column 3``, ``columns 64 to 127``, ``indices 1 to 2 of dimension 0``."""
    many = length > 1
    numbers = f"{start} to {start + length - 1}" if many else str(start)
    first, _, rest = noun(dimension, dimensions, many=many).partition(" ")
    return f"{first} {numbers}" + (f" {rest}" if rest else "")


def named_indices(indices: Sequence[int], size: int, dimension: int, dimensions: int) -> str | None:
    """Indices in ascending order as a run, a few, or every so-many; None where that is not simple."""
    first, count = indices[0], len(indices)
    if indices[-1] - first == count - 1:
        run = named_range(first, count, dimension, dimensions)
        return run + _share(first, count, size, is_tiled=dimension >= dimensions - 2)
    step = indices[1] - first
    if count > 2 and all(b - a == step for a, b in pairwise(indices)):
        plural = noun(dimension, dimensions)
        return f"every {step}th of the {plural} from {first} to {indices[-1]}"
    if count > _MOST_LISTED:
        return None
    word, _, rest = noun(dimension, dimensions).partition(" ")
    listed = ", ".join(map(str, indices[:-1]))
    return f"{word} {listed} and {indices[-1]}" + (f" {rest}" if rest else "")


def _share(start: int, length: int, size: int, *, is_tiled: bool) -> str:
    """Which tile it is, or which of equal parts: a head's, a shard's."""
    is_tile = start % _TILE == 0 and (length == _TILE or (length < _TILE and start + length == size > _TILE))
    if is_tiled and is_tile and size > _TILE and length > 1:
        return f" (tile {start // _TILE} of {-(-size // _TILE)}, counted from 0)"
    parts = size // length
    if length > 1 and size % length == 0 and start % length == 0 and 2 <= parts <= 128:
        return f" (part {start // length} of {parts}, counted from 0)"
    return ""
