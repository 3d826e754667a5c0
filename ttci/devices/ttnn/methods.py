"""Methods of ttnn tensors that ttnn's hooks do not see, followed on a mock board."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.numbers import GoldenError, Numbers, Shards
from ttci.devices.ttnn.padding import with_padding
from ttci.devices.ttnn.tensor_methods import MOVES, PARTS
from ttci.devices.ttnn.traces import FollowedTraces

Method = Callable[..., Any]
_CARRYING = ("cpu", "to")  # of those, what leaves a prepared weight as it is
_CLOSING = ("close_device", "close_mesh_device", "CloseDevice")


class FollowedMethods:
    """While it is entered, methods of ttnn tensors read and write `numbers`.

    Attributes:
        being_read: the device tensor that the running ``ttnn.to_torch`` was given. Inside,
            it makes a host tensor that nothing follows, and reads that.
        reads_unseen: the running operation, if it was given device tensors: what it reads inside may be
            the zeros of a mock board.
    """

    def __init__(self, ttnn: Any, numbers: Numbers) -> None:
        self._ttnn = ttnn
        self._numbers = numbers
        self.traces = FollowedTraces(ttnn, numbers, self.suspended)
        self.being_read: Any = None
        self.reads_unseen: str | None = None
        self._active = False
        self._of_one_sub_device: list[Any] = []  # managers
        self._stack = ExitStack()

    def __enter__(self) -> FollowedMethods:
        tensor_class = self._ttnn.Tensor
        for name in MOVES:
            self._replace(tensor_class, name, self._moving)
        for name in PARTS:  # the memory of a host tensor tells what they give
            self._replace(tensor_class, name, lambda plain, _: plain)
        self._replace(tensor_class, "to_torch_with_padded_shape", self._reading_memory)
        for name in _READERS:
            self._replace(tensor_class, name, self._reading)
        self._replace(tensor_class, "deallocate", self._deallocating)
        self._replace(self._ttnn, "get_device_tensors", self._taking_apart)
        self._replace(self._ttnn.MeshDevice, "create_sub_device_manager", self._counting_sub_devices)
        self._replace(self._ttnn.MeshDevice, "load_sub_device_manager", self._loading_sub_devices)
        for name in _CLOSING:
            self._replace(self._ttnn, name, self._closing)
        self._stack.enter_context(self.traces)
        self._active = True
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Methods are ttnn's own, while a golden is computed."""
        self._active = False
        try:
            yield
        finally:
            self._active = True

    def _replace(self, owner: Any, name: str, follow: Callable[[Method, str], Method]) -> None:
        plain = getattr(owner, name)
        followed, gives_tensor = follow(plain, name), name in MOVES + PARTS

        def method(*args: Any, **kwargs: Any) -> Any:
            result = (followed if self._active else plain)(*args, **kwargs)
            if gives_tensor:
                self._mark_hollow(args[0], result)
            return result

        setattr(owner, name, method)
        self._stack.callback(setattr, owner, name, plain)

    def _mark_hollow(self, tensor: Any, result: Any) -> None:
        on_device = self._ttnn.is_tensor_storage_on_device
        if not on_device(result) and (on_device(tensor) or self._numbers.is_hollow(tensor)):
            self._numbers.mark_hollow(result)

    @property
    def _inside_operation(self) -> bool:
        return bool(self._ttnn.decorators.OPERATION_CALL_STACK)

    def _moving(self, plain: Method, name: str) -> Method:
        """A method that gives the same numbers in another place, layout or shape."""

        def method(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            if self._inside_operation and tensor not in self._numbers:
                return plain(tensor, *args, **kwargs)  # the operation's golden gives the result
            prepared = name in _CARRYING and self._numbers.is_prepared(tensor)
            self._numbers.of(tensor, f"Tensor.{name}", prepared=prepared)  # said before it is moved
            result = plain(tensor, *args, **kwargs)
            self.traces.check_moved(f"Tensor.{name}", tensor, result)
            filled = float(args[0] if args else kwargs["pad_value"]) if name == "pad_to_tile" else None
            self._store_moved(tensor, result, prepared, filled)
            self.traces.record(self._store_moved, tensor, result, prepared, filled)
            return result

        return method

    def _store_moved(self, tensor: Any, result: Any, prepared: bool, filled: float | None) -> None:
        """`result` holds what `tensor` does, in its own shape; `filled` lies in its padding, if given."""
        shards = self._numbers.of(tensor, "", prepared=prepared)
        if prepared:
            self._numbers.store_exactly(result, shards, prepared=True)
            return
        padding = self._numbers.padding_of(tensor)
        new = fitted(shards, tuple(result.shape), padding)
        self._numbers.store(result, new, inputs=[tensor], padding=padding if filled is None else filled)

    def _reading(self, _: Method, name: str) -> Method:
        """A method that gives a tensor's numbers; of the device tensor that is being read, if any."""

        def method(tensor: Any, mesh_composer: Any = None) -> Any:
            if tensor not in self._numbers and self._inside_operation:
                if self.being_read is not None:
                    tensor = self.being_read
                elif self.reads_unseen is not None:
                    what = "reads a tensor inside itself, which a mock board does not follow"
                    raise GoldenError(f"{self.reads_unseen} {what}; give it what ttnn.to_torch gives")
            self.traces.check_read(f"Tensor.{name}", tensor)
            return _READERS[name](self._composed(tensor, mesh_composer))

        return method

    def _reading_memory(self, plain: Method, name: str) -> Method:
        """A method that reads memory as it is, which a mock board's is not worth."""

        def method(tensor: Any) -> Any:
            if tensor in self._numbers:
                (shard,) = self._numbers.padded(tensor, f"Tensor.{name}")
                return shard.to(self._ttnn.ttnn_dtype_to_torch_dtype(tensor.dtype))
            if self._ttnn.is_tensor_storage_on_device(tensor) or self._numbers.is_hollow(tensor):
                raise GoldenError(f"Tensor.{name}: what lies in the padding is not known on a mock board")
            return plain(tensor)

        return method

    def _composed(self, tensor: Any, mesh_composer: Any) -> Tensor:
        dtype = self._ttnn.ttnn_dtype_to_torch_dtype(tensor.dtype)
        shards = [shard.to(dtype) for shard in self._numbers.of(tensor, "to_torch")]
        if mesh_composer is None or len(shards) == 1:
            if len(shards) > 1:
                raise GoldenError("to_torch of a tensor on several chips needs a mesh_composer")
            return shards[0].clone()
        mesh_shape = self._ttnn.MeshShape(self._numbers.mesh_shape_of(tensor))
        host = self._ttnn.from_host_shards([self._ttnn.Tensor(shard) for shard in shards], mesh_shape)
        composed: Tensor = self._numbers.rounding.plain_to_torch(host, mesh_composer=mesh_composer)
        return composed

    def _deallocating(self, plain: Method, _: str) -> Method:
        def method(tensor: Any, *args: Any, **kwargs: Any) -> None:
            plain(tensor, *args, **kwargs)
            if not tensor.is_allocated():
                self._numbers.forget(tensor)

        return method

    def _closing(self, plain: Method, _: str) -> Method:
        def method(mesh: Any) -> Any:
            self._numbers.forget_mesh(mesh)
            self.traces.forget_mesh(mesh)
            return plain(mesh)

        return method

    def _counting_sub_devices(self, plain: Method, _: str) -> Method:
        def method(mesh: Any, sub_devices: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
            manager = plain(mesh, sub_devices, *args, **kwargs)
            if len(sub_devices) == 1:
                self._of_one_sub_device.append(manager)
            return manager

        return method

    def _loading_sub_devices(self, _: Method, name: str) -> Method:
        """On a mock board ttnn dies of it; without it, all cores are the sub-device of number 0."""

        def method(_: Any, manager: Any) -> None:
            if not any(manager is known for known in self._of_one_sub_device):
                raise GoldenError(f"{name}: a mock board has one sub-device; ttnn dies of more there")

        return method

    def _taking_apart(self, plain: Method, _: str) -> Method:
        def get_device_tensors(tensor: Any) -> list[Any]:
            pieces = list(plain(tensor))
            self._store_pieces(tensor, pieces)
            self.traces.record(self._store_pieces, tensor, pieces)
            return pieces

        return get_device_tensors

    def _store_pieces(self, tensor: Any, pieces: Sequence[Any]) -> None:
        for piece, shard in zip(pieces, self._numbers.of(tensor, "get_device_tensors"), strict=False):
            padding = self._numbers.padding_of(tensor)
            self._numbers.store(piece, [shard], inputs=[tensor], padding=padding)


_READERS: dict[str, Callable[[Tensor], Any]] = {
    "to_torch": lambda value: value,
    "item": lambda value: value.item(),
    "to_list": lambda value: value.tolist(),
    "to_numpy": lambda value: value.float().numpy() if value.dtype == torch.bfloat16 else value.numpy(),
}


def fitted(shards: Shards, shape: tuple[int, ...], padding: float) -> Shards:
    """In another shape; chips that hold the same tensor still hold the same one."""
    new = {id(shard): _fitted(shard, shape, padding) for shard in shards}
    return [new[id(shard)] for shard in shards]


def _fitted(shard: Tensor, shape: tuple[int, ...], padding: float) -> Tensor:
    """`shard` in another shape of as many numbers, else cut, or with its padding, at the ends."""
    if tuple(shard.shape) == shape:
        return shard
    if shard.numel() == torch.Size(shape).numel():
        return shard.reshape(shape)
    common = tuple(slice(0, min(a, b)) for a, b in zip(shard.shape, shape, strict=True))
    return with_padding(shard[common], shape, padding)
