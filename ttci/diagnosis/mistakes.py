"""What a mistake is: the reference computed wrongly in one way that people do it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from ttci.diagnosis.calls import Call, Change, Function

_MOST_SIBLINGS = 4


@dataclass(frozen=True)
class Mistake:
    """One way to compute the reference wrongly.

    Attributes:
        text: how, for a sentence that begins ``the output is what the reference gives``.
        changes: the calls that are made otherwise, by index.
        weights: the tensors that others stand in for, by the id of the one replaced.
        left_out: the submodules whose output is their input.
        kind: of it, where all calls may be wrong in this way at once; its text then is `text_of_all`.
    """

    text: str
    changes: Mapping[int, Change] = field(default_factory=dict)
    weights: Mapping[int, Tensor] = field(default_factory=dict)
    left_out: Sequence[nn.Module] = ()
    kind: str = ""
    text_of_all: str = ""


Maker = Callable[[Call, "Names"], Iterator[Mistake]]


@dataclass(frozen=True)
class Names:
    """What a reference's parameters are called, by id."""

    of_parameters: Mapping[int, str]

    def owner(self, weight: object, call: Call) -> str:
        """The module that a weight belongs to, for ``the bias of …``; that which makes the call otherwise."""
        name = self.of_parameters.get(id(weight), "")
        owner = name.rpartition(".")[0] or call.module
        return f"`{owner}`" if owner else f"the {call.name}"

    def place(self, call: Call) -> str:
        """Where a call is made, to follow what is said of it; empty in a reference without submodules."""
        return f" in `{call.module}`" if call.module else ""


def instead(function: Any) -> Change:
    """What `function` gives for the call's arguments."""

    def change(_: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return function(*args, **kwargs)

    return change


def of_result(function: Any) -> Change:
    """What `function` makes of the call's result."""

    def change(plain: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return function(plain(*args, **kwargs))

    return change


def modules_left_out(reference: object) -> Iterator[Mistake]:
    """Each submodule with weights, and siblings of one class."""
    if not isinstance(reference, nn.Module):
        return
    for parent, module in reference.named_modules():
        prefix, classes = f"{parent}." if parent else "", dict[type, list[tuple[str, nn.Module]]]()
        for name, child in module.named_children():
            if any(True for _ in child.parameters()):
                classes.setdefault(type(child), []).append((prefix + name, child))
                yield Mistake(f"without `{prefix + name}`", left_out=[child])
        for siblings in classes.values():
            if 1 < len(siblings) <= _MOST_SIBLINGS:
                listed = " and ".join(f"`{name}`" for name, _ in siblings)
                yield Mistake(f"without {listed}", left_out=[child for _, child in siblings])


def all_at_once(mistakes: list[Mistake]) -> Iterator[Mistake]:
    """Of each kind that several calls can be made wrong in, all of them."""
    kinds: dict[str, list[Mistake]] = {}
    for mistake in mistakes:
        if mistake.kind:
            kinds.setdefault(mistake.kind, []).append(mistake)
    for kind, same in kinds.items():
        if len(same) > 1 and same[0].text_of_all:
            changes = {index: change for one in same for index, change in one.changes.items()}
            yield Mistake(same[0].text_of_all, changes, kind=kind)
