"""Activations, of any shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ttci.catalog.operations import word
from ttci.operations.protocol import Operation

if TYPE_CHECKING:
    from torch import Tensor

    from ttci.modules.ttnn.kernels import TtnnKernel


class Silu(Operation):
    """x sigmoid(x)."""

    inputs = ("input",)
    required = 1

    def on_torch(self, x: Tensor) -> Tensor:
        import torch.nn.functional as F

        return F.silu(x)

    def on_ttnn(self, kernel: TtnnKernel, x: Any) -> Any:
        return kernel.ttnn.silu(x, memory_config=kernel.memory_config)


class Gelu(Operation):
    """x times the normal distribution function of x, or an approximation of it."""

    inputs = ("input",)
    required = 1
    options = {"approximate": word("none", "none", "tanh")}

    def on_torch(self, x: Tensor, *, approximate: str) -> Tensor:
        import torch.nn.functional as F

        return F.gelu(x, approximate=approximate)

    def on_ttnn(self, kernel: TtnnKernel, x: Any, *, approximate: str) -> Any:
        variants = kernel.ttnn.GeluVariant
        variant = {"none": variants.Accurate, "tanh": variants.Tanh}[approximate]
        return kernel.ttnn.gelu(x, variant=variant, memory_config=kernel.memory_config)
