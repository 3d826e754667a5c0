"""Walk the tensors of nested inputs and outputs: tuples, lists, dicts, dataclasses."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from torch import Tensor


def tensors_in(value: Any) -> list[Tensor]:
    """Every tensor in `value`, in order; what is no tensor is passed over."""
    return [tensor for _, tensor in named_tensors_in(value)]


def named_tensors_in(value: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor in `value` with its place, written as Python does: ``name[0].key``."""
    if isinstance(value, Tensor):
        yield name, value
    for place, item in _children(value):
        yield from named_tensors_in(item, name + place)


def map_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A copy of `value` with every tensor changed; its nesting stays."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple):
        items = [map_tensors(item, change) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if not isinstance(value, Mapping | list) and not _is_dataclass_instance(value):
        return value
    changed = copy.copy(value)
    if isinstance(changed, list):
        changed[:] = [map_tensors(item, change) for item in value]
    elif isinstance(changed, MutableMapping):
        for key in value:
            changed[key] = map_tensors(value[key], change)
    elif isinstance(changed, Mapping):
        return {key: map_tensors(item, change) for key, item in value.items()}
    else:
        for field in dataclasses.fields(value):  # past a frozen class's __setattr__
            object.__setattr__(changed, field.name, map_tensors(getattr(value, field.name), change))
    return changed


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif _is_dataclass_instance(value):
        yield from ((f".{field.name}", getattr(value, field.name)) for field in dataclasses.fields(value))


def _is_dataclass_instance(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)
