"""Follows every ttnn operation with its golden, so that a mock board gives real numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.goldens import COLLECTIVES, COPIES, GOLDENS, UNDEFINED
from ttci.devices.ttnn.methods import FollowedMethods
from ttci.devices.ttnn.numbers import GoldenError, Numbers, Shards
from ttci.devices.ttnn.prepared import CONVOLUTIONS, MOVES, PreparedWeights
from ttci.tensors import leaves_in, map_leaves, map_tensors, tensors_in

_FROM_HOST = ("ttnn.from_torch", "ttnn.as_tensor")
_READS = (
    "ttnn.to_torch",
    "ttnn.from_device",
)  # ttnn dies of a segmentation fault, given a deallocated tensor
_HOW_TO_REGISTER = (
    'register one: @ttci.testing.register_golden("{name}"), a function of the operation\'s own arguments '
    "that takes and gives torch tensors"
)


class Follower:
    """While it is entered, `numbers` knows what every tensor holds."""

    def __init__(self, ttnn: Any) -> None:
        self._ttnn = ttnn
        self.numbers = Numbers(ttnn)
        self._methods = FollowedMethods(ttnn, self.numbers)
        self._weights = PreparedWeights(ttnn, self.numbers)
        self.running = ""  # the operation that was begun last, with the shapes it was given
        self._started = 0
        self._active = True
        self._changes_inputs: dict[tuple[Any, ...], bool] = {}  # by operation and the names of its arguments
        self._stack = ExitStack()

    def __enter__(self) -> Follower:
        decorators = self._ttnn.decorators
        self._stack.enter_context(decorators.register_pre_operation_hook(self._before))
        self._stack.enter_context(decorators.register_post_operation_hook(self._after))
        self._stack.enter_context(self._methods)
        self._stack.enter_context(self._weights.followed())
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Meanwhile no golden is computed: what is made has no value."""
        self._active = False
        try:
            with self._methods.suspended():
                yield
        finally:
            self._active = True

    # The hooks see outermost operations only; the second one is left out when the operation raises.

    def _before(self, operation: Any, args: Any, kwargs: Any) -> None:
        name: str = operation.python_fully_qualified_name
        shapes = [tuple(tensor.shape) for tensor in self._tensors_in([args, list(kwargs.values())])]
        self.running = f"{name} of {', '.join(map(str, shapes))}" if shapes else name
        self._started = self.numbers.clock
        self._methods.being_read = None
        if self._active and name in _READS:
            tensor = args[0] if args else kwargs["tensor"]
            if self._ttnn.is_tensor_storage_on_device(tensor) and not tensor.is_allocated():
                raise GoldenError(f"{name}: the tensor of shape {tuple(tensor.shape)} is deallocated")
            self._methods.being_read = tensor

    def _after(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        name: str = operation.python_fully_qualified_name
        if name == "ttnn.from_device":
            self.numbers.mark_hollow(output)
        if not self._active:
            return
        if name == "ttnn.to_torch":
            self.numbers.forget_since(self._started)  # it made tensors that nobody has
        elif name == "ttnn.deallocate":
            self._deallocated(args[0] if args else kwargs["tensor"])
        elif name in COPIES:
            source, target = self._tensors_in([args, list(kwargs.values())])
            self.numbers.store(target, self.numbers.of(source, name), inputs=[source])
        else:
            outputs = list(self._tensors_in(output))
            # Else made by methods inside this operation, which were followed.
            if not all(self.numbers.stored_since(tensor, self._started) for tensor in outputs):
                with self._methods.suspended():
                    self._store(name, operation, args, kwargs, outputs)

    def _deallocated(self, tensor: Any) -> None:
        if not tensor.is_allocated():  # it may be kept by a view, without force
            self.numbers.forget(tensor)

    def _store(self, name: str, operation: Any, args: Any, kwargs: Any, outputs: list[Any]) -> None:
        if name in _FROM_HOST:
            self._store_from_host(args, kwargs, outputs[0])
            return
        if name in MOVES and self._weights.moved(next(self._tensors_in([args, kwargs])), outputs[0]):
            return
        if name in CONVOLUTIONS:
            outputs = self._weights.returned(name, kwargs, outputs)
        # What an output tensor that was given held before does not matter.
        given = {key: kwargs[key] for key in operation.output_tensor_kwarg_names if key in kwargs}
        kwargs = {key: value for key, value in kwargs.items() if key not in given}
        results = self._results(name, operation, args, kwargs, outputs)
        if len(results) != len(outputs):
            raise GoldenError(f"{name}: its golden gives {len(results)} tensors, ttnn {len(outputs)}")
        inputs = list(self._tensors_in([args, list(kwargs.values())]))
        for tensor, shards in zip(outputs, results, strict=True):
            self.numbers.store(tensor, self._in_shape(name, tensor, shards), inputs=inputs)
        for tensor, filled in zip(outputs, self._tensors_in(list(given.values())), strict=False):
            if filled.tensor_id != tensor.tensor_id:
                self.numbers.store(filled, self.numbers.of(tensor, name), inputs=[tensor])

    def _results(self, name: str, operation: Any, args: Any, kwargs: Any, outputs: list[Any]) -> list[Shards]:
        """What the golden gives: a list of output tensors, each the shards of all chips."""
        if name in UNDEFINED:
            return [[torch.full(tuple(tensor.shape), torch.nan)] for tensor in outputs]
        if name in COLLECTIVES:
            tensor, *others = args or (kwargs.pop("input_tensor"),)
            shards = self.numbers.of(tensor, name)
            others, kwargs = self._values(others, name, 0), self._values(kwargs, name, 0)
            return [COLLECTIVES[name](shards, self.numbers.mesh_shape_of(tensor), *others, **kwargs)]
        tensors = self._tensors_in([args, list(kwargs.values())])
        given = [self.numbers.of(tensor, name, prepared=name in CONVOLUTIONS) for tensor in tensors]
        same = all(shard is shards[0] for shards in given for shard in shards)
        chips = 1 if same else max(map(len, given))
        by_chip = [self._apply(name, operation, args, kwargs, chip) for chip in range(chips)]
        return [list(shards) for shards in zip(*by_chip, strict=True)]

    def _apply(self, name: str, operation: Any, args: Any, kwargs: Any, chip: int) -> list[Tensor]:
        """What the golden gives on one chip."""
        weights = self._weights.types_of(kwargs) if name in CONVOLUTIONS else None
        args, kwargs = self._values(args, name, chip), self._values(kwargs, name, chip)
        if weights is not None:
            self._weights.round(name, kwargs, weights)
        how = _HOW_TO_REGISTER.format(name=name)
        try:
            result = GOLDENS[name](*args, **kwargs) if name in GOLDENS else NotImplemented
            if result is NotImplemented and operation.golden_function is not None:
                result = self._apply_ttnns(operation, args, kwargs)
        except GoldenError as error:
            raise GoldenError(str(error) if str(error).startswith(name) else f"{name}: {error}") from None
        except Exception as error:
            raise GoldenError(f"{name}: its golden fails: {type(error).__name__}: {error}; {how}") from error
        if result is NotImplemented:
            raise GoldenError(f"{name} has no golden; {how}")
        return tensors_in(result)

    def _apply_ttnns(self, operation: Any, args: Any, kwargs: Any) -> Any:
        """Some of ttnn's own goldens change their inputs: those get copies, once that is known."""
        kind = (operation.python_fully_qualified_name, len(args), *sorted(kwargs))
        if self._changes_inputs.get(kind, True):
            args, kwargs = (map_tensors(given, Tensor.clone) for given in (args, kwargs))
        result = operation.golden_function(*args, **kwargs)
        if kind not in self._changes_inputs:
            copies = tensors_in([args, list(kwargs.values())])
            self._changes_inputs[kind] = any(copy._version > 0 for copy in copies)
        return result

    def _values(self, value: Any, name: str, chip: int) -> Any:
        """`value` with every ttnn tensor replaced by what the chip holds of it."""

        def of_chip(tensor: Any) -> Tensor:
            shards = self.numbers.of(tensor, name, prepared=name in CONVOLUTIONS)
            return shards[chip] if len(shards) > 1 else shards[0]

        return map_leaves(value, self._is_tensor, of_chip)

    def _tensors_in(self, value: Any) -> Iterator[Any]:
        return leaves_in(value, self._is_tensor)

    def _is_tensor(self, value: Any) -> bool:
        return isinstance(value, self._ttnn.Tensor)

    def _in_shape(self, name: str, tensor: Any, shards: Shards) -> Shards:
        """`shards` in the shape of `tensor`.

        A golden may keep, or drop, dimensions of size 1, and keep images whole that ttnn flattens.
        """
        shape = tuple(tensor.shape)
        if all(tuple(shard.shape) == shape for shard in shards):
            return shards
        for shard in shards:
            if _without_ones(shape) not in (_without_ones(shard.shape), _without_ones(_flat(shard.shape))):
                raise GoldenError(f"{name}: ttnn gives shape {shape}, its golden {tuple(shard.shape)}")
        return [shard.reshape(shape) for shard in shards]

    def _store_from_host(self, args: Any, kwargs: Any, tensor: Any) -> None:
        """A tensor made of a torch tensor: rounded, and split over the chips by ttnn, on the host."""
        value = torch.as_tensor(args[0] if args else kwargs["tensor"]).detach()
        if kwargs.get("preprocess"):
            value = kwargs["preprocess"](value)
        if kwargs.get("col_tilize"):
            value = value.transpose(-2, -1)
        mapper = kwargs.get("mesh_mapper")
        replicated = mapper is None or isinstance(mapper, self._ttnn.ReplicateTensorToMeshWrapper)
        copies = 1 if mapper is None else len(self.numbers.plain_device_tensors(tensor))
        if replicated and not self.numbers.is_block_float(tensor.dtype):
            self.numbers.store(tensor, [value] * copies)
            return
        host = tensor
        if self._ttnn.is_tensor_storage_on_device(tensor):
            host = self._on_host(value, tensor, None if replicated else mapper)
        pieces = self.numbers.plain_device_tensors(host)
        shards = [self.numbers.held_by(piece) for piece in (pieces[:1] if replicated else pieces)]
        self.numbers.store_exactly(tensor, shards * copies if replicated else shards)

    def _on_host(self, value: Tensor, tensor: Any, mapper: Any) -> Any:
        return self._ttnn.Tensor(
            tensor=value.contiguous(), data_type=tensor.dtype, layout=tensor.layout, mesh_mapper=mapper
        )


def _flat(shape: Sequence[int]) -> Sequence[int]:
    """[1, 1, N * H * W, C] of images [N, H, W, C]."""
    return (1, 1, math.prod(shape[:3]), shape[3]) if len(shape) == 4 else shape


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]
