"""Which tensors lie in which memory of a board: views share a buffer, and addresses are given out again."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

from ttci.devices.ttnn.traced import Place, is_traced


class Buffers:
    """The ids of tensors by the buffer that they lie in."""

    def __init__(self, ttnn: Any) -> None:
        self._ttnn = ttnn
        self._inside: defaultdict[int, set[int]] = defaultdict(set)
        # By mesh, kind of memory and address, the buffer that was last seen there.
        self._at_address: dict[tuple[int, Any, int], int] = {}

    def place_of(self, tensor: Any) -> Place | None:
        """Where a tensor lies on a board; None on the host."""
        if is_traced(tensor):
            place: Place = tensor.place
            return place
        if not self._ttnn.is_tensor_storage_on_device(tensor):
            return None
        chips = tensor.device_coords()
        of_all = len(chips) == math.prod(tensor.device().shape)
        return tensor.buffer_unique_id(), () if of_all else tuple(map(tuple, chips))

    def ids_in(self, buffer: int) -> set[int]:
        """Of the tensors that lie there."""
        return set(self._inside.get(buffer, ()))

    def add(self, buffer: int, tensor_id: int) -> None:
        """It lies there."""
        self._inside[buffer].add(tensor_id)

    def remove(self, buffer: int, tensor_id: int) -> None:
        """It no longer lies there."""
        self._inside[buffer].discard(tensor_id)
        if not self._inside[buffer]:
            del self._inside[buffer]

    def ids_under(self, tensor: Any, mesh_id: int, buffer: int) -> set[int]:
        """Of the tensors that lay where this one's buffer is now.

        Two buffers at one address are never both allocated: ttnn does not say when a tensor is freed.
        But for those without a number, which take no room.
        """
        if not math.prod(tensor.shape):
            return set()
        address = (mesh_id, tensor.memory_config().buffer_type, tensor.buffer_address())
        before = self._at_address.get(address, buffer)
        self._at_address[address] = buffer
        return self.ids_in(before) if before != buffer else set()
