"""Goldens in float32, beside those that a follower computes: of one operation, and of all of them."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor

from ttci.devices.ttnn.follow import Follower
from ttci.devices.ttnn.numbers import Numbers, Shards
from ttci.devices.ttnn.rounding import Rounding

Read = Callable[[Any], Shards]  # what a tensor of ttnn's holds on each chip


def unrounded(ttnn: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """The arguments of an operation with float32 for the type that it is asked for: goldens round to that."""
    narrow = (ttnn.bfloat16, ttnn.bfloat8_b, ttnn.bfloat4_b)

    def change(value: Any) -> Any:
        return ttnn.float32 if isinstance(value, ttnn.DataType) and value in narrow else value

    return tuple(map(change, args)), {name: change(value) for name, value in kwargs.items()}


class GivenNumbers(Numbers):
    """What the operation that runs was given."""

    def take(self, tensor: Any, shards: Shards, *, prepared: bool) -> None:
        """Keep what a tensor holds before it may be changed."""
        if tensor not in self:
            self.store_exactly(tensor, shards, prepared=prepared)

    def clear(self) -> None:
        """The next operation is given others."""
        self.forget_since(-1)


class Unrounded(Rounding):
    """Every type holds what float32 does."""

    def to_type(self, value: Tensor, dtype: Any) -> Tensor:  # noqa: ARG002
        """`value`, in float32."""
        return value.float() if value.is_floating_point() else value.long()

    def is_block_float(self, dtype: Any) -> bool:  # noqa: ARG002
        """No: no block is ever rounded."""
        return False


class Float32Numbers(Numbers):
    """Values that are never rounded; of what nobody has computed in float32, what `read` gives.

    Attributes:
        begun_anew: how many tensors had to be read.
    """

    def __init__(self, ttnn: Any, read: Read) -> None:
        super().__init__(ttnn)
        self.rounding = Unrounded(ttnn)
        self._read = read
        self.begun_anew = 0

    def of(self, tensor: Any, asked_by: str, *, prepared: bool = False) -> Shards:
        """What `tensor` holds; one that a method of tensors made is a view of another, or read."""
        if tensor not in self:
            same = self._in_same_memory(tensor)
            self.begun_anew += same is None
            self.store_exactly(tensor, self._read(tensor) if same is None else same)
        return super().of(tensor, asked_by, prepared=prepared)

    def _in_same_memory(self, tensor: Any) -> Shards | None:
        place = self.place_of(tensor)
        shape = tuple(tensor.shape)
        for key in self._buffers.ids_in(place[0]) if place else ():
            entry = self._entries[key]
            if entry.place == place and entry.shards[0].numel() == tensor.logical_volume():
                return [shard.reshape(shape) for shard in entry.shards]
        return None


class ReadOut:
    """The torch tensors that were read, with what the float32 run holds in their place."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Tensor], int, Shards]] = {}

    def keep(self, value: Any, shards: Shards) -> None:
        """`value` was read."""
        if isinstance(value, Tensor):
            self._known[id(value)] = weakref.ref(value), value._version, shards

    def of(self, value: Any) -> Shards:
        """Nothing where it has been changed since, or was not read."""
        reference, version, shards = self._known.get(id(value), (None, 0, []))
        known = reference() if reference else None
        return shards if known is not None and known is value and known._version == version else []


class Float32Run(Follower):
    """All operations, in float32 from the host's tensors on; it is told of each, and registers no hook."""

    def __init__(self, ttnn: Any, read: Read) -> None:
        self.float32 = Float32Numbers(ttnn, read)
        super().__init__(ttnn, models_engine=False, numbers=self.float32)

    def begin(self) -> None:
        """An operation begins."""
        self._started = self.numbers.clock

    def end(self, operation: Any, args: Any, kwargs: Any, output: Any) -> None:
        """It has ended: compute what it gives.

        Raises:
            GoldenError: where that cannot be told.
        """
        self._after(operation, *unrounded(self._ttnn, args, kwargs), output)

    def _on_host(self, value: Tensor, tensor: Any, mapper: Any) -> Any:
        """Split over the chips, and not rounded."""
        ttnn = self._ttnn
        if not value.is_floating_point():
            return super()._on_host(value, tensor, mapper)
        return ttnn.Tensor(
            tensor=value.float().contiguous(),
            data_type=ttnn.float32,
            layout=ttnn.ROW_MAJOR_LAYOUT,
            mesh_mapper=mapper,
        )
