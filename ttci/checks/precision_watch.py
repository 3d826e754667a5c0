"""Which precision do the numbers that depend on a module's inputs and parameters pass through?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from ttci.checks.dispatch_mode import DispatchMode
from ttci.tensors import tensors_in

_QUANTISED = ("quantized", "_quantized", "onednn")  # namespaces of operations without a derivative


class PrecisionWatch(DispatchMode):
    """Follows what is computed from `leaves`, and notes its coarsest floating-point type.

    What a module computes from constants alone (a table of rotations, say) may be of
    any type: it is the same in every call and rounds nothing that moves.
    """

    def __init__(self, leaves: Iterable[Tensor]) -> None:
        super().__init__()
        self._followed: dict[int, Tensor] = {}  # kept, so that no other tensor gets its place
        self.coarsest = torch.float64
        self.is_quantised = False
        for leaf in leaves:
            self._follow(leaf)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        arguments = [args, kwargs or {}]
        if any(_place(tensor) in self._followed for tensor in tensors_in(arguments)):
            self.is_quantised |= func.namespace in _QUANTISED
            for tensor in tensors_in(output):
                self._follow(tensor)
        return output

    def _follow(self, tensor: Tensor) -> None:
        self._followed[_place(tensor)] = tensor
        self.coarsest = coarsest([self.coarsest, tensor.dtype])


def coarsest(dtypes: Iterable[torch.dtype]) -> torch.dtype:
    """The coarsest of the floating-point and complex ones, real; float64 where there is none."""
    real = [dtype.to_real() for dtype in dtypes if dtype.is_floating_point or dtype.is_complex]
    return max(real, key=epsilon, default=torch.float64)


def epsilon(dtype: torch.dtype) -> float:
    """The distance from 1 to the next number of `dtype`."""
    return torch.finfo(dtype).eps


def _place(tensor: Tensor) -> int:
    """One number for all views of one storage; a sparse tensor has no storage of its own."""
    return id(tensor) if tensor.layout != torch.strided else tensor.untyped_storage()._cdata
