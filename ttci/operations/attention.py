"""Attention of queries to keys and values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ttci.catalog.operations import ROWS, Options, Shapes, flag, number, shown
from ttci.operations.protocol import Operation

if TYPE_CHECKING:
    from torch import Tensor

    from ttci.modules.ttnn.kernels import TtnnKernel


class ScaledDotProductAttention(Operation):
    """[B, H, S, D] by two of [B, K, L, D]; with `is_causal`, L is S."""

    inputs = ("queries", "keys", "values")
    required = 3
    options = {"is_causal": flag(default=True), "scale": number(None)}
    sequence = {0: ROWS, 1: ROWS, 2: ROWS}

    def problems(self, shapes: Shapes, options: Options) -> Iterator[str]:
        if any(len(shape) != 4 for shape in shapes):
            yield "queries, keys and values are each [batch, heads, tokens, head dim]"
            return
        queries, keys, values = shapes
        if list(keys) != list(values):
            yield f"the keys {shown(keys)} and the values {shown(values)} differ"
        if queries[0] != keys[0]:
            yield f"the queries' batch {queries[0]} is not the keys' {keys[0]}"
        if queries[1] % keys[1]:
            yield f"{queries[1]} query heads do not divide by {keys[1]} key/value heads"
        if queries[3] != keys[3]:
            yield f"the queries' head dim {queries[3]} is not the keys' {keys[3]}"
        if options["is_causal"] and queries[2] != keys[2]:
            yield f"is_causal needs as many keys as queries, not {keys[2]} for {queries[2]}"

    def on_torch(
        self, queries: Tensor, keys: Tensor, values: Tensor, *, is_causal: bool, scale: float | None
    ) -> Tensor:
        import torch.nn.functional as F

        is_grouped = queries.shape[1] != keys.shape[1]
        return F.scaled_dot_product_attention(
            queries, keys, values, is_causal=is_causal, scale=scale, enable_gqa=is_grouped
        )

    def on_ttnn(
        self,
        kernel: TtnnKernel,
        queries: Any,
        keys: Any,
        values: Any,
        *,
        is_causal: bool,
        scale: float | None,
    ) -> Any:
        from ttci.modules.ttnn.attention import attention_program_config

        return kernel.ttnn.transformer.scaled_dot_product_attention(
            queries,
            keys,
            values,
            is_causal=is_causal,
            scale=scale,
            program_config=attention_program_config(kernel.target, queries.shape[2]),
            compute_kernel_config=kernel.exact_config(),
            memory_config=kernel.memory_config,
        )
