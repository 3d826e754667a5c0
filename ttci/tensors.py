"""Walk what nested inputs and outputs hold: tuples, lists, dicts, dataclasses, in any nesting.

What counts as a tensor is the caller's to say, so that torch's and ttnn's are walked alike.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from torch import Tensor

IsLeaf = Callable[[Any], bool]


def is_torch_tensor(value: Any) -> bool:
    """Whether it is a tensor of torch's."""
    return isinstance(value, Tensor)


def tensors_in(value: Any) -> list[Tensor]:
    """Every tensor in `value`, in order; what is no tensor is passed over."""
    return list(leaves_in(value, is_torch_tensor))


def named_tensors_in(value: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor in `value` with its place, written as Python does: ``name[0].key``."""
    if isinstance(value, Tensor):
        yield name, value
        return
    for place, item in children_of(value):
        yield from named_tensors_in(item, name + place)


def map_tensors(value: Any, change: Callable[[Tensor], Any]) -> Any:
    """A copy of `value` with every tensor changed; its nesting stays."""
    return map_leaves(value, is_torch_tensor, change)


def leaves_in(value: Any, is_leaf: IsLeaf) -> Iterator[Any]:
    """Everything in `value` that `is_leaf` is true of, in order."""
    if is_leaf(value):
        yield value
        return
    for _, item in children_of(value):
        yield from leaves_in(item, is_leaf)


def map_leaves(value: Any, is_leaf: IsLeaf, change: Callable[[Any], Any]) -> Any:
    """A copy of `value` with everything changed that `is_leaf` is true of; its nesting stays.

    Named tuples, dataclasses and mappings keep their class; a mapping that cannot be
    changed becomes a dict.
    """
    if is_leaf(value):
        return change(value)
    if isinstance(value, tuple):
        items = [map_leaves(item, is_leaf, change) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, list):
        changed = copy.copy(value)
        changed[:] = [map_leaves(item, is_leaf, change) for item in value]
        return changed
    if isinstance(value, Mapping):
        return _mapping_with(value, {key: map_leaves(value[key], is_leaf, change) for key in value})
    if _is_dataclass_instance(value):
        changed = copy.copy(value)
        for name, item in _fields_of(value):  # past a frozen class's __setattr__
            object.__setattr__(changed, name, map_leaves(item, is_leaf, change))
        return changed
    return value


def children_of(value: Any) -> Iterator[tuple[str, Any]]:
    """What `value` holds directly, each with its place, ``[0]``, ``['key']`` or ``.name``."""
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", value[key]) for key in value)
    elif isinstance(value, list | tuple):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif _is_dataclass_instance(value):
        yield from ((f".{name}", item) for name, item in _fields_of(value))


def _mapping_with(value: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    if not isinstance(value, MutableMapping):
        return items
    changed = copy.copy(value)
    for key, item in items.items():
        changed[key] = item
    return changed


def _is_dataclass_instance(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _fields_of(value: Any) -> Iterator[tuple[str, Any]]:
    """The fields that are set: one that __post_init__ left out has no value."""
    for field in dataclasses.fields(value):
        if hasattr(value, field.name):
            yield field.name, getattr(value, field.name)
