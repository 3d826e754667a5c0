"""The ttnn tensors that a call's arguments and results hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from ttci.devices.ttnn.numbers import GoldenError
from ttci.tensors import leaves_in, map_leaves


class Leaves:
    """Walks what ttnn's operations take and give; a complex tensor holds two, real and imaginary."""

    def __init__(self, ttnn: Any) -> None:
        self._tensor = ttnn.Tensor
        self._complex = ttnn._ttnn.operations.complex.ComplexTensor

    def tensors_in(self, value: Any) -> Iterator[Any]:
        """Every ttnn tensor in `value`, in order."""
        for leaf in leaves_in(value, self._is_leaf):
            yield from (leaf.real, leaf.imag) if isinstance(leaf, self._complex) else (leaf,)

    def changed(self, value: Any, change: Callable[[Any], Any]) -> Any:
        """`value` with what `change` gives for every tensor of it.

        Raises:
            GoldenError: where one is complex.
        """

        def change_real(leaf: Any) -> Any:
            if isinstance(leaf, self._complex):
                raise GoldenError("a complex tensor in a trace is not followed on a mock board")
            return change(leaf)

        return map_leaves(value, self._is_leaf, change_real)

    def has_complex(self, value: Any) -> bool:
        """Whether there is a complex tensor in `value`."""
        return any(isinstance(leaf, self._complex) for leaf in leaves_in(value, self._is_leaf))

    def in_torch(self, value: Any, of: Callable[[Any], Any]) -> Any:
        """`value` with what `of` gives for every tensor of it; of a complex one a complex tensor."""

        def change(leaf: Any) -> Any:
            if isinstance(leaf, self._complex):
                return torch.complex(of(leaf.real).float(), of(leaf.imag).float())
            return of(leaf)

        return map_leaves(value, self._is_leaf, change)

    def _is_leaf(self, value: Any) -> bool:
        return isinstance(value, (self._tensor, self._complex))
