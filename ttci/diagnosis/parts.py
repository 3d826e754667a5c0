"""The first submodule whose output leaves its bound, where an implementation has parts of the same names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ttci.diagnosis.agreement import Agreement, Bound, agreement, shown
from ttci.tensors import map_tensors, tensors_in

Read = Callable[[Any], Sequence[Tensor]]


@dataclass(frozen=True)
class PartCall:
    """One call of a part.

    Attributes:
        name: of the submodule, as its module names it.
        number: of its calls, which this is.
        args, kwargs: copies of its arguments; of an implementation nothing.
        inputs, outputs: the tensors among them, on the host.
    """

    name: str
    number: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]


@dataclass(frozen=True)
class WrongPart:
    """The first part whose output leaves its bound, and whose input is right.

    Attributes:
        module: the reference's own.
        call: of it.
        output: what the implementation gave for the first of its outputs.
    """

    module: nn.Module
    call: PartCall
    output: Tensor
    of_input: Agreement
    of_output: Agreement

    @property
    def brief(self) -> str:
        """Which it is, in a few words."""
        return f"`{self.call.name}` is the first wrong submodule"

    @property
    def text(self) -> str:
        """A sentence without its full stop."""
        given, output = shown(self.of_input.correlation), shown(self.of_output.correlation)
        return (
            f"`{self.call.name}` is the first submodule whose output leaves its bound: correlation {output}, "
            f"where that of its input is {given}"
        )


def first_wrong_part(
    reference: nn.Module,
    run_reference: Callable[[], object],
    implementation: object,
    run_implementation: Callable[[], object],
    read: Read,
    bound: Bound,
    explains: Callable[[WrongPart], bool] = lambda _: True,
) -> WrongPart | None:
    """Run both, and compare what their parts of one name gave, in the order in which they ended.

    Args:
        reference: a torch module.
        run_reference: calls it.
        implementation: a torch module too, or what has its parts as attributes, which can be called.
        run_implementation: calls it.
        read: the tensors in a value of the implementation's, on the host.
        bound: what the output of a right part keeps to.
        explains: whether a part is wrong indeed, and does not only compute more than its namesake.
    """
    names = [name for name, _ in reference.named_modules() if name]
    with recorded(implementation, names, read) as theirs:
        run_implementation()
    if not theirs:
        return None
    with recorded(reference, names, tensors_in) as ours:
        run_reference()
    by_place = {(call.name, call.number): call for call in theirs}
    for call in ours:
        wrong = _compared(
            reference.get_submodule(call.name), call, by_place.get((call.name, call.number)), bound
        )
        if wrong is not None and explains(wrong):
            return wrong
    return None


def _compared(module: nn.Module, call: PartCall, other: PartCall | None, bound: Bound) -> WrongPart | None:
    if other is None or not call.outputs or not other.outputs or not call.inputs or not other.inputs:
        return None
    output = _like(other.outputs[0], call.outputs[0])
    given = _like(other.inputs[0], call.inputs[0])
    if output is None or given is None:
        return None
    of_output, of_input = agreement(output, call.outputs[0]), agreement(given, call.inputs[0])
    is_given_right = bound.holds(of_input) or of_input.error == 0
    if bound.holds(of_output) or not is_given_right:
        return None
    return WrongPart(module, call, output, of_input, of_output)


def _like(tensor: Tensor, expected: Tensor) -> Tensor | None:
    """In the expected shape: a device may have dimensions of size 1 more."""
    if tensor.numel() != expected.numel() or not expected.is_floating_point():
        return tensor if tensor.shape == expected.shape else None
    return tensor.reshape(expected.shape)


@contextmanager
def with_output_of(part: WrongPart) -> Iterator[None]:
    """Meanwhile the reference's own part gives what the implementation's gave."""
    number = 0

    def instead(_: nn.Module, __: Any, ___: Any) -> Tensor | None:
        nonlocal number
        number += 1
        return part.output.clone() if number - 1 == part.call.number else None

    with _removed(part.module.register_forward_hook(instead)):
        yield


@contextmanager
def recorded(module: object, names: Sequence[str], read: Read) -> Iterator[list[PartCall]]:
    """Meanwhile the calls of the parts of these names are listed as they end."""
    calls: list[PartCall] = []
    with ExitStack() as stack:
        if isinstance(module, nn.Module):
            for name, part in module.named_modules():
                if name in names:
                    _follow_module(stack, name, part, read, calls)
        else:
            for name in sorted(names, key=lambda name: -name.count(".")):  # inner ones first
                _follow_attribute(stack, module, name, read, calls)
        yield calls


def _follow_module(stack: ExitStack, name: str, part: nn.Module, read: Read, calls: list[PartCall]) -> None:
    given: list[tuple[Any, Any]] = []

    def before(_: nn.Module, args: Any, kwargs: Any) -> None:
        given.append((map_tensors(args, torch.clone), map_tensors(kwargs, torch.clone)))

    def after(_: nn.Module, __: Any, ___: Any, output: Any) -> None:
        args, kwargs = given.pop()
        outputs = [tensor.clone() for tensor in read(output)]
        calls.append(PartCall(name, _calls_of(name, calls), args, kwargs, read([args, kwargs]), outputs))

    stack.enter_context(_removed(part.register_forward_pre_hook(before, with_kwargs=True)))
    stack.enter_context(_removed(part.register_forward_hook(after, with_kwargs=True)))


@contextmanager
def _removed(hook: Any) -> Iterator[None]:
    try:
        yield
    finally:
        hook.remove()


def _calls_of(name: str, calls: Sequence[PartCall]) -> int:
    return sum(call.name == name for call in calls)


class _Followed:
    """Stands in for a part of an implementation; what is asked of it, the part answers."""

    def __init__(self, part: Any, name: str, read: Read, calls: list[PartCall]) -> None:
        self._part, self._name, self._read, self._calls = part, name, read, calls

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        inputs = self._read([args, kwargs])
        output = self._part(*args, **kwargs)
        outputs = self._read(output)
        self._calls.append(PartCall(self._name, _calls_of(self._name, self._calls), (), {}, inputs, outputs))
        return output

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


def _follow_attribute(stack: ExitStack, module: object, name: str, read: Read, calls: list[PartCall]) -> None:
    *path, last = name.split(".")
    owner: Any = module
    for step in path:
        attribute = _attribute(owner, step)
        if attribute is None:
            return
        owner = getattr(owner, attribute)
    attribute = _attribute(owner, last)
    part = None if attribute is None else vars(owner).get(attribute)
    if attribute is None or not callable(part):
        return
    setattr(owner, attribute, _Followed(part, name, read, calls))
    stack.callback(setattr, owner, attribute, part)


def _attribute(owner: Any, name: str) -> str | None:
    """What an implementation calls a part: with an underscore, or without ``_proj``, or as the module."""
    held = getattr(owner, "__dict__", {})
    short = name.removesuffix("_proj")
    return next((called for called in (name, f"_{name}", short, f"_{short}") if called in held), None)
