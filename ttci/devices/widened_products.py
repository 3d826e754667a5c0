"""Matrix products of half-precision matrices, computed in float32.

A large matrix is converted a block at a time, and each block is used while it is in
the cache: to convert a weight of 4096 x 14336 as a whole costs as much time as the
product with 128 tokens, fifteen times that of the product with one, and 235 MB.
"""

from __future__ import annotations

import torch
from torch import Tensor

_BLOCK_ELEMENTS = 1 << 20  # 4 MiB in float32


def widened(tensor: Tensor) -> Tensor:
    """In float32; what is repeated by a stride of 0 stays so."""
    once = tensor
    for dim, (size, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        if stride == 0 and size > 1:
            once = once.narrow(dim, 0, 1)
    return once.float().expand(tensor.shape)


def matrix_product(left: Tensor, right: Tensor) -> Tensor:
    """[M, K] times [K, N] in float32, [M, N].

    Raises:
        ValueError: where they do not fit.
    """
    if left.dim() != 2 or right.dim() != 2 or left.shape[1] != right.shape[0]:
        raise ValueError(f"{tuple(left.shape)} and {tuple(right.shape)} cannot be multiplied")
    if left.numel() > right.numel():
        return matrix_product(right.t(), left.t()).t()
    wide_left = widened(left)
    if right.numel() <= _BLOCK_ELEMENTS:
        return wide_left @ widened(right)
    is_in_rows = right.stride(0) >= right.stride(1)
    return _by_rows(wide_left, right) if is_in_rows else _by_columns(wide_left, right)


def batched_product(left: Tensor, right: Tensor) -> Tensor:
    """[B, M, K] times [B, K, N] in float32, [B, M, N].

    Raises:
        ValueError: where they do not fit.
    """
    if left.dim() != 3 or right.dim() != 3 or left.shape[0] != right.shape[0]:
        raise ValueError(f"{tuple(left.shape)} and {tuple(right.shape)} cannot be multiplied")
    larger = max(left[:1].numel(), right[:1].numel())
    if larger <= _BLOCK_ELEMENTS:
        return torch.bmm(widened(left), widened(right))
    return torch.stack([matrix_product(*pair) for pair in zip(left, right, strict=True)])


def _by_rows(left: Tensor, right: Tensor) -> Tensor:
    """Blocks of `right`'s rows: partial sums, added up in float32."""
    result = left.new_zeros(left.shape[0], right.shape[1])
    step = max(1, _BLOCK_ELEMENTS // right.shape[1])
    for first in range(0, right.shape[0], step):
        result.addmm_(left[:, first : first + step], right[first : first + step].float())
    return result


def _by_columns(left: Tensor, right: Tensor) -> Tensor:
    """Blocks of `right`'s columns: each gives columns of the result."""
    result = left.new_empty(left.shape[0], right.shape[1])
    step = max(1, _BLOCK_ELEMENTS // right.shape[0])
    for first in range(0, right.shape[1], step):
        result[:, first : first + step] = left @ right[:, first : first + step].float()
    return result
