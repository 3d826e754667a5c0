"""Token embedding in ttnn: the table is replicated on every chip.

Shapes: B batch, S tokens, V vocabulary, E hidden dim.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from ttci.devices.ttnn.lowering import LoweringTarget, register_lowering


class TtnnEmbedding:
    """Looks up rows of a table [V, E], which stays row-major: a tiled one is unrolled at every call."""

    def __init__(self, module: nn.Embedding, target: LoweringTarget) -> None:
        self._ttnn = target.ttnn
        self._table = target.table(module.weight)

    def __call__(self, ids: Any) -> Any:
        """Row-major ids [B, S] to [B, S, E] in tile layout."""
        ttnn = self._ttnn
        return ttnn.embedding(
            ids,
            self._table,
            layout=ttnn.TILE_LAYOUT,
            dtype=ttnn.bfloat16,
            memory_config=ttnn.DRAM_MEMORY_CONFIG,
        )


register_lowering(nn.Embedding)(TtnnEmbedding)  # ttci's Embedding is derived from it
