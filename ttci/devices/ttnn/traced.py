"""What a trace remembers of a tensor: all but its memory, which is free for others once Python drops it."""

from __future__ import annotations

from typing import Any

Place = tuple[int, tuple[Any, ...]]  # a buffer, and of a piece of a tensor the chips that it is of


class TracedTensor:
    """Stands for a tensor on a board when a trace is replayed; it passes for one of ttnn's own class.

    To hold the tensor itself would keep its memory, and a trace of many operations would
    need more of it here than on a board.
    """

    def __init__(self, tensor: Any, place: Place) -> None:
        self.place = place
        self.tensor_id: int = tensor.tensor_id
        self.shape, self.padded_shape = tensor.shape, tensor.padded_shape
        self.dtype, self.layout = tensor.dtype, tensor.layout
        self._class = type(tensor)
        self._mesh, self._chips = tensor.device(), tensor.device_coords()
        self._memory_config, self._address = tensor.memory_config(), tensor.buffer_address()

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """Ttnn's own, so that `isinstance` tells what it stands for."""
        return self._class

    def device(self) -> Any:
        """The mesh that the tensor lay on."""
        return self._mesh

    def device_coords(self) -> Any:
        """The chips that it lay on."""
        return self._chips

    def memory_config(self) -> Any:
        """How it lay in memory."""
        return self._memory_config

    def buffer_address(self) -> int:
        """Where it lay in memory, in bytes."""
        address: int = self._address
        return address

    def is_sharded(self) -> bool:
        """Whether its memory was sharded over cores."""
        return bool(self._memory_config.is_sharded())

    def is_allocated(self) -> bool:
        """It is while the trace runs."""
        return True


def is_traced(tensor: Any) -> bool:
    """Whether `tensor` stands for one of a trace."""
    return type(tensor) is TracedTensor
