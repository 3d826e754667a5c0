"""The numbers that tensors of a mock board would hold: a torch value a tensor and chip.

A mock board's memory reads as zeros. ttnn itself knows what each of its operations
computes (its goldens, in torch), so the values are followed beside the tensors:
filled where a tensor is made on the host, and by the golden after each operation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ttci.devices.ttnn.buffers import Buffers
from ttci.devices.ttnn.padding import UNDEFINED_PADDING, with_padding
from ttci.devices.ttnn.rounding import Rounding
from ttci.devices.ttnn.traced import Place, is_traced
from ttci.errors import TtciError

Shards = list[Tensor]  # what each chip of the mesh holds, in the mesh's order


class GoldenError(TtciError):
    """The value of a tensor on a mock board cannot be told; zeros never stand for it."""


class DeallocatedError(GoldenError, RuntimeError):
    """A tensor was used after its memory was given back; where ttnn itself says so, by a RuntimeError."""

    def __init__(self, asked_by: str, tensor: Any, what: str) -> None:
        self.sentence = f"the tensor of shape {tuple(tensor.shape)} {what}: Buffer is not allocated"
        super().__init__(f"{asked_by}: {self.sentence}")


@dataclass
class _Entry:
    shards: Shards
    dtype: Any
    place: Place | None  # where it lies, which views of it share; None on the host
    mesh_shape: tuple[int, ...]  # of the mesh whose chips hold the shards
    mesh_id: int | None  # of the open mesh that it lies on; None on the host
    stored_at: int
    prepared: bool  # a convolution's weight in ttnn's own order; the shards are as torch keeps them
    padding: float  # what lies behind the numbers in its tiles


class Numbers:
    """Values by ttnn's tensor ids: float32 or int64, rounded to the tensor's type."""

    def __init__(self, ttnn: Any) -> None:
        self._ttnn = ttnn
        self.rounding = Rounding(ttnn)
        self.plain_device_tensors: Callable[[Any], list[Any]] = ttnn.get_device_tensors
        self._entries: dict[int, _Entry] = {}
        self._buffers = Buffers(ttnn)
        self._closed: set[int] = set()  # ids of tensors that lay on a mesh that is closed
        self._overwritten: set[int] = set()  # ids of tensors where a trace wrote something else
        self._hollow: set[int] = set()  # ids of host tensors that hold the zeros of a mock board
        self.clock = 0

    def __contains__(self, tensor: Any) -> bool:
        return tensor.tensor_id in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def store(
        self,
        tensor: Any,
        shards: Sequence[Tensor],
        *,
        inputs: Sequence[Any] = (),
        padding: float = UNDEFINED_PADDING,
    ) -> None:
        """Keep what `tensor` holds, rounded to its type.

        A tensor that was known before is being changed in place: its views change too.

        Args:
            tensor: a tensor of ttnn's.
            shards: what each chip holds of it.
            inputs: the tensors that it was made of; a value of theirs is not rounded twice.
            padding: what lies behind its numbers.
        """
        exact = {id(shard) for source in inputs for shard in self._shards_of_type(source, tensor.dtype)}
        meshes = [self._entries[source.tensor_id].mesh_shape for source in inputs if source in self]
        mesh_shape = max(meshes, key=math.prod, default=None)
        rounded = self._rounded_once_each(shards, tensor.dtype, exact)
        self.store_exactly(tensor, rounded, mesh_shape, padding=padding)

    def store_exactly(
        self,
        tensor: Any,
        shards: Shards,
        mesh_shape: tuple[int, ...] | None = None,
        *,
        prepared: bool = False,
        padding: float = 0.0,
    ) -> None:
        """Keep what `tensor` holds, which is rounded to its type already.

        Args:
            tensor: a tensor of ttnn's; on a device it lies on all chips of that mesh.
            shards: what each chip holds of it, or one that each of them holds.
            mesh_shape: of a tensor on the host, where it came from a mesh.
            prepared: it is the weight of a convolution in ttnn's own order, and `shards` in torch's.
            padding: what lies behind its numbers; ttnn's conversion on the host makes it zero.
        """
        self.clock += 1
        place, mesh_id = self.place_of(tensor), None
        if place is not None:
            mesh, chips = tensor.device(), len(tensor.device_coords())
            mesh_shape, mesh_id = tuple(mesh.shape), mesh.id()
            if len(shards) == 1:
                shards = shards * chips
            if chips != math.prod(mesh_shape):  # a piece of a tensor
                mesh_shape = (chips,)
            self._drop(*self._buffers.ids_under(tensor, mesh_id, place[0]))
            was_known = tensor in self
            self._drop(tensor.tensor_id)  # it may have lain elsewhere
            self._change_views(place, shards, tensor.dtype, was_known=was_known)
            self._buffers.add(place[0], tensor.tensor_id)
        elif mesh_shape is None or math.prod(mesh_shape) != len(shards):
            mesh_shape = (len(shards),)
        self._entries[tensor.tensor_id] = _Entry(
            shards, tensor.dtype, place, mesh_shape, mesh_id, self.clock, prepared, padding
        )

    def is_prepared(self, tensor: Any) -> bool:
        """Whether it is a convolution's weight in ttnn's own order."""
        return tensor in self and self._entries[tensor.tensor_id].prepared

    def of(self, tensor: Any, asked_by: str, *, prepared: bool = False) -> Shards:
        """What `tensor` holds; of one on the host that nobody followed, what is in its memory.

        Args:
            tensor: a tensor of ttnn's.
            asked_by: who is told where it is not known.
            prepared: of a weight in ttnn's own order, give what it was made of.

        Raises:
            GoldenError: where that is not known.
        """
        if not prepared and self.is_prepared(tensor):
            raise GoldenError(
                f"{asked_by}: a weight of shape {tuple(tensor.shape)} is in the order that ttnn's "
                "convolutions want, which is not modelled on a mock board; give it to a convolution only"
            )
        if tensor not in self:
            self.check_allocated(tensor, asked_by)
            if tensor.tensor_id in self._overwritten:
                raise GoldenError(
                    f"{asked_by}: a trace that was executed has overwritten the tensor of shape "
                    f"{tuple(tensor.shape)}, made after the capture in memory of the trace; make it before"
                )
            if self.place_of(tensor) is not None or self.is_hollow(tensor):
                raise GoldenError(
                    f"{asked_by}: the value of a tensor of shape {tuple(tensor.shape)} is not known; it was "
                    "made by a call that ttci does not follow on a mock board. Make it with ttnn.from_torch "
                    "or with an operation of ttnn"
                )
            pieces = self.plain_device_tensors(tensor)
            self.store_exactly(tensor, [self.rounding.held_by(piece) for piece in pieces])
        return self._entries[tensor.tensor_id].shards

    def check_allocated(self, tensor: Any, asked_by: str) -> None:
        """Nothing is asked of memory that was given back: some of ttnn dies of it.

        Raises:
            DeallocatedError: where the tensor, or the mesh that it lay on, is gone.
        """
        if tensor.tensor_id in self._closed:
            raise DeallocatedError(asked_by, tensor, "lay on a mesh that is closed")
        on_board = is_traced(tensor) or self._ttnn.is_tensor_storage_on_device(tensor)
        if on_board and not tensor.is_allocated():
            raise DeallocatedError(asked_by, tensor, "is deallocated")

    def padding_of(self, tensor: Any) -> float:
        """What lies behind the numbers of a tensor that is followed."""
        return self._entries[tensor.tensor_id].padding

    def padded(self, tensor: Any, asked_by: str) -> Shards:
        """What `tensor` holds with its padding."""
        shape = tuple(tensor.padded_shape)
        return [with_padding(shard, shape, self.padding_of(tensor)) for shard in self.of(tensor, asked_by)]

    def is_hollow(self, tensor: Any) -> bool:
        """Whether a host tensor holds what a mock board gave: zeros."""
        return tensor.tensor_id in self._hollow

    def mark_hollow(self, tensor: Any) -> None:
        """The memory of a host tensor came from a mock board."""
        self._hollow.add(tensor.tensor_id)

    def mesh_shape_of(self, tensor: Any) -> tuple[int, ...]:
        """The shape of the mesh whose chips hold a tensor that is followed."""
        return self._entries[tensor.tensor_id].mesh_shape

    def stored_since(self, tensor: Any, clock: int) -> bool:
        """Whether the value of `tensor` was stored after `clock`."""
        entry = self._entries.get(tensor.tensor_id)
        return entry is not None and entry.stored_at > clock

    def share_memory(self, one: Any, other: Any) -> bool:
        """Whether two tensors lie in the same memory of a board."""
        place = self.place_of(one)
        return place is not None and place == self.place_of(other)

    def place_of(self, tensor: Any) -> Place | None:
        """Where a tensor lies on a board; None on the host."""
        return self._buffers.place_of(tensor)

    def ids(self) -> set[int]:
        """Of the tensors whose values are known."""
        return set(self._entries)

    def forget_ids(self, ids: Iterable[int]) -> None:
        """Nobody has these tensors any more."""
        self._drop(*ids)

    def mark_overwritten(self, ids: Iterable[int]) -> None:
        """A trace wrote where these tensors lay; they are forgotten already."""
        self._overwritten.update(ids)

    def forget(self, tensor: Any) -> None:
        """`tensor` was deallocated, or it is not known what it holds now."""
        self._drop(tensor.tensor_id)

    def forget_mesh(self, mesh: Any) -> None:
        """`mesh` is being closed, and what lies on it is gone."""
        of_mesh = mesh.id()
        gone = [key for key, entry in self._entries.items() if entry.mesh_id == of_mesh]
        self._closed.update(gone)
        self._drop(*gone)

    def forget_since(self, clock: int) -> None:
        """Forget what was stored after `clock`: nobody uses it any more."""
        self._drop(*(key for key, entry in self._entries.items() if entry.stored_at > clock))

    def _drop(self, *keys: int) -> None:
        for key in keys:
            entry = self._entries.pop(key, None)
            if entry is None or entry.place is None:
                continue
            self._buffers.remove(entry.place[0], key)

    def _shards_of_type(self, tensor: Any, dtype: Any) -> Shards:
        entry = self._entries.get(tensor.tensor_id)
        return entry.shards if entry is not None and entry.dtype == dtype else []

    def _rounded_once_each(self, shards: Sequence[Tensor], dtype: Any, exact: set[int]) -> Shards:
        """Rounded shards; chips that hold the same tensor still hold the same one."""
        done: dict[int, Tensor] = {}
        for shard in shards:
            if id(shard) not in done:
                done[id(shard)] = shard if id(shard) in exact else self.rounding.to_type(shard, dtype)
        return [done[id(shard)] for shard in shards]

    def _change_views(self, place: Place, shards: Shards, dtype: Any, *, was_known: bool) -> None:
        """What lies in the memory that a tensor is stored in changes with it.

        One that was not known may be a result that an operation put where its input was, or a view.
        """
        for key in self._buffers.ids_in(place[0]):
            entry = self._entries[key]
            overlaps = entry.place is not None and () in (entry.place[1], place[1])
            if entry.place == place and entry.dtype == dtype and _sizes(entry.shards) == _sizes(shards):
                reshaped = {id(shard): shard.reshape(entry.shards[0].shape) for shard in shards}
                entry.shards = [reshaped[id(shard)] for shard in shards]
            elif was_known and (entry.place == place or overlaps):
                self._drop(key)  # a part of it, the whole, or other numbers of the same bits


def _sizes(shards: Shards) -> list[int]:
    return [shard.numel() for shard in shards]
