"""Matrix products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ttci.catalog.operations import Options, Shapes, shown, word
from ttci.operations.protocol import Operation

if TYPE_CHECKING:
    from torch import Tensor

    from ttci.modules.ttnn.kernels import TtnnKernel


class _Product(Operation):
    """[..., S, I] by [..., I, O]."""

    required = 2

    def problems(self, shapes: Shapes, options: Options) -> Iterator[str]:
        left, right = shapes[:2]
        if len(left) < 2 or len(right) < 2:
            yield "both factors need two dimensions or more"
            return
        if left[-1] != right[-2]:
            yield f"{shown(left)} by {shown(right)}: the inner dimensions {left[-1]} and {right[-2]} differ"
        if len(right) > 2 and list(right[:-2]) != list(left[:-2]):
            yield f"{shown(left)} by {shown(right)}: the dimensions before the last two differ"

    def draw(self, shapes: Shapes, options: Options) -> tuple[Tensor, ...]:
        """The second is scaled, so that the product's numbers are about as large as the first's."""
        left, right, *bias = super().draw(shapes, options)
        return left, right.mul_(right.shape[-2] ** -0.5), *bias


class Matmul(_Product):
    """Of any two tensors."""

    inputs = ("left", "right")

    def on_torch(self, left: Tensor, right: Tensor) -> Tensor:
        return left @ right

    def on_ttnn(self, kernel: TtnnKernel, left: Any, right: Any) -> Any:
        return kernel.ttnn.matmul(
            left, right, memory_config=kernel.memory_config, compute_kernel_config=kernel.product_config()
        )


class Linear(_Product):
    """[..., S, I] by [I, O], and a bias [O]."""

    inputs = ("input", "weight", "bias")
    options = {"activation": word(None, "silu", "gelu", "relu")}

    def problems(self, shapes: Shapes, options: Options) -> Iterator[str]:
        weight = shapes[1]
        if len(weight) != 2:
            yield f"the weight is {shown(weight)}; write [input dim, output dim]"
            return
        yield from super().problems(shapes, options)
        for bias in shapes[2:]:
            if list(bias) != [weight[-1]]:
                yield f"the bias is {shown(bias)}; write [{weight[-1]}], the weight's output dim"

    def on_torch(
        self, x: Tensor, weight: Tensor, bias: Tensor | None = None, *, activation: str | None
    ) -> Tensor:
        import torch.nn.functional as F

        y = F.linear(x, weight.t(), bias)
        activated: Tensor = y if activation is None else getattr(F, activation)(y)
        return activated

    def on_ttnn(
        self, kernel: TtnnKernel, x: Any, weight: Any, bias: Any = None, *, activation: str | None
    ) -> Any:
        return kernel.ttnn.linear(
            x,
            weight,
            bias=bias,
            activation=activation,
            memory_config=kernel.memory_config,
            compute_kernel_config=kernel.product_config(),
        )
