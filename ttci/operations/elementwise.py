"""Operations of two tensors, element by element."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ttci.catalog.operations import ROWS, Options, Shapes, shown
from ttci.operations.protocol import Operation

if TYPE_CHECKING:
    from torch import Tensor

    from ttci.modules.ttnn.kernels import TtnnKernel


class _Elementwise(Operation):
    """The second is repeated along the dimensions where it has size 1, or none."""

    inputs = ("left", "right")
    required = 2
    sequence = {0: ROWS, 1: ROWS}

    def problems(self, shapes: Shapes, options: Options) -> Iterator[str]:
        left, right = shapes
        ends = zip(reversed(left), reversed(right), strict=False)
        if len(right) > len(left) or any(small not in (1, large) for large, small in ends):
            yield f"{shown(right)} cannot be repeated to {shown(left)}; write the larger one first"


class Mul(_Elementwise):
    """The product."""

    def on_torch(self, left: Tensor, right: Tensor) -> Tensor:
        return left * right

    def on_ttnn(self, kernel: TtnnKernel, left: Any, right: Any) -> Any:
        return kernel.ttnn.mul(left, right, memory_config=kernel.memory_config)


class Add(_Elementwise):
    """The sum."""

    def on_torch(self, left: Tensor, right: Tensor) -> Tensor:
        return left + right

    def on_ttnn(self, kernel: TtnnKernel, left: Any, right: Any) -> Any:
        return kernel.ttnn.add(left, right, memory_config=kernel.memory_config)
