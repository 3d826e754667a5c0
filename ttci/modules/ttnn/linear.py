"""Matrix products in ttnn, on one chip or tensor-parallel over the chips of a mesh.

Shapes: B batch, S tokens, I input dim, O output dim, N chips.
"""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from ttci.devices.ttnn.lowering import LoweringTarget

TILE = 32


def product_fidelity(weight_dtype_name: str) -> str:
    """The passes of the matrix engine that a product with such weights needs.

    The multiplier takes 5 bits of one operand and 7 of the other a pass, and what is left
    out is cut off. HiFi2 leaves out the low bits of the activations: products come out
    0.3 % too small, whatever the weights. HiFi3 adds them; HiFi4 adds the product of the
    low bits of both, which a block float hardly has. Scale against float, measured on
    ttsim: bfloat8_b weights 0.99696 with HiFi2, 0.99997 with HiFi3, 1.00000 with HiFi4.
    Source: tt-metal, ``tech_reports/matrix_engine``.
    """
    return "HiFi3" if weight_dtype_name in ("bfloat8_b", "bfloat4_b") else "HiFi4"


def compute_config(target: LoweringTarget, fidelity: str) -> Any:
    """How the matrix engine computes: `fidelity` (``HiFi3``, ``HiFi4``), sums in float32."""
    ttnn = target.ttnn
    return ttnn.init_device_compute_kernel_config(
        target.mesh.arch(),
        math_fidelity=getattr(ttnn.MathFidelity, fidelity),
        math_approx_mode=False,
        fp32_dest_acc_en=True,
        packer_l1_acc=True,
    )


def splits_over(target: LoweringTarget, *sizes: int) -> bool:
    """Whether every size divides by the chips of the mesh; a module that does not is replicated."""
    return target.chips > 1 and all(size % target.chips == 0 for size in sizes)


class TtnnLinear:
    """``activation(x @ weight + bias)``, with the bias and the activation fused into the product.

    Args:
        weight: [I, O].
        bias: [O].
        split: What the chips share out. ``columns`` gives each chip its part of the
            output, [..., O / N]; ``rows`` takes each chip's part of the input,
            [..., I / N], and sums the products by one collective; None replicates.
        activation: As ``ttnn.linear`` names it.
    """

    def __init__(
        self,
        target: LoweringTarget,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        split: Literal["columns", "rows"] | None = None,
        activation: str | None = None,
    ) -> None:
        self._ttnn = target.ttnn
        self._activation = activation
        self._is_partial = split == "rows" and target.chips > 1
        self._weight = target.matrix(weight, {"columns": -1, "rows": -2}[split] if split else None)
        self._bias = None
        if bias is not None:
            self._bias = target.vector(bias.reshape(1, -1), -1 if split == "columns" else None)  # [1, O]
        self._compute_config = compute_config(target, product_fidelity(target.weight_dtype.name.lower()))

    def __call__(self, x: Any, memory_config: Any = None) -> Any:
        """[..., I] to [..., O]; interleaved in DRAM where no `memory_config` is given."""
        ttnn = self._ttnn
        memory_config = memory_config or ttnn.DRAM_MEMORY_CONFIG
        y = ttnn.linear(
            x,
            self._weight,
            bias=None if self._is_partial else self._bias,
            activation=self._activation,
            dtype=ttnn.bfloat16,
            memory_config=memory_config,
            compute_kernel_config=self._compute_config,
        )
        return self._summed(y, memory_config) if self._is_partial else y

    def _summed(self, partial: Any, memory_config: Any) -> Any:
        """The sum of what the chips hold; the bias is added once, behind it."""
        ttnn = self._ttnn
        y = ttnn.all_reduce(partial, topology=ttnn.Topology.Linear, memory_config=memory_config)
        ttnn.deallocate(partial)
        return y if self._bias is None else ttnn.add_(y, self._bias)


def lower_linear(
    target: LoweringTarget,
    module: nn.Linear,
    *,
    split: Literal["columns", "rows"] | None = None,
    activation: str | None = None,
) -> TtnnLinear:
    """The ttnn form of a torch linear layer, whose weight is [O, I]."""
    return TtnnLinear(target, module.weight.T, module.bias, split=split, activation=activation)
