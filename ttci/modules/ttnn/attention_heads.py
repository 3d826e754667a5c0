"""Heads filled up with zeros to a width that ttnn's attention operations take.

The scale of attention stays that of the true width; zeros add nothing to a product of
queries and keys, and meet rows of zeros in the output projection.

Shapes: D head dim, W the width of a head on the device.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ttci.devices.protocol import NoImplementationError
from ttci.devices.ttnn.lowering import Implementation, LoweringTarget
from ttci.modules.normalization import RMSNorm
from ttci.modules.ttnn.linear import TILE
from ttci.modules.ttnn.normalization import TtnnRMSNorm


def head_width(head_dim: int, *, has_rotary: bool) -> int:
    """The width W of heads of D on the device, at least D: whole tiles.

    With rotary embedding one tile or an even number, as its halves begin at a tile's
    border or lie in one (what ttnn's ``rotary_embedding_hf`` asks for).
    """
    step = 2 * TILE if has_rotary and head_dim > TILE else TILE
    return head_dim + -head_dim % step


def fill_heads(heads: Tensor, dim: int, width: int) -> Tensor:
    """`heads` with zeros behind each half of D along `dim`, so that it is `width` long.

    The halves are filled up one by one, as rotary embedding turns the first with the
    second; an odd D, which cannot be turned, as a whole.
    """
    dim, head_dim = dim % heads.ndim, heads.shape[dim]
    halves = 2 if head_dim % 2 == 0 else 1
    moved = heads.movedim(dim, -1)
    parts = moved.reshape(*moved.shape[:-1], halves, head_dim // halves)
    return F.pad(parts, (0, (width - head_dim) // halves)).flatten(-2).movedim(-1, dim)


def lower_head_norm(norm: nn.Module, target: LoweringTarget, head_dim: int, width: int) -> Implementation:
    """The ttnn form of a norm of heads of D, for heads filled up to W.

    The mean square over W is D / W of that over D: epsilon and weight make up for it.
    """
    if width == head_dim:
        return target.lower(norm)
    if not isinstance(norm, RMSNorm):
        raise NoImplementationError(
            f"heads {head_dim} wide are filled up to {width} on the board, and there their "
            f"{type(norm).__name__} would be another; use ttci's RMSNorm, or heads that are a multiple "
            f"of {2 * TILE} wide"
        )
    share = head_dim / width
    return TtnnRMSNorm(target, fill_heads(norm.weight * share**0.5, 0, width), norm.eps * share)
