"""Every operation of torch's with what it was given, its own error and the error so far.

Its own error is that against the same operation in float32 on the very inputs that it got. The error so far
is that against a second run of all operations in float32, from the host's weights and inputs on.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ttci.artifacts.operations_file import Difference, OperationFound, TensorFacts
from ttci.checks.dispatch_mode import DispatchMode, is_view
from ttci.devices.recording import Context
from ttci.diagnosis.differences import difference, size_of, worst
from ttci.errors import text_of
from ttci.tensors import map_leaves, tensors_in

_FLOAT32_BYTES = 4
_CASTS = ("aten::_to_copy", "aten::copy_")
_UNSET = ("aten::empty", "aten::new_empty")  # what they give is written later
_PLAIN = frozenset((Tensor, nn.Parameter))
_BEGUN_ANEW = "the float32 run begins anew with what the operation gave"
View = tuple[int, tuple[int, ...], tuple[int, ...]]  # of a storage: offset, shape, strides


@dataclass(frozen=True)
class _Begun:
    """An operation that has begun."""

    name: str
    place: str | None
    inputs: tuple[TensorFacts, ...]
    made_from: tuple[int, ...]


class _Float32Values:
    """What tensors hold in the float32 run, as long as their storages live.

    Attributes:
        made_by: by storage, the number of the operation that wrote there last.
    """

    def __init__(self) -> None:
        self._by_storage: dict[int, dict[View, Tensor]] = {}
        self.made_by: dict[int, int] = {}

    def of(self, tensor: Tensor) -> Tensor | None:
        """None where nothing is known of it."""
        return self._by_storage.get(tensor.untyped_storage()._cdata, {}).get(_view(tensor))

    def keep(self, tensor: Tensor, value: Tensor) -> None:
        """`tensor` holds this."""
        storage = tensor.untyped_storage()
        if storage._cdata not in self._by_storage:
            self._by_storage[storage._cdata] = {}
            weakref.finalize(storage, self._forget, storage._cdata)
        self._by_storage[storage._cdata][_view(tensor)] = value

    def _forget(self, storage: int) -> None:
        self._by_storage.pop(storage, None)
        self.made_by.pop(storage, None)


class RecordedTorchOperations(DispatchMode):
    """Records every operation while it is entered."""

    runs_compiled = False  # what it computes would not be seen

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.operations: list[OperationFound] = []
        self._values = _Float32Values()
        self._begun: _Begun | None = None
        self._is_listing = False

    @contextmanager
    def recording(self) -> Iterator[RecordedTorchOperations]:
        """Be told of each operation."""
        with self:
            yield self

    def list_from_here(self) -> None:
        """What came before is followed, and no part of the table."""
        self._is_listing = True

    def in_float32(self, value: Any) -> list[Tensor]:
        """What the float32 run holds of the tensors in `value`, on the host."""
        return [self._value_of(tensor).cpu() for tensor in tensors_in(value)]

    def unended(self, error: BaseException) -> None:
        """The operation that `error` has ended, as the last of the table."""
        if self._begun is not None:
            self._list(self._begun, [], None, None, text_of(error).partition("\n")[0])
        self._begun = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not _PLAIN.issuperset(types) or not hasattr(func, "_schema"):
            return func(*args, **kwargs)
        if self._is_listing and not is_view(func):
            self._begun = self._beginning(func, tensors_in([args, kwargs]))
        in_float32 = map_leaves([args, kwargs], _is_leaf, lambda leaf: _change(leaf, self._value_of))
        alone, is_random = None, _is_random(func, args, kwargs)
        if self._begun is not None and not is_random:
            alone = map_leaves([args, kwargs], _is_leaf, lambda leaf: _change(leaf, _copied))
        output = func(*args, **kwargs)
        note = self._follow(func, None if is_random else in_float32, output)
        if self._begun is not None:
            own = None if alone is None else _error(func, alone, output)
            self._conclude(func, self._begun, output, own, note)
        self._begun = None
        return output

    def _beginning(self, func: Any, inputs: list[Tensor]) -> _Begun:
        storages = [tensor.untyped_storage()._cdata for tensor in inputs if _is_kept(tensor)]
        makers = [self._values.made_by[storage] for storage in storages if storage in self._values.made_by]
        return _Begun(
            func._schema.name.replace("::", "."),
            self._context.place(),
            tuple(map(_facts, inputs)),
            tuple(dict.fromkeys(makers)),
        )

    def _follow(self, func: Any, in_float32: Any, output: Any) -> str:
        """Compute the same in float32; why that cannot be done, where it cannot."""
        given = [tensor for tensor in tensors_in(output) if _is_kept(tensor)]
        why = "its numbers are random"
        values = None
        if in_float32 is not None:
            try:
                values = [
                    value for value in tensors_in(func(*in_float32[0], **in_float32[1])) if _is_kept(value)
                ]
            except (RuntimeError, TypeError, NotImplementedError) as error:
                why = text_of(error).partition("\n")[0]
        for tensor, value in zip(given, values or map(_copied, given), strict=False):
            self._values.keep(tensor, value)
        return f"{_BEGUN_ANEW}: {why}" if values is None else ""

    def _conclude(self, func: Any, begun: _Begun, output: Any, own: Difference | None, note: str) -> None:
        name = func._schema.name
        given = tensors_in(output)
        if name.startswith(_UNSET) or not given or (name in _CASTS and own and not size_of(own)):
            return
        found = [difference(tensor, self._value_of(tensor)) for tensor in given if _is_kept(tensor)]
        so_far = None if note else worst(found)
        self._list(begun, given, own, so_far, note)

    def _list(
        self,
        begun: _Begun,
        given: list[Tensor],
        own: Difference | None,
        so_far: Difference | None,
        note: str,
    ) -> None:
        values = [self._value_of(tensor) for tensor in given if _is_kept(tensor)]
        known = next(filter(None, map(self._context.as_reference, values)), None)
        self.operations.append(
            OperationFound(
                number=len(self.operations) + 1,
                name=begun.name,
                place=begun.place,
                inputs=begun.inputs,
                outputs=tuple(map(_facts, given)),
                own=own,
                so_far=so_far,
                as_reference=known,
                made_from=begun.made_from,
                note=note,
            )
        )
        kept = [tensor for tensor in given if _is_kept(tensor)]
        self._values.made_by |= {tensor.untyped_storage()._cdata: len(self.operations) for tensor in kept}

    def _value_of(self, tensor: Tensor) -> Tensor:
        """In the float32 run; its own in float32 where nothing has told how it was made."""
        if not _is_kept(tensor):
            return tensor
        value = self._values.of(tensor)
        if value is None:
            value = _copied(tensor)
            self._values.keep(tensor, value)
        return value


def _error(func: Any, alone: Any, output: Any) -> Difference | None:
    """Of what an operation gave, against the same in float32."""
    try:
        expected = tensors_in(func(*alone[0], **alone[1]))
    except (RuntimeError, TypeError, NotImplementedError):  # it has no float32 form
        return None
    pairs = zip(tensors_in(output), expected, strict=False)
    found = [difference(given, value) for given, value in pairs if _is_kept(given)]
    return worst(found)


def _is_leaf(value: Any) -> bool:
    return isinstance(value, Tensor | torch.dtype)


def _change(leaf: Any, of: Any) -> Any:
    """A tensor, or a type that is asked for, in float32."""
    if isinstance(leaf, Tensor):
        return of(leaf)
    return torch.float32 if _is_narrow(leaf) else leaf


def _copied(tensor: Tensor) -> Tensor:
    """In float32, so that nothing that is done to it is done to the tensor."""
    copy = tensor.detach().clone()
    return copy.float() if _is_narrow(copy.dtype) else copy


def _is_narrow(dtype: torch.dtype) -> bool:
    return dtype.is_floating_point and dtype.itemsize < _FLOAT32_BYTES


def _is_kept(tensor: Tensor) -> bool:
    """Whether it has one storage, in which its numbers lie."""
    return type(tensor) in _PLAIN and tensor.layout is torch.strided and not tensor.is_meta


def _view(tensor: Tensor) -> View:
    return int(tensor.storage_offset()), tuple(tensor.shape), tensor.stride()


def _is_random(func: Any, args: Any, kwargs: Any) -> bool:
    """Whether it draws numbers; attention does only where it drops some."""
    if torch.Tag.nondeterministic_seeded not in getattr(func, "tags", ()):
        return False
    given = {spec.name: value for spec, value in zip(func._schema.arguments, args, strict=False)} | kwargs
    stated = {spec.name: spec.default_value for spec in func._schema.arguments} | given
    return bool(stated.get("dropout_p", True))


def _facts(tensor: Tensor) -> TensorFacts:
    memory = "" if tensor.device.type == "cpu" else str(tensor.device)
    return TensorFacts(shape=tuple(tensor.shape), dtype=str(tensor.dtype).partition(".")[2], memory=memory)
