"""A mode that sees every operation of torch's while it is entered, at no cost where nothing is compiled."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from typing_extensions import Self

_RESHAPES = ("aten::_unsafe_view",)  # whose outputs torch does not call views


class DispatchMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The base of ttci's own modes, each with its ``__torch_dispatch__``.

    Attributes:
        runs_compiled: whether what torch.compile makes runs as it is, unseen inside; else it
            runs uncompiled, and each of its operations is seen.
    """

    supports_higher_order_operators = True
    runs_compiled: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch would keep its compiler out of each subclass by importing it, which takes seconds."""
        return False

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        """As `runs_compiled` says: else torch compiles nothing, and flex attention refuses to run."""
        return cls.runs_compiled

    def __enter__(self) -> Self:
        if "torch._dynamo" in sys.modules:  # only then may a caller be compiled
            _leave_uncompiled(type(self))  # type: ignore[arg-type]
        super().__enter__()  # type: ignore[no-untyped-call]
        return self


def is_view(func: Any) -> bool:
    """Whether an operation gives what it got, in another shape."""
    schema = getattr(func, "_schema", None)
    if schema is None:
        return False
    aliases = [value.alias_info for value in schema.returns]
    is_alias = any(alias is not None and not alias.is_write for alias in aliases)
    return is_alias or schema.name in _RESHAPES


@cache
def _leave_uncompiled(mode: type[DispatchMode]) -> None:
    """The mode's own Python code is nothing to compile."""
    dispatch = mode.__torch_dispatch__
    uncompiled = torch.compiler.disable(dispatch, recursive=True)  # type: ignore[no-untyped-call]
    mode.__torch_dispatch__ = uncompiled  # type: ignore[method-assign]
