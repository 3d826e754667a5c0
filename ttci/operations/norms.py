"""Normalizations over the last dimension."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ttci.catalog.operations import Options, Shapes, number, shown
from ttci.operations.protocol import Operation

if TYPE_CHECKING:
    from torch import Tensor

    from ttci.modules.ttnn.kernels import TtnnKernel


_SPREAD = 0.3  # of weights around 1, and of biases around 0


class _Norm(Operation):
    """[..., E], and [E] for each weight."""

    required = 1

    def problems(self, shapes: Shapes, options: Options) -> Iterator[str]:
        width = shapes[0][-1]
        for label, shape in zip(self.inputs[1:], shapes[1:], strict=False):
            if list(shape) != [width]:
                yield f"the {label} is {shown(shape)}; write [{width}], the width of the input"

    def draw(self, shapes: Shapes, options: Options) -> tuple[Tensor, ...]:
        """With weights that are not all one, and biases that are not all zero."""
        x, *weights = super().draw(shapes, options)
        return x, *(centre + _SPREAD * weight for centre, weight in zip((1.0, 0.0), weights, strict=False))


class RmsNorm(_Norm):
    """Without a mean and a bias."""

    inputs = ("input", "weight")
    options = {"eps": number(1e-6)}

    def on_torch(self, x: Tensor, weight: Tensor | None = None, *, eps: float) -> Tensor:
        import torch.nn.functional as F

        return F.rms_norm(x, x.shape[-1:], weight, eps)

    def on_ttnn(self, kernel: TtnnKernel, x: Any, weight: Any = None, *, eps: float) -> Any:
        return kernel.ttnn.rms_norm(
            x,
            epsilon=eps,
            weight=weight,
            memory_config=kernel.memory_config,
            compute_kernel_config=kernel.exact_config(),
        )


class LayerNorm(_Norm):
    """With mean and bias."""

    inputs = ("input", "weight", "bias")
    options = {"eps": number(1e-5)}

    def on_torch(
        self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, *, eps: float
    ) -> Tensor:
        import torch.nn.functional as F

        return F.layer_norm(x, x.shape[-1:], weight, bias, eps)

    def on_ttnn(self, kernel: TtnnKernel, x: Any, weight: Any = None, bias: Any = None, *, eps: float) -> Any:
        return kernel.ttnn.layer_norm(
            x,
            epsilon=eps,
            weight=weight,
            bias=bias,
            memory_config=kernel.memory_config,
            compute_kernel_config=kernel.exact_config(),
        )
