"""The table of ttci's own goldens, and how one is put in.

A golden takes the operation's own arguments, with a torch tensor for every ttnn
tensor, and gives torch tensors of the shapes that ttnn gives. It changes no input.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from ttci.errors import InputError, Mistake, did_you_mean

Golden = Callable[..., Any]
Changes = Callable[..., Sequence[Any]]  # of the operation's arguments, those that it writes to
GoldenType = TypeVar("GoldenType", bound=Golden)

# May give NotImplemented for arguments that ttnn's own golden handles.
GOLDENS: dict[str, Golden] = {}
# Of operations that write to some of their arguments, beside what they give.
CHANGES: dict[str, Changes] = {}
_USERS: dict[str, tuple[str, int]] = {}  # where the goldens are that users registered: file and line
_OWN_PACKAGE = "ttci."
# Of collectives: a function of the shards of all chips and the shape of the mesh.
COLLECTIVES: dict[str, Golden] = {}
# From the first tensor to the second.
COPIES = ("ttnn.copy_host_to_device_tensor", "ttnn.copy_device_to_host_tensor")
UNDEFINED = (
    *("ttnn.empty", "ttnn.empty_like", "ttnn.allocate_tensor_on_device", "ttnn.allocate_tensor_on_host"),
)


def register_golden(name: str, *, changes: Changes | None = None) -> Callable[[GoldenType], GoldenType]:
    """Register the golden of an operation.

    Args:
        name: the operation's full name (``"ttnn.experimental.foo"``).
        changes: which of the operation's arguments it writes to, of an operation that changes some beside
            what it gives; the golden gives what they hold then after its other results.

    Raises:
        InputError: where another golden of the user's has that name, or ttnn has no such operation.
    """

    def register(golden: GoldenType) -> GoldenType:
        if not golden.__module__.startswith(_OWN_PACKAGE):
            _note_users(name, golden)
        GOLDENS[name] = golden
        CHANGES.pop(name, None)
        if changes is not None:
            CHANGES[name] = changes
        return golden

    return register


def place_of(name: str) -> str | None:
    """``file:line`` of the golden that a user registered for an operation."""
    return None if name not in _USERS else "{}:{}".format(*_USERS[name])


def check_names(ttnn: Any, names: Iterable[str] | None = None) -> None:
    """Goldens that users registered are of operations that ttnn has.

    Raises:
        InputError: names every one that is not.
    """
    operations = {
        operation.python_fully_qualified_name for operation in ttnn.decorators.REGISTERED_OPERATIONS
    }
    names = _USERS if names is None else names
    # One of another name is the user's own operation, which may be registered with ttnn later.
    unknown = [name for name in names if name.startswith("ttnn.") and name not in operations]
    if unknown:
        raise InputError(
            _mistake(_USERS[name], f"ttnn has no operation {name!r}; {did_you_mean(name, operations)}")
            for name in unknown
        )


def _mistake(place: tuple[str, int], what: str) -> Mistake:
    return Mistake(place[0], place[1] or None, what)


def _note_users(name: str, golden: Golden) -> None:
    code = getattr(inspect.unwrap(golden), "__code__", None)
    place = (code.co_filename, code.co_firstlineno) if code else (golden.__module__, 0)
    before = _USERS.get(name)
    if before is not None and before != place:  # the same one, where its file is loaded again
        raise InputError(
            _mistake(place, f"{name!r} has a golden already, of {before[0]}:{before[1]}; remove one")
        )
    _USERS[name] = place
    if ttnn := sys.modules.get("ttnn"):
        try:
            check_names(ttnn, [name])
        except InputError:
            del _USERS[name]
            raise


class OnChips(list[Tensor]):
    """What each chip holds of a tensor that a collective is given beside its first."""


def register_collective(*names: str) -> Callable[[GoldenType], GoldenType]:
    """Register a function of the shards of one group of chips, which gives theirs.

    Of other tensors it gets `OnChips`, of the group. Of an operation that gives several tensors,
    it gives a tuple for each chip.
    """

    def register(golden: GoldenType) -> GoldenType:
        COLLECTIVES.update(dict.fromkeys(names, of_all_groups(golden)))
        return golden

    return register


def of_all_groups(golden: Golden) -> Golden:
    """A function of the shards of all chips, of one of the shards of a group."""

    def of_all(
        shards: list[Tensor],
        mesh_shape: tuple[int, ...],
        *args: Any,
        cluster_axis: int | None = None,
        **kwargs: Any,
    ) -> list[Any]:
        results: list[Any] = list(shards)
        for group in groups_of_chips(mesh_shape, cluster_axis):
            own = [_on_group(value, group) for value in args]
            own_kwargs = {key: _on_group(value, group) for key, value in kwargs.items()}
            given = golden([shards[chip] for chip in group], *own, **own_kwargs)
            for chip, result in zip(group, given, strict=True):
                results[chip] = result
        return results

    return of_all


def _on_group(value: Any, group: list[int]) -> Any:
    return OnChips(value[chip] for chip in group) if isinstance(value, OnChips) else value


def groups_of_chips(mesh_shape: tuple[int, ...], cluster_axis: int | None) -> list[list[int]]:
    """The chips that take part in a collective together: all, or those along one axis of the mesh."""
    chips = torch.arange(torch.Size(mesh_shape).numel()).reshape(mesh_shape)
    if cluster_axis is None:
        return [chips.flatten().tolist()]
    groups: list[list[int]] = chips.movedim(cluster_axis, -1).flatten(0, -2).tolist()
    return groups
