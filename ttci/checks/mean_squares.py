"""Mean squares by row and by column of matrices [R, C] of any size, a chunk at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

_CHUNK = 1 << 18  # elements: 2 MiB in float64

Block = tuple[slice, slice]


def as_matrix(tensor: Tensor) -> Tensor:
    """On the host: the last dimension in columns, all others in rows; a single number is [1, 1]."""
    tensor = tensor.detach().cpu()
    columns = tensor.shape[-1] if tensor.ndim else 1
    return tensor.reshape(math.prod(tensor.shape[:-1]), columns)


def row_mean_squares(values: Tensor, minus: Tensor | None = None) -> Tensor:
    """Of `values`, or of their difference from `minus`: [R], in float64."""
    sums = torch.zeros(values.shape[0], dtype=torch.float64)
    for block in blocks(values):
        sums[block[0]] += _squares(values, minus, block).sum(1)
    return sums / max(1, values.shape[1])


def column_mean_squares(values: Tensor, weights: Tensor, minus: Tensor | None = None) -> Tensor:
    """The same by column, [C], with a weight [R] for each row."""
    sums = torch.zeros(values.shape[1], dtype=torch.float64)
    for block in blocks(values):
        sums[block[1]] += weights[block[0]] @ _squares(values, minus, block)
    return sums / max(1, values.shape[0])


def blocks(matrix: Tensor) -> Iterator[Block]:
    """Parts of a matrix that fit into a cache."""
    rows, columns = matrix.shape
    width = max(1, min(columns, _CHUNK))
    height = max(1, _CHUNK // width)
    for top in range(0, rows, height):
        for left in range(0, columns, width):
            yield slice(top, min(top + height, rows)), slice(left, min(left + width, columns))


def differences(values: Tensor, minus: Tensor) -> Tensor:
    """In float64; where one of them is not finite they differ by nothing: an overflow explains nothing."""
    return (values.double() - minus.double()).nan_to_num_(0.0, 0.0, 0.0)


def _squares(values: Tensor, minus: Tensor | None, block: Block) -> Tensor:
    chunk = values[block].double() if minus is None else differences(values[block], minus[block])
    return chunk.square_() if minus is not None else chunk.square()
