"""Follows every ttnn operation with its golden, so that a mock board gives real numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.apply import Goldens, OperationCall, errors_named
from ttci.devices.ttnn.construction import construction_followed
from ttci.devices.ttnn.engine import EngineSettings, as_on_engine, engine_settings
from ttci.devices.ttnn.files import FollowedFiles
from ttci.devices.ttnn.goldens import COLLECTIVES, COPIES, UNDEFINED, OnChips, check_names
from ttci.devices.ttnn.leaves import Leaves
from ttci.devices.ttnn.methods import FollowedMethods
from ttci.devices.ttnn.numbers import GoldenError, Numbers, Shards
from ttci.devices.ttnn.padding import padding_made
from ttci.devices.ttnn.prepared import CONVOLUTIONS, MOVES, PreparedWeights
from ttci.devices.ttnn.shapes import in_shape, shows_padding
from ttci.tensors import tensors_in

_FROM_HOST = ("ttnn.from_torch", "ttnn.as_tensor")
_READS = ("ttnn.to_torch", "ttnn.from_device", "ttnn.pearson_correlation_coefficient")
_FIRST_OF_COLLECTIVES = ("input_tensor", "input_tensor_q", "topk_tensor", "routing_weights_tensor")
_DEADLY = ("ttnn.point_to_point",)  # ttnn 0.81.1 dies of a segmentation fault, without any follower too


class Follower:
    """While it is entered, `numbers` knows what every tensor holds.

    Args:
        ttnn: the imported module.
        models_engine: whether goldens multiply and sum as the matrix engine does, else in float32.
        numbers: where values are kept; rounded to each tensor's type where None.
    """

    def __init__(self, ttnn: Any, *, models_engine: bool = True, numbers: Numbers | None = None) -> None:
        self._ttnn = ttnn
        self.models_engine = models_engine
        self.numbers = Numbers(ttnn) if numbers is None else numbers
        self._leaves = Leaves(ttnn)
        self.goldens = Goldens(ttnn)
        self._methods = FollowedMethods(ttnn, self.numbers)
        self._traces = self._methods.traces
        self._weights = PreparedWeights(ttnn, self.numbers)
        self._files = FollowedFiles(ttnn, self.numbers)
        self.running = ""  # the operation that was begun last, with the shapes it was given
        self._started = 0
        self._active = True
        self._stack = ExitStack()

    def __enter__(self) -> Follower:
        check_names(self._ttnn)
        decorators = self._ttnn.decorators
        self._stack.enter_context(decorators.register_pre_operation_hook(self._before))
        self._stack.enter_context(decorators.register_post_operation_hook(self._after))
        self._stack.enter_context(self._methods)
        self._stack.enter_context(self._weights.followed())
        self._stack.enter_context(self._files)
        self._stack.enter_context(construction_followed(self._ttnn, self._constructed))
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

    def reading_plainly(self) -> AbstractContextManager[None]:
        """Meanwhile methods of tensors are ttnn's own, as while a golden is computed."""
        return self._methods.suspended()

    # The hooks see outermost operations only; the second one is left out when the operation raises.

    def _before(self, operation: Any, args: Any, kwargs: Any) -> None:
        name: str = operation.python_fully_qualified_name
        shapes = [tuple(tensor.shape) for tensor in self._leaves.tensors_in([args, list(kwargs.values())])]
        self.running = f"{name} of {', '.join(map(str, shapes))}" if shapes else name
        self._started = self.numbers.clock
        self._methods.being_read = self._methods.reads_unseen = None
        if name in _DEADLY:
            raise GoldenError(
                f"{name} ends the process on a mock board, within ttnn; it can run on silicon only"
            )
        if not self._active:
            return
        call = OperationCall(operation, args, kwargs, self._leaves)
        if name != "ttnn.deallocate":
            self._check_allocated(call)
            self._traces.check_before(name, call.inputs)
        if name in _READS:
            self._methods.being_read = next(iter(call.inputs), None)
        elif any(map(self._ttnn.is_tensor_storage_on_device, call.inputs)):
            self._methods.reads_unseen = name

    def _check_allocated(self, call: OperationCall) -> None:
        """Some operations of ttnn die of a segmentation fault, given a deallocated tensor."""
        for tensor in [*call.inputs, *call.to_fill]:
            self.numbers.check_allocated(tensor, call.name)

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
            source, target = self._leaves.tensors_in([args, list(kwargs.values())])
            self._traces.check_after(name, [target])
            shards, padding = self.numbers.of(source, name), self.numbers.padding_of(source)
            self.numbers.store(target, shards, inputs=[source], padding=padding)
        else:
            call = OperationCall(operation, args, kwargs, self._leaves)
            # One that gives nothing fills what it was given.
            outputs = (list(self._leaves.tensors_in(output)) or call.to_fill) + call.changed
            self._traces.check_after(name, outputs)
            # Else made by methods inside this operation, which were followed.
            if not all(self.numbers.stored_since(tensor, self._started) for tensor in outputs):
                with self._methods.suspended(), self._forgotten_on_error(outputs):
                    self._store_or_record(call, outputs)

    def _store_or_record(self, call: OperationCall, outputs: list[Any]) -> None:
        if self._traces.capturing is None:
            self._store(call, outputs)
            return
        self._traces.record(self._replay, call.operation, call.args, call.kwargs, outputs)
        for output in outputs:
            self._leave_undefined(call, output)

    def _replay(self, operation: Any, args: Any, kwargs: Any, outputs: list[Any]) -> None:
        self._store(OperationCall(operation, args, kwargs, self._leaves), outputs)

    def _leave_undefined(self, call: OperationCall, output: Any) -> None:
        """Nothing is computed while a trace is captured; what was there before is there still."""
        if output in self.numbers:
            return
        same = (tensor for tensor in call.inputs if self.numbers.share_memory(tensor, output))
        source = next((tensor for tensor in same if tensor.dtype == output.dtype), None)
        shape = tuple(output.shape)
        if source is not None and math.prod(source.shape) == math.prod(shape):
            shards = [shard.reshape(shape) for shard in self.numbers.of(source, call.name)]
            self.numbers.store(output, shards, inputs=[source], padding=self.numbers.padding_of(source))
        else:
            self.numbers.store(output, [torch.full(shape, torch.nan)])

    @contextmanager
    def _forgotten_on_error(self, tensors: list[Any]) -> Iterator[None]:
        """What they held before is not what they hold now."""
        try:
            yield
        except GoldenError:
            for tensor in tensors:
                self.numbers.forget(tensor)
            raise

    def _deallocated(self, tensor: Any) -> None:
        if not tensor.is_allocated():  # it may be kept by a view, without force
            self.numbers.forget(tensor)

    def _store(self, call: OperationCall, outputs: list[Any]) -> None:
        name = call.name
        if name in _FROM_HOST:
            self._store_from_host(call.args, call.kwargs, outputs[0])
            return
        if name in MOVES and self._weights.moved(call.inputs[0], outputs[0]):
            return
        if name in CONVOLUTIONS:
            outputs = self._weights.returned(name, call.kwargs, outputs)
        results = self.results(call, outputs)
        if len(results) != len(outputs):
            raise GoldenError(f"{name}: its golden gives {len(results)} tensors, ttnn {len(outputs)}")
        known = [self.numbers.padding_of(tensor) for tensor in call.inputs if tensor in self.numbers]
        padding = padding_made(name, call.args, call.kwargs, known)
        for tensor, shards in zip(outputs, results, strict=True):
            shards = in_shape(name, tensor, shards)
            self.numbers.store(tensor, shards, inputs=call.inputs, padding=padding)
        self._fill(call, outputs)

    def _fill(self, call: OperationCall, outputs: list[Any]) -> None:
        """What was given to be filled holds what the output does that lies in the same memory."""
        in_order = len(call.to_fill) == len(outputs)
        for index, filled in enumerate(call.to_fill):
            same = (output for output in outputs if self.numbers.share_memory(output, filled))
            output = next(same, outputs[index] if in_order else None)
            if output is None:
                self.numbers.forget(filled)
            elif output.tensor_id != filled.tensor_id:
                self.numbers.store(filled, self.numbers.of(output, call.name), inputs=[output])

    def results(self, call: OperationCall, outputs: list[Any]) -> list[Shards]:
        """What the golden gives: a list of output tensors, each the shards of all chips."""
        name = call.name
        if name == "ttnn.reshape" and shows_padding(call.inputs[0], outputs[0]):
            return [self.numbers.padded(call.inputs[0], name)]
        if name in UNDEFINED:
            return [[torch.full(tuple(tensor.shape), torch.nan)] for tensor in outputs]
        if name in COLLECTIVES:
            return self._of_collective(call)
        given = [self._shards_of(call, tensor) for tensor in call.inputs]
        same = all(shard is shards[0] for shards in given for shard in shards)
        chips = 1 if same else max(map(len, given))
        on_chips = [partial(self._on_chip, call, chip) for chip in range(chips)]
        with as_on_engine(self._engine_settings(call)):
            by_chip = [self.goldens.results(call, on_chip) for on_chip in on_chips]
        return [list(shards) for shards in zip(*by_chip, strict=True)]

    def _engine_settings(self, call: OperationCall) -> EngineSettings | None:
        return engine_settings(self._ttnn, call.name, call.args, call.kwargs) if self.models_engine else None

    def _of_collective(self, call: OperationCall) -> list[Shards]:
        kwargs = dict(call.own_kwargs)
        tensor, *others = call.args or [kwargs.pop(name) for name in _FIRST_OF_COLLECTIVES if name in kwargs]
        shards = self.numbers.of(tensor, call.name)
        others, kwargs = self._leaves.in_torch(
            (others, kwargs), lambda other: OnChips(self.numbers.of(other, call.name))
        )
        with as_on_engine(self._engine_settings(call)), errors_named(call.name):
            by_chip = COLLECTIVES[call.name](shards, self.numbers.mesh_shape_of(tensor), *others, **kwargs)
        return [list(shards) for shards in zip(*map(tensors_in, by_chip), strict=True)]

    def _shards_of(self, call: OperationCall, tensor: Any) -> Shards:
        return self.numbers.of(tensor, call.name, prepared=call.name in CONVOLUTIONS)

    def _on_chip(self, call: OperationCall, chip: int, tensor: Any) -> Tensor:
        """What a chip holds of a tensor."""
        shards = self._shards_of(call, tensor)
        value = shards[chip] if len(shards) > 1 else shards[0]
        return self._weights.as_used(call, tensor, value) if call.name in CONVOLUTIONS else value

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
        padding = float(kwargs.get("pad_value") or 0.0)
        if replicated and not self.numbers.rounding.is_block_float(tensor.dtype):
            self.numbers.store(tensor, [value] * copies, padding=padding)
            return
        host = self._on_host(value, tensor, None if replicated else mapper)
        pieces = self.numbers.plain_device_tensors(host)
        shards = [self.numbers.rounding.held_by(piece) for piece in (pieces[:1] if replicated else pieces)]
        self.numbers.store_exactly(tensor, shards * copies if replicated else shards, padding=padding)

    def _constructed(self, tensor: Any, value: Tensor, how: dict[str, Any]) -> None:
        if self._active:
            self._store_from_host((value,), how, tensor)

    def _on_host(self, value: Tensor, tensor: Any, mapper: Any) -> Any:
        """What `tensor` was made of `value` as, in memory that can be read."""
        if not self._ttnn.is_tensor_storage_on_device(tensor):
            return tensor
        return self._ttnn.Tensor(
            tensor=value.contiguous(), data_type=tensor.dtype, layout=tensor.layout, mesh_mapper=mapper
        )
