"""Softmax along one dimension."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ttci.catalog.operations import Options, Shapes, shown, whole_number
from ttci.operations.protocol import Operation

if TYPE_CHECKING:
    from torch import Tensor

    from ttci.modules.ttnn.kernels import TtnnKernel


class Softmax(Operation):
    """Of any shape that has the dimension `dim`."""

    inputs = ("input",)
    required = 1
    options = {"dim": whole_number(-1)}

    def problems(self, shapes: Shapes, options: Options) -> Iterator[str]:
        (x,) = shapes
        if not -len(x) <= options["dim"] < len(x):
            yield f"{shown(x)} has no dimension {options['dim']}"

    def on_torch(self, x: Tensor, *, dim: int) -> Tensor:
        return x.softmax(dim)

    def on_ttnn(self, kernel: TtnnKernel, x: Any, *, dim: int) -> Any:
        return kernel.ttnn.softmax(x, dim=dim, memory_config=kernel.memory_config)
