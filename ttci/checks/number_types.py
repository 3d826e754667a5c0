"""Rounding of numbers to the types that devices compute in."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_BLOCK = 16  # numbers that share an exponent in ttnn's block floats: a row of a tile's face
_MAGNITUDE_BITS = {"bfloat8_b": 7, "bfloat4_b": 3}  # of a block float's mantissa, without the sign
_CHUNK = 1 << 20  # elements rounded at a time, so that memory stays bounded


@dataclass(frozen=True)
class Precision:
    """The types that a device computes in.

    Attributes:
        dtype: of activations, and of vectors among the weights.
        weight_dtype: of matrices among the weights: a floating-point type of torch's by its
            name, or a block float of ttnn's (``bfloat8_b``, ``bfloat4_b``).
    """

    dtype: torch.dtype
    weight_dtype: str

    @property
    def dtype_name(self) -> str:
        """As torch names it, without ``torch.``."""
        return str(self.dtype).removeprefix("torch.")

    def __str__(self) -> str:
        is_one = self.weight_dtype == self.dtype_name
        return self.dtype_name if is_one else f"{self.dtype_name} with {self.weight_dtype} weights"


def rounded_to_nearest(values: Tensor, dtype: torch.dtype) -> Tensor:
    """`values` as `dtype` holds them, in their own type; what is too large for `dtype` stays."""
    rounded = values.to(dtype).to(values.dtype)
    return rounded if rounded.isfinite().all() else torch.where(rounded.isfinite(), rounded, values)


def rounded_at_random(values: Tensor, dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    """`values` up or down to a neighbour in `dtype`, the more likely the nearer it is.

    What `dtype` holds exactly stays. The mean over many roundings is the value itself.
    """
    spacing = _spacing(values, dtype)
    up = torch.rand(values.shape, generator=generator, dtype=values.dtype)
    rounded = (values / spacing).add_(up).floor_().mul_(spacing)
    return torch.where(rounded.isfinite(), rounded, values)


def disturbed(values: Tensor, dtype: torch.dtype, factor: float, generator: torch.Generator) -> Tensor:
    """`values` off by `factor` times an error of rounding, spread evenly.

    What `dtype` holds exactly stays.
    """
    error = torch.rand(values.shape, generator=generator, dtype=values.dtype).sub_(0.5)
    error.mul_(_spacing(values, dtype)).mul_(factor)
    result = torch.where(values == rounded_to_nearest(values, dtype), values, values + error)
    return torch.where(result.isfinite(), result, values)


def _spacing(values: Tensor, dtype: torch.dtype) -> Tensor:
    """How far neighbours in `dtype` lie apart."""
    info = torch.finfo(dtype)
    _, exponent = torch.frexp(values)  # values = m * 2**exponent, 0.5 <= |m| < 1
    spacing = torch.ldexp(torch.full_like(values, info.eps / 2), exponent)
    return spacing.clamp_(min=info.smallest_normal * info.eps)


def rounded_weight(weight: Tensor, name: str) -> Tensor:
    """A matrix as a device holds it in the type `name`, in its own type.

    A block float's 16 neighbours in a row share the exponent of the largest; each is
    rounded to the nearest multiple of ``2**(exponent - bits + 1)``, where bits is 7 for
    bfloat8_b and 3 for bfloat4_b, as ttnn's conversion on the host does.
    """
    if name not in _MAGNITUDE_BITS:
        return rounded_to_nearest(weight, getattr(torch, name))
    rounded = weight.contiguous().clone() if weight.is_contiguous() else weight.contiguous()
    rows = rounded.view(-1, rounded.shape[-1])
    step = max(1, _CHUNK // max(1, rows.shape[1]))
    for start in range(0, rows.shape[0], step):
        _round_blocks(rows[start : start + step], _MAGNITUDE_BITS[name])
    return rounded


def _round_blocks(rows: Tensor, bits: int) -> None:
    """In place."""
    padding = -rows.shape[1] % _BLOCK
    blocks = torch.nn.functional.pad(rows, (0, padding)).view(rows.shape[0], -1, _BLOCK)
    _, exponent = torch.frexp(blocks.abs().amax(-1, keepdim=True))
    spacing = torch.ldexp(torch.ones_like(blocks[..., :1]), exponent - bits)
    largest = 2**bits - 1
    blocks = (blocks / spacing).round_().clamp_(-largest, largest).mul_(spacing)
    rows.copy_(blocks.view(rows.shape[0], -1)[:, : rows.shape[1]])
