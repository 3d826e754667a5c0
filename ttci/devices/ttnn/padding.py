"""What lies behind the numbers of a tensor, where its tiles or rows are longer than its shape.

ttnn fills it when it makes tiles of a host's rows, and where it is asked to; what an
operation leaves there it promises nobody. That is NaN here, so that whoever counts it in sees it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

UNDEFINED_PADDING = math.nan
# By the position of the argument that says it, and its name.
_FILLED = {
    "ttnn.fill_implicit_tile_padding": (1, "fill_value"),
    "ttnn.tilize_with_val_padding": (2, "pad_value"),
}
_ZEROED = ("ttnn.tilize_with_zero_padding", "ttnn.zeros", "ttnn.zeros_like")
_MOVED = (
    *("ttnn.to_device", "ttnn.from_device", "ttnn.to_memory_config", "ttnn.clone", "ttnn.move"),
    *("ttnn.reshape", "ttnn.typecast", "ttnn.to_dtype"),
    *("ttnn.interleaved_to_sharded", "ttnn.sharded_to_interleaved"),
)


def padding_made(name: str, args: Sequence[Any], kwargs: Mapping[str, Any], given: Sequence[float]) -> float:
    """What an operation leaves in the padding of its output.

    Args:
        name: of the operation.
        args: that it was called with.
        kwargs: that it was called with.
        given: what lies in the padding of its inputs.
    """
    if name in _FILLED:
        position, keyword = _FILLED[name]
        return float(args[position] if len(args) > position else kwargs[keyword])
    if name in _ZEROED:
        return 0.0
    if name == "ttnn.to_layout":  # rows have none: it is zeroed when they become tiles
        return given[0] if given else 0.0
    return given[0] if name in _MOVED and given else UNDEFINED_PADDING


def with_padding(value: Tensor, shape: Sequence[int], padding: float) -> Tensor:
    """`value` in a shape that is as large or larger, with `padding` behind it in each dimension."""
    if not value.is_floating_point() and math.isnan(padding):
        padding = torch.iinfo(torch.int32).max  # integers have no NaN; none that is right is so large
    if value.ndim < len(shape):
        value = value.reshape((1,) * (len(shape) - value.ndim) + tuple(value.shape))
    wide = torch.full(tuple(shape), padding, dtype=value.dtype)
    wide[tuple(slice(size) for size in value.shape)] = value
    return wide
