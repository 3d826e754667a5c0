"""Every operation of ttnn's with what it was given, its own error and the error so far.

Its own error is that against its golden, in float32, on the very inputs that it got. The error so far is
that against a second run, of the golden of every operation, in float32 from the host's tensors on: nothing
in it is rounded, neither weights nor what lies between two operations. What was given is read from the
board; on a mock board it is what the follower knows.

What is called on a tensor is a row too: an operator is the operation that ttnn makes of it, and a method is
expected to give the numbers that it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ttci.artifacts.operations_file import Difference, OperationFound, TensorFacts
from ttci.devices.recording import Context
from ttci.devices.ttnn.apply import OperationCall
from ttci.devices.ttnn.engine.describe import described_settings
from ttci.devices.ttnn.facts import facts_of, facts_of_read
from ttci.devices.ttnn.float32_run import Float32Run, GivenNumbers, ReadOut, unrounded
from ttci.devices.ttnn.follow import Follower
from ttci.devices.ttnn.leaves import Leaves
from ttci.devices.ttnn.methods import fitted
from ttci.devices.ttnn.numbers import GoldenError, Shards
from ttci.devices.ttnn.prepared import CONVOLUTIONS
from ttci.devices.ttnn.tensor_methods import MOVES, READS, called_by
from ttci.diagnosis.differences import difference, worst
from ttci.errors import text_of

_NOT_LISTED = ("ttnn.deallocate", "ttnn.synchronize_device")
_FROM_HOST = ("ttnn.from_torch", "ttnn.as_tensor")
_BEGUN_ANEW = "the float32 run begins anew with what an input holds: nothing has told how it was made"


@dataclass
class _Begun:
    """An operation, or a method of a tensor, that has begun."""

    name: str
    place: str | None
    inputs: tuple[TensorFacts, ...]
    made_from: tuple[int, ...]
    settings: str = ""
    note: str = ""  # why its golden cannot be asked


class RecordedOperations:
    """Records every operation while `recording` lasts.

    Args:
        ttnn: the imported module.
        follower: of a mock board; None of one whose memory can be read.
        context: what is told from outside.
    """

    def __init__(self, ttnn: Any, follower: Follower | None, context: Context) -> None:
        self._ttnn, self._follower, self._context = ttnn, follower, context
        self.operations: list[OperationFound] = []
        self._leaves = Leaves(ttnn)
        self._given = GivenNumbers(ttnn)
        self._alone = Follower(ttnn, models_engine=False, numbers=self._given)
        self._float32 = Float32Run(ttnn, self._read)
        self._begun: _Begun | None = None
        self._made_by: dict[int, int] = {}  # the number of an operation by the id of a tensor
        self._read_out = ReadOut()
        self._written = ""  # the operator that is about to become an operation
        self._is_listing = self._is_busy = False

    @contextmanager
    def recording(self) -> Iterator[RecordedOperations]:
        """Be told of each operation."""
        decorators = self._ttnn.decorators
        with ExitStack() as stack:
            stack.enter_context(decorators.register_pre_operation_hook(self._before))
            stack.enter_context(decorators.register_post_operation_hook(self._after))
            stack.enter_context(called_by(self._ttnn, self._method, self._operator))
            yield self

    def list_from_here(self) -> None:
        """What came before is followed, and no part of the table."""
        self._is_listing = True

    def in_float32(self, value: Any) -> list[Tensor]:
        """What the float32 run holds of the tensors in `value`; of several chips, the first."""
        with self._plainly():
            tensors = list(self._leaves.tensors_in(value))
            return [self._float32.float32.of(tensor, "ttci debug")[0] for tensor in tensors]

    def unended(self, error: BaseException) -> None:
        """The operation that `error` has ended, as the last of the table."""
        if self._begun is not None and self._is_listing:
            self._list(self._begun, outputs=[], own=None, so_far=None, note=text_of(error).partition("\n")[0])
        self._begun = None

    def _before(self, operation: Any, args: Any, kwargs: Any) -> None:
        if self._is_busy:
            return
        with self._plainly():
            call = OperationCall(operation, args, kwargs, self._leaves)
            written, self._written = self._written, ""
            begun = self._begin(f"{call.name} as {written}" if written else call.name, call.inputs)
            begun.settings = described_settings(self._ttnn, call)
            self._float32.begin()
            self._given.clear()
            if self._is_listing and call.name not in (*_NOT_LISTED, *_FROM_HOST):
                self._take(begun, call)

    def _begin(self, name: str, inputs: list[Any]) -> _Begun:
        makers = (self._made_by.get(tensor.tensor_id) for tensor in inputs)
        made_from = tuple(dict.fromkeys(number for number in makers if number is not None))
        self._begun = _Begun(
            name, self._context.place(), tuple(facts_of(self._ttnn, tensor) for tensor in inputs), made_from
        )
        return self._begun

    def _take(self, begun: _Begun, call: OperationCall) -> None:
        try:
            for tensor in call.inputs:
                prepared = call.name in CONVOLUTIONS and self._is_prepared(tensor)
                self._given.take(tensor, self._read(tensor, prepared=prepared), prepared=prepared)
        except (GoldenError, RuntimeError) as error:  # ttnn's own, of a tensor that cannot be read
            begun.note = text_of(error).partition("\n")[0]

    def _after(self, operation: Any, args: Any, kwargs: Any, output: Any) -> None:
        begun, self._begun = self._begun, None
        if self._is_busy or begun is None:
            return
        with self._plainly(), torch.no_grad():
            call = OperationCall(operation, args, kwargs, self._leaves)
            outputs = (list(self._leaves.tensors_in(output)) or call.to_fill) + call.changed
            is_listed = self._is_listing and call.name not in _NOT_LISTED
            own = self._own_error(begun, call, outputs) if is_listed else None
            so_far, note = self._follow(operation, args, kwargs, output, outputs)
            if isinstance(output, Tensor) and call.inputs:
                self._list_read(begun, call.inputs[0], output)
            elif is_listed:
                self._list(begun, outputs, own, so_far, begun.note or note)
            self._given.clear()

    def _operator(self, written: str, plain: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        self._written = "" if self._is_busy or self._is_inside_operation else written
        try:
            return plain(*args, **kwargs)
        finally:
            self._written = ""

    def _method(self, name: str, plain: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if self._is_busy or self._is_inside_operation or self._is_prepared(args[0]):
            return plain(*args, **kwargs)
        with self._plainly():
            begun = self._begin(f"Tensor.{name}", [args[0]])
            in_float32, given = self._held_by(begun, args[0]) if name in MOVES else ([], [])
        output = plain(*args, **kwargs)
        self._begun = None
        with self._plainly(), torch.no_grad():
            if name in READS:
                self._list_read(begun, args[0], output)
            else:
                self._list_moved(begun, output, in_float32, given)
        return output

    def _held_by(self, begun: _Begun, tensor: Any) -> tuple[Shards, Shards]:
        """In the float32 run, and where it is listed on the board; nothing where that cannot be told."""
        try:
            given = self._read(tensor) if self._is_listing else []
            return self._float32.float32.of(tensor, "ttci debug"), given
        except (GoldenError, RuntimeError) as error:  # ttnn's own, of a tensor that cannot be read
            begun.note = text_of(error).partition("\n")[0]
            return [], []

    def _list_moved(self, begun: _Begun, output: Any, in_float32: Shards, given: Shards) -> None:
        """What a method gave, which holds what its tensor did where that is told."""
        shape = tuple(output.shape)
        expected = fitted(in_float32, shape, 0.0)
        if expected:
            self._float32.float32.store_exactly(output, expected)
        if self._is_listing:
            own = self._off(output, fitted(given, shape, 0.0)) if given else None
            so_far = self._off(output, expected) if expected else None
            self._list(begun, [output], own, so_far, begun.note)

    def _list_read(self, begun: _Begun, tensor: Any, output: Any) -> None:
        """What is no tensor of ttnn's any more, and of one chip how far it is off."""
        numbers = self._float32.float32
        value = torch.as_tensor(output)
        known = numbers.of(tensor, "") if tensor in numbers and not self._is_prepared(tensor) else []
        so_far = None
        if len({id(shard) for shard in known}) == 1 and known[0].shape == value.shape:
            so_far = difference(value, known[0])
            self._read_out.keep(output, known)
        if self._is_listing:
            self._list(begun, [], None, so_far, begun.note)
            self.operations[-1] = self.operations[-1].model_copy(update={"outputs": (facts_of_read(value),)})

    def _own_error(self, begun: _Begun, call: OperationCall, outputs: list[Any]) -> Difference | None:
        if begun.note or call.name in _FROM_HOST or not outputs:
            return None
        try:
            args, kwargs = unrounded(self._ttnn, call.args, call.kwargs)
            goldens = self._alone.results(replace(call, args=args, kwargs=kwargs), outputs)
            found = [self._off(tensor, golden) for tensor, golden in zip(outputs, goldens, strict=False)]
        except GoldenError as error:
            begun.note = text_of(error).partition("\n")[0]
            return None
        return worst(found)

    def _follow(
        self, operation: Any, args: Any, kwargs: Any, output: Any, outputs: list[Any]
    ) -> tuple[Difference | None, str]:
        """Compute the same in float32; the error so far, or why there is none."""
        numbers = self._float32.float32
        before = numbers.begun_anew
        try:
            self._float32.end(operation, args, kwargs, output)
        except GoldenError as error:
            return None, text_of(error).partition("\n")[0]
        if operation.python_fully_qualified_name in _FROM_HOST:
            self._go_on(outputs[0], args, kwargs)
        note = _BEGUN_ANEW if numbers.begun_anew > before else ""
        if not self._is_listing:
            return None, note
        found = [self._off(tensor, numbers.of(tensor, "")) for tensor in outputs if tensor in numbers]
        return worst(found), note

    def _go_on(self, tensor: Any, args: Any, kwargs: Any) -> None:
        """With what a tensor was read as, where it is put on the board again as it was."""
        shards = self._read_out.of(args[0] if args else kwargs["tensor"])
        if shards and kwargs.get("mesh_mapper") is None and shards[0].shape == tuple(tensor.shape):
            self._float32.float32.store_exactly(tensor, shards)

    def _off(self, tensor: Any, expected: Shards) -> Difference | None:
        """Of the worst chip."""
        given = self._read(tensor)
        pairs = {(id(one), id(other)): (one, other) for one, other in zip(given, expected, strict=False)}
        found = [difference(one, other) for one, other in pairs.values()]
        return worst(found)

    def _list(
        self,
        begun: _Begun,
        outputs: list[Any],
        own: Difference | None,
        so_far: Difference | None,
        note: str,
    ) -> None:
        self.operations.append(
            OperationFound(
                number=len(self.operations) + 1,
                name=begun.name,
                place=begun.place,
                settings=begun.settings,
                inputs=begun.inputs,
                outputs=tuple(facts_of(self._ttnn, tensor) for tensor in outputs),
                own=own,
                so_far=so_far,
                as_reference=self._as_reference(outputs),
                made_from=begun.made_from,
                note=note,
            )
        )
        self._made_by |= {tensor.tensor_id: len(self.operations) for tensor in outputs}

    def _as_reference(self, outputs: list[Any]) -> str | None:
        numbers = self._float32.float32
        known = [numbers.of(tensor, "")[0] for tensor in outputs if tensor in numbers]
        return next(filter(None, map(self._context.as_reference, known)), None)

    @property
    def _is_inside_operation(self) -> bool:
        return bool(self._ttnn.decorators.OPERATION_CALL_STACK)

    def _is_prepared(self, tensor: Any) -> bool:
        return self._follower is not None and self._follower.numbers.is_prepared(tensor)

    def _read(self, tensor: Any, *, prepared: bool = False) -> Shards:
        """What the board holds, on each chip."""
        if self._follower is not None:
            return self._follower.numbers.of(tensor, "ttci debug", prepared=prepared)
        host = tensor.cpu() if self._ttnn.is_tensor_storage_on_device(tensor) else tensor
        return [self._given.rounding.held_by(piece) for piece in self._ttnn.get_device_tensors(host)]

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """Meanwhile nothing that we call ourselves is recorded or followed."""
        was_busy, self._is_busy = self._is_busy, True
        try:
            if self._follower is None:
                yield
            else:
                with self._follower.reading_plainly():
                    yield
        finally:
            self._is_busy = was_busy
