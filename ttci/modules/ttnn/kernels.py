"""Single operations, as the kernels of a manifest ask for them: ttnn's side.

Each function calls one operation of ttnn, with the settings that the modules here use
it with. Every chip of a board computes the whole.

Shapes: B batch, S tokens, E width, H heads, D head dim.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.lowering import LoweringTarget, register_lowering
from ttci.manifest.kernels import ID_DTYPE, OPERATIONS
from ttci.modules.kernels import Kernel
from ttci.modules.ttnn.attention import attention_program_config
from ttci.modules.ttnn.linear import compute_config, product_fidelity


@register_lowering(Kernel)
class TtnnKernel:
    """One ttnn operation of its inputs, which it places as the manifest says."""

    def __init__(self, module: Kernel, target: LoweringTarget) -> None:
        ttnn = target.ttnn
        entry = module.entry
        # Not the one that holds this kernel: in a circle its weights would outlive their release.
        self.target = LoweringTarget(ttnn, target.mesh, target.weight_dtype)
        self.options = module.options
        self.memory_config = {"dram": ttnn.DRAM_MEMORY_CONFIG, "l1": ttnn.L1_MEMORY_CONFIG}[
            entry.memory_config
        ]
        is_for_all = len(entry.dtypes) == 1
        self.dtypes = entry.dtypes * len(entry.shapes) if is_for_all else entry.dtypes
        self._run = _TTNN[entry.op]
        self._sequence = OPERATIONS[entry.op].sequence
        self._weights: dict[int, tuple[Tensor, Any]] = {}  # by position

    def __call__(self, *inputs: Any) -> Any:
        """The operation of its inputs; interleaved in the memory that the manifest names."""
        return self._run(self, *inputs)

    @property
    def input_dtype_names(self) -> tuple[str, ...]:
        """What each input is held in, by its position."""
        return tuple(self.dtypes)

    def to_device(self, value: Any) -> Any:
        """The tuple of inputs on every chip; keyword inputs there are none."""
        return tuple(map(self._once, range(len(value)), value)) if isinstance(value, tuple) else value

    def _once(self, position: int, value: Tensor) -> Any:
        """A weight is placed once, however often its kernel is given it: that takes seconds a hundred MB."""
        if position in self._sequence:
            return self._placed(position, value)
        known, placed = self._weights.get(position, (None, None))
        if known is None or not torch.equal(known, value):
            placed = self._placed(position, value)
            self._weights[position] = value, placed
        return placed

    def _placed(self, position: int, value: Tensor) -> Any:
        ttnn = self.target.ttnn
        # Beside the declared inputs there are the tables of a rotary embedding.
        name = self.dtypes[position] if position < len(self.dtypes) else "bfloat16"
        is_row_major = not value.is_floating_point() or self._is_looked_up(position)
        # Converted on the host, which rounds blocks to the nearest; the device would truncate.
        host = ttnn.from_torch(
            value if value.is_floating_point() else value.to(torch.int32),
            dtype=getattr(ttnn, name if value.is_floating_point() else ID_DTYPE),
            layout=ttnn.ROW_MAJOR_LAYOUT if is_row_major else ttnn.TILE_LAYOUT,
        )
        return ttnn.to_device(host, self.target.mesh, memory_config=self.memory_config)

    def _is_looked_up(self, position: int) -> bool:
        """Rows stay row-major: a tiled table is unrolled at every call."""
        return self._run is _embedding and position == 1

    def product_config(self) -> Any:
        """As exact as a product with weights of this type can be told from one in float."""
        return compute_config(self.target, product_fidelity(self.dtypes[1]))


def _linear(kernel: TtnnKernel, x: Any, weight: Any, bias: Any = None) -> Any:
    return kernel.target.ttnn.linear(
        x,
        weight,
        bias=bias,
        activation=kernel.options["activation"],
        memory_config=kernel.memory_config,
        compute_kernel_config=kernel.product_config(),
    )


def _matmul(kernel: TtnnKernel, left: Any, right: Any) -> Any:
    return kernel.target.ttnn.matmul(
        left, right, memory_config=kernel.memory_config, compute_kernel_config=kernel.product_config()
    )


def _rms_norm(kernel: TtnnKernel, x: Any, weight: Any = None) -> Any:
    return kernel.target.ttnn.rms_norm(
        x,
        epsilon=kernel.options["eps"],
        weight=weight,
        memory_config=kernel.memory_config,
        compute_kernel_config=compute_config(kernel.target, "HiFi4"),
    )


def _layer_norm(kernel: TtnnKernel, x: Any, weight: Any = None, bias: Any = None) -> Any:
    return kernel.target.ttnn.layer_norm(
        x,
        epsilon=kernel.options["eps"],
        weight=weight,
        bias=bias,
        memory_config=kernel.memory_config,
        compute_kernel_config=compute_config(kernel.target, "HiFi4"),
    )


def _softmax(kernel: TtnnKernel, x: Any) -> Any:
    return kernel.target.ttnn.softmax(x, dim=kernel.options["dim"], memory_config=kernel.memory_config)


def _silu(kernel: TtnnKernel, x: Any) -> Any:
    return kernel.target.ttnn.silu(x, memory_config=kernel.memory_config)


def _gelu(kernel: TtnnKernel, x: Any) -> Any:
    ttnn = kernel.target.ttnn
    variants = {"none": ttnn.GeluVariant.Accurate, "tanh": ttnn.GeluVariant.Tanh}
    return ttnn.gelu(x, variant=variants[kernel.options["approximate"]], memory_config=kernel.memory_config)


def _mul(kernel: TtnnKernel, left: Any, right: Any) -> Any:
    return kernel.target.ttnn.mul(left, right, memory_config=kernel.memory_config)


def _add(kernel: TtnnKernel, left: Any, right: Any) -> Any:
    return kernel.target.ttnn.add(left, right, memory_config=kernel.memory_config)


def _embedding(kernel: TtnnKernel, ids: Any, table: Any) -> Any:
    ttnn = kernel.target.ttnn
    return ttnn.embedding(ids, table, layout=ttnn.TILE_LAYOUT, memory_config=kernel.memory_config)


def _rotary_embedding(kernel: TtnnKernel, x: Any, cos: Any, sin: Any) -> Any:
    """[B, H, S, D]. The operation takes one batch; several are folded into the heads, which moves nothing."""
    ttnn = kernel.target.ttnn
    batch, heads, tokens, head_dim = x.shape
    folded = x if batch == 1 else ttnn.reshape(x, (1, batch * heads, tokens, head_dim))
    turned = ttnn.experimental.rotary_embedding_hf(folded, cos, sin, memory_config=kernel.memory_config)
    return turned if batch == 1 else ttnn.reshape(turned, (batch, heads, tokens, head_dim))


def _attention(kernel: TtnnKernel, queries: Any, keys: Any, values: Any) -> Any:
    return kernel.target.ttnn.transformer.scaled_dot_product_attention(
        queries,
        keys,
        values,
        is_causal=kernel.options["is_causal"],
        scale=kernel.options["scale"],
        program_config=attention_program_config(kernel.target, queries.shape[2]),
        compute_kernel_config=compute_config(kernel.target, "HiFi4"),
        memory_config=kernel.memory_config,
    )


_TTNN: dict[str, Callable[..., Any]] = {
    "linear": _linear,
    "matmul": _matmul,
    "rms_norm": _rms_norm,
    "layer_norm": _layer_norm,
    "softmax": _softmax,
    "silu": _silu,
    "gelu": _gelu,
    "mul": _mul,
    "add": _add,
    "embedding": _embedding,
    "rotary_embedding": _rotary_embedding,
    "scaled_dot_product_attention": _attention,
}
