"""The calls of torch functions that a reference makes, in order, each of which can be made wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_WRITES = {f"__{name}__" for name in ("setitem", "iadd", "isub", "imul", "itruediv", "ior", "iand", "ixor")}

Function = Callable[..., Any]
Change = Callable[[Function, tuple[Any, ...], dict[str, Any]], Any]


@dataclass(frozen=True)
class Call:
    """One call, as it was made.

    Attributes:
        index: among all calls.
        name: of the function, without the underscores of an operator: ``add``, ``linear``.
        module: the name of the innermost submodule that made it; empty of the whole.
        made_by: by the place among its arguments, the submodule that gave a tensor as its output.
        result: what it gave.
    """

    index: int
    name: str
    module: str
    function: Function
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    made_by: Mapping[int, str] = field(default_factory=dict)
    result: Any = None

    @property
    def writes(self) -> bool:
        """Whether it changes a tensor that was there before."""
        name = getattr(self.function, "__name__", "")
        is_operator = name.startswith("__")
        return "out" in self.kwargs or name in _WRITES or (name.endswith("_") and not is_operator)

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """One that was given by place or by name."""
        return self.args[position] if len(self.args) > position else self.kwargs.get(name, default)


class CallsMade(TorchFunctionMode):
    """While it is entered, calls are listed, or made as `changes` say.

    Args:
        modules: the names of a reference's submodules.
        changes: by the index of a call; nothing is listed where there are any.
        weights: tensors to use in place of others, by the other's id.
        known: the results of the first calls, which need not be made again.
        left_out: submodules whose output is their input instead.
    """

    def __init__(
        self,
        modules: Mapping[nn.Module, str] | None = None,
        changes: Mapping[int, Change] | None = None,
        weights: Mapping[int, Tensor] | None = None,
        known: Sequence[Any] = (),
        left_out: Sequence[nn.Module] = (),
    ) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._modules = modules or {}
        self._changes, self._weights = changes or {}, weights or {}
        self._lists = changes is None and weights is None
        self._known, self._left_out = known, set(left_out)
        self._count = 0
        self._running: list[str] = []
        self._made_by: dict[int, str] = {}
        self._kept: list[Any] = []  # so that no other tensor takes an id

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "__get__":
            return func(*args, **kwargs)
        index, self._count = self._count, self._count + 1
        if index < len(self._known):
            return self._known[index]
        if self._weights:
            args, kwargs = self._exchanged(args), {k: self._exchanged((v,))[0] for k, v in kwargs.items()}
        if index in self._changes:
            return self._changes[index](func, args, kwargs)
        result = func(*args, **kwargs)
        if self._lists:
            made_by = {i: self._made_by[id(a)] for i, a in enumerate(args) if id(a) in self._made_by}
            module = self._running[-1] if self._running else ""
            self.calls.append(Call(index, name.strip("_"), module, func, args, kwargs, made_by, result))
        return result

    def _exchanged(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(self._weights.get(id(a), a) if isinstance(a, Tensor) else a for a in args)

    @contextmanager
    def following(self) -> Iterator[CallsMade]:
        """Entered, and told which submodule runs."""
        before = nn.modules.module.register_module_forward_pre_hook(self._begin)
        after = nn.modules.module.register_module_forward_hook(self._end, always_call=True)
        try:
            with self:
                yield self
        finally:
            before.remove()
            after.remove()

    def _begin(self, module: nn.Module, _: Any) -> None:
        self._running.append(self._modules.get(module, self._running[-1] if self._running else ""))

    def _end(self, module: nn.Module, args: Any, output: Any) -> Any:
        if self._running:
            self._running.pop()
        name = self._modules.get(module)
        if name and isinstance(output, Tensor):
            self._kept.append(output)
            self._made_by[id(output)] = name
        return args[0].clone() if module in self._left_out else None


def parameter_names(reference: Any) -> dict[int, str]:
    """Of a module's parameters and buffers, by id: ``attention.q_proj.weight``."""
    if not isinstance(reference, nn.Module):
        return {}
    named = [*reference.named_parameters(), *reference.named_buffers()]
    return {id(tensor): name for name, tensor in named}


def is_float(value: Any) -> bool:
    """Whether it is a tensor of floating point."""
    return isinstance(value, Tensor) and value.is_floating_point()


def with_argument(
    args: tuple[Any, ...], kwargs: dict[str, Any], position: int, name: str, value: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with another value of one."""
    if len(args) > position:
        return (*args[:position], value, *args[position + 1 :]), kwargs
    return args, {**kwargs, name: value}
