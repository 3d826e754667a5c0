"""Every operation of ttnn's with what it was given, its own error and the error so far.

Its own error is that against its golden, in float32, on the very inputs that it got. The error so far is
that against a second run, of the golden of every operation, in float32 from the host's tensors on: nothing
in it is rounded, neither weights nor what lies between two operations. What was given is read from the
board; on a mock board it is what the follower knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ttci.artifacts.operations_file import Difference, OperationFound, TensorFacts
from ttci.devices.recording import Context
from ttci.devices.ttnn.apply import OperationCall
from ttci.devices.ttnn.engine.describe import described_settings
from ttci.devices.ttnn.float32_run import Float32Run, GivenNumbers, unrounded
from ttci.devices.ttnn.follow import Follower
from ttci.devices.ttnn.leaves import Leaves
from ttci.devices.ttnn.numbers import GoldenError, Shards
from ttci.devices.ttnn.prepared import CONVOLUTIONS
from ttci.diagnosis.differences import difference, worst
from ttci.errors import text_of

_NOT_LISTED = ("ttnn.deallocate", "ttnn.synchronize_device")
_FROM_HOST = ("ttnn.from_torch", "ttnn.as_tensor")
_BEGUN_ANEW = "the float32 run begins anew with what an input holds: nothing has told how it was made"


@dataclass
class _Begun:
    """An operation that has begun."""

    call: OperationCall
    place: str | None
    inputs: tuple[TensorFacts, ...]
    made_from: tuple[int, ...]
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
        self._is_listing = self._is_busy = False

    @contextmanager
    def recording(self) -> Iterator[RecordedOperations]:
        """Be told of each operation."""
        decorators = self._ttnn.decorators
        with ExitStack() as stack:
            stack.enter_context(decorators.register_pre_operation_hook(self._before))
            stack.enter_context(decorators.register_post_operation_hook(self._after))
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
            makers = (self._made_by.get(tensor.tensor_id) for tensor in call.inputs)
            made_from = tuple(dict.fromkeys(number for number in makers if number is not None))
            facts = tuple(map(self._facts, call.inputs))
            self._begun = _Begun(call, self._context.place(), facts, made_from)
            self._float32.begin()
            self._given.clear()
            if self._is_listing and call.name not in (*_NOT_LISTED, *_FROM_HOST):
                self._take(self._begun)

    def _take(self, begun: _Begun) -> None:
        try:
            for tensor in begun.call.inputs:
                prepared = begun.call.name in CONVOLUTIONS and self._is_prepared(tensor)
                self._given.take(tensor, self._read(tensor, prepared=prepared), prepared=prepared)
        except (GoldenError, RuntimeError) as error:  # ttnn's own, of a tensor that cannot be read
            begun.note = text_of(error).partition("\n")[0]

    def _after(self, operation: Any, args: Any, kwargs: Any, output: Any) -> None:
        begun, self._begun = self._begun, None
        if self._is_busy or begun is None:
            return
        with self._plainly(), torch.no_grad():
            call = begun.call
            outputs = (list(self._leaves.tensors_in(output)) or call.to_fill) + call.changed
            is_listed = self._is_listing and call.name not in _NOT_LISTED
            own = self._own_error(begun, outputs) if is_listed else None
            so_far, note = self._follow(operation, args, kwargs, output, outputs)
            if is_listed:
                self._list(begun, outputs, own, so_far, begun.note or note)
            self._given.clear()

    def _own_error(self, begun: _Begun, outputs: list[Any]) -> Difference | None:
        call = begun.call
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
        note = _BEGUN_ANEW if numbers.begun_anew > before else ""
        if not self._is_listing:
            return None, note
        found = [self._off(tensor, numbers.of(tensor, "")) for tensor in outputs if tensor in numbers]
        return worst(found), note

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
        call = begun.call
        self.operations.append(
            OperationFound(
                number=len(self.operations) + 1,
                name=call.name,
                place=begun.place,
                settings=described_settings(self._ttnn, call),
                inputs=begun.inputs,
                outputs=tuple(map(self._facts, outputs)),
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

    def _facts(self, tensor: Any) -> TensorFacts:
        ttnn = self._ttnn
        memory = "host"
        if ttnn.is_tensor_storage_on_device(tensor) and tensor.is_allocated():
            config = tensor.memory_config()
            memory = f"{config.buffer_type.name} {config.memory_layout.name.lower()}"
        return TensorFacts(
            shape=tuple(tensor.shape),
            dtype=tensor.dtype.name.lower(),
            layout=tensor.layout.name.lower(),
            memory=memory,
        )

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
