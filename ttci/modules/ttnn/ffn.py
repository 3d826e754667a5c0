"""The feed-forward networks in ttnn.

On several chips the intermediate dim is split over them, where it divides into whole
tiles, and one all-reduce sums the outputs; else every chip computes all of it.

Shapes: B batch, S tokens, E hidden dim, F intermediate dim, N chips.
"""

from __future__ import annotations

from typing import Any, Literal

from ttci.devices.ttnn.lowering import LoweringTarget, register_lowering
from ttci.modules.ffn import MLP, GeGLU, SwiGLU
from ttci.modules.ttnn.linear import TILE, lower_linear, splits_over

# As ttnn names them: fused into a product by string, into a multiplication by UnaryOpType.
_GATES = {"silu": "SILU", "none": "GELU", "tanh": "GELU_TANH"}


def _splits(target: LoweringTarget, intermediate_dim: int) -> bool:
    return intermediate_dim % TILE == 0 and splits_over(target, intermediate_dim // TILE)


class TtnnGatedFFN:
    """``down(activation(gate(x)) * up(x))``, the activation fused into the multiplication."""

    def __init__(self, module: SwiGLU | GeGLU, target: LoweringTarget) -> None:
        columns: Literal["columns"] | None = None
        rows: Literal["rows"] | None = None
        if _splits(target, module.intermediate_dim):
            columns, rows = "columns", "rows"
        self._ttnn = target.ttnn
        self._gate = lower_linear(target, module.gate_proj, split=columns)
        self._up = lower_linear(target, module.up_proj, split=columns)
        self._down = lower_linear(target, module.down_proj, split=rows)
        gate = "silu" if isinstance(module, SwiGLU) else module.approximate
        self._activation = getattr(self._ttnn.UnaryOpType, _GATES[gate])

    def __call__(self, x: Any) -> Any:
        """[B, S, E] to [B, S, E]."""
        return self._forward(x, self._ttnn.DRAM_MEMORY_CONFIG)

    def decode(self, x: Any) -> Any:
        """[B, 1, E] to [B, 1, E]: small enough to stay in L1."""
        return self._forward(x, self._ttnn.L1_MEMORY_CONFIG)

    def _forward(self, x: Any, memory_config: Any) -> Any:
        ttnn = self._ttnn
        gate = self._gate(x, memory_config)  # [B, S, F / N]
        up = self._up(x, memory_config)  # [B, S, F / N]
        gated = ttnn.mul(gate, up, input_tensor_a_activations=[self._activation], memory_config=memory_config)
        ttnn.deallocate(gate)
        ttnn.deallocate(up)
        y = self._down(gated, memory_config)  # [B, S, E]
        ttnn.deallocate(gated)
        return y


class TtnnMLP:
    """``down(activation(up(x)))``, the activation fused into the product."""

    def __init__(self, module: MLP, target: LoweringTarget) -> None:
        columns: Literal["columns"] | None = None
        rows: Literal["rows"] | None = None
        if _splits(target, module.intermediate_dim):
            columns, rows = "columns", "rows"
        self._ttnn = target.ttnn
        self._up = lower_linear(target, module.up_proj, split=columns, activation=module.activation)
        self._down = lower_linear(target, module.down_proj, split=rows)

    def __call__(self, x: Any) -> Any:
        """[B, S, E] to [B, S, E]."""
        return self._forward(x, self._ttnn.DRAM_MEMORY_CONFIG)

    def decode(self, x: Any) -> Any:
        """[B, 1, E] to [B, 1, E]: small enough to stay in L1."""
        return self._forward(x, self._ttnn.L1_MEMORY_CONFIG)

    def _forward(self, x: Any, memory_config: Any) -> Any:
        inner = self._up(x, memory_config)  # [B, S, F / N]
        y = self._down(inner, memory_config)  # [B, S, E]
        self._ttnn.deallocate(inner)
        return y


register_lowering(SwiGLU)(TtnnGatedFFN)
register_lowering(GeGLU)(TtnnGatedFFN)
register_lowering(MLP)(TtnnMLP)
