"""Numbers as a tensor of each of ttnn's types holds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Rounding:
    """Rounds torch's values to ttnn's types: numbers stay in float32, integers in int64."""

    def __init__(self, ttnn: Any) -> None:
        self._ttnn = ttnn
        self.plain_to_torch: Callable[..., Tensor] = ttnn.Tensor.to_torch  # before a Follower replaces it

    def to_type(self, value: Tensor, dtype: Any) -> Tensor:
        """`value` as a tensor of ttnn's `dtype` holds it, in float32; integers in int64."""
        ttnn = self._ttnn
        if dtype in (ttnn.uint8, ttnn.uint16, ttnn.uint32, ttnn.int32):
            return value.to(torch.int64)  # to zero, as ttnn does
        if dtype == ttnn.bfloat16:
            return value.to(torch.bfloat16).float()
        if self.is_block_float(dtype):
            return self._to_blocks(value, dtype)
        return value.float()

    def weight_to_type(self, weight: Tensor, dtype: Any, outputs: int) -> Tensor:
        """A convolution's weight, as torch keeps it, rounded as ttnn does: in rows of output channels.

        Args:
            weight: of any rank.
            dtype: a type of ttnn's.
            outputs: the dimension of the output channels.
        """
        if not self.is_block_float(dtype):
            return self.to_type(weight, dtype)
        rows = weight.movedim(outputs, -1)
        return self.to_type(rows.reshape(-1, rows.shape[-1]), dtype).reshape(rows.shape).movedim(-1, outputs)

    def held_by(self, host: Any) -> Tensor:
        """What the memory of a host tensor holds, in torch."""
        if self.is_block_float(host.dtype):
            return self.block_floats_of(host)
        return self.to_type(self.plain_to_torch(host), host.dtype)

    def is_block_float(self, dtype: Any) -> bool:
        """Whether numbers of `dtype` share an exponent by blocks."""
        return dtype in (self._ttnn.bfloat8_b, self._ttnn.bfloat4_b)

    def block_floats_of(self, host: Any) -> Tensor:
        """What a host tensor of block floats holds, in memory of torch's own.

        ttnn's is aligned to 16 bytes, and a product of 64-byte vectors takes half as long again there.
        """
        return self.plain_to_torch(host).to(torch.float32, copy=True)

    def _to_blocks(self, value: Tensor, dtype: Any) -> Tensor:
        """Rounded to a shared exponent a block, by ttnn's own host conversion."""
        host = self._ttnn.Tensor(
            tensor=value.float().contiguous(), data_type=dtype, layout=self._ttnn.TILE_LAYOUT
        )
        return self.block_floats_of(host).reshape(value.shape)
