"""The norms in ttnn: replicated on every chip, sums in float32.

Shapes: B batch, S tokens, E hidden dim.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ttci.devices.ttnn.lowering import LoweringTarget, register_lowering
from ttci.modules.normalization import LayerNorm, RMSNorm
from ttci.modules.ttnn.linear import compute_config


class TtnnRMSNorm:
    """Root-mean-square normalization of the last dimension."""

    def __init__(self, target: LoweringTarget, weight: Tensor | None, eps: float) -> None:
        self._ttnn = target.ttnn
        self._weight = None if weight is None else target.vector(weight.reshape(1, -1))  # [1, E]
        self._eps = eps
        self._compute_config = compute_config(target, "HiFi4")

    def __call__(self, x: Any) -> Any:
        """[..., E] to [..., E], in the same memory."""
        return self._ttnn.rms_norm(
            x,
            epsilon=self._eps,
            weight=self._weight,
            memory_config=x.memory_config(),
            compute_kernel_config=self._compute_config,
        )


class TtnnLayerNorm:
    """Layer normalization of the last dimension."""

    def __init__(
        self, target: LoweringTarget, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> None:
        self._ttnn = target.ttnn
        self._weight = None if weight is None else target.vector(weight.reshape(1, -1))  # [1, E]
        self._bias = None if bias is None else target.vector(bias.reshape(1, -1))  # [1, E]
        self._eps = eps
        self._compute_config = compute_config(target, "HiFi4")

    def __call__(self, x: Any) -> Any:
        """[..., E] to [..., E], in the same memory."""
        return self._ttnn.layer_norm(
            x,
            epsilon=self._eps,
            weight=self._weight,
            bias=self._bias,
            memory_config=x.memory_config(),
            compute_kernel_config=self._compute_config,
        )


@register_lowering(RMSNorm)
def lower_rms_norm(module: RMSNorm, target: LoweringTarget) -> TtnnRMSNorm:
    """The ttnn form of ttci's RMS norm."""
    return TtnnRMSNorm(target, module.weight, module.eps)


@register_lowering(LayerNorm)
def lower_layer_norm(module: LayerNorm, target: LoweringTarget) -> TtnnLayerNorm:
    """The ttnn form of ttci's layer norm."""
    return TtnnLayerNorm(target, module.weight, module.bias, module.eps)
