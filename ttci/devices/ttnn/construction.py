"""Tensors that ``ttnn.Tensor(...)`` makes on a board, whose constructor no hook of ttnn's sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

Made = Callable[
    [Any, torch.Tensor, dict[str, Any]], None
]  # a tensor on a board, its numbers, and how it was made
# The constructor's arguments by place: of an array, and of numbers in a sequence.
_OF_ARRAY = (
    *("tensor", "data_type", "device", "layout", "mem_config", "tile", "cq_id", "pad_value", "mesh_mapper"),
    *("preserve_nan_values", "col_tilize"),
)
_OF_SEQUENCE = ("data", "shape", "data_type", "layout", "device", "tile", "pad_value")


@contextmanager
def construction_followed(ttnn: Any, made: Made) -> Iterator[None]:
    """Meanwhile another class stands for ``ttnn.Tensor``, which tells what it makes on a board.

    The class itself cannot be changed so: nanobind calls its constructor past Python.
    """
    plain = ttnn.Tensor

    class Tensor(metaclass=_Standing):
        stands_for = plain

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            tensor = plain(*args, **kwargs)
            is_view = any(isinstance(given, plain) for given in (*args, *kwargs.values()))
            inside_operation = bool(ttnn.decorators.OPERATION_CALL_STACK)  # whose golden gives the numbers
            if not (inside_operation or is_view) and ttnn.is_tensor_storage_on_device(tensor):
                made(tensor, *_named(args, kwargs))
            return tensor

    ttnn.Tensor = Tensor
    try:
        yield
    finally:
        ttnn.Tensor = plain


def _named(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[torch.Tensor, dict[str, Any]]:
    """What a tensor is made of, and the other arguments by their names."""
    is_sequence = isinstance((*args, None)[0], (list, tuple)) or "data" in kwargs
    named = dict(zip(_OF_SEQUENCE if is_sequence else _OF_ARRAY, args, strict=False)) | kwargs
    if not is_sequence:
        return torch.as_tensor(named.pop("tensor")), named
    return torch.tensor(named.pop("data")).reshape(tuple(named["shape"])), named


class _Standing(type):
    """The class of a class that is taken for another one, but when it is called."""

    stands_for: type

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.stands_for) or super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.stands_for)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.stands_for, name)

    def __dir__(cls) -> list[str]:
        return dir(cls.stands_for)

    @property  # type: ignore[misc]
    def __dict__(cls) -> Any:  # type: ignore[override]
        """Where pytest's monkeypatch looks for what it replaces."""
        return cls.stands_for.__dict__

    def __setattr__(cls, name: str, value: Any) -> None:
        setattr(cls.stands_for, name, value)

    def __delattr__(cls, name: str) -> None:
        delattr(cls.stands_for, name)

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls.stands_for

    def __hash__(cls) -> int:
        return hash(cls.stands_for)
