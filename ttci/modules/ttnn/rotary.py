"""Rotary embedding in ttnn: tables are made on the host, once, and kept on the device.

Shapes: B batch, H heads, S tokens, D head dim, as wide as heads are on the device, L cache length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.lowering import LoweringTarget
from ttci.modules.attention import MultiHeadAttention
from ttci.modules.rotary import inverse_frequencies, rotary_tables
from ttci.modules.ttnn.attention_heads import fill_heads
from ttci.modules.ttnn.linear import TILE


class TtnnRotary:
    """Turns queries and keys by their positions.

    Args:
        module: Its head dim, wavelengths and their scaling.
        head_width: Of the heads on the device, filled up.
    """

    def __init__(self, module: MultiHeadAttention, target: LoweringTarget, head_width: int) -> None:
        assert module.rope_theta is not None
        self._target = target
        self._head_width = head_width
        self._frequencies = inverse_frequencies(module.head_dim, module.rope_theta, module.rope_scaling)
        self._tables: dict[int, tuple[Any, Any]] = {}  # by number of tokens
        self._row_tables: dict[int, tuple[Any, Any]] = {}  # the same, row-major

    def prefill(self, x: Any) -> Any:
        """Turn the token in row s by its position s, [B, H, S, D] to [B, H, S, D]."""
        ttnn = self._target.ttnn
        batch, heads, tokens, head_dim = x.shape
        cos, sin = self._of_length(tokens)
        # The operation takes one batch: batch and heads lie behind one another, so this moves nothing.
        folded = ttnn.reshape(x, (1, batch * heads, tokens, head_dim))
        turned = ttnn.experimental.rotary_embedding_hf(
            folded, cos, sin, memory_config=ttnn.DRAM_MEMORY_CONFIG
        )
        return ttnn.reshape(turned, (batch, heads, tokens, head_dim))

    def decode(self, table_rows: Any, length: int) -> Callable[[Any], Any]:
        """What turns the head-wise [1, B, heads, D] of tokens at positions [1, B], below `length`."""
        ttnn = self._target.ttnn
        cos, sin = (self._at(table, table_rows) for table in self._rows_of_length(length))

        def turn(x: Any) -> Any:
            turned = ttnn.experimental.rotary_embedding_hf(
                x, cos, sin, is_decode_mode=True, memory_config=x.memory_config()
            )
            ttnn.deallocate(x)
            return turned

        return turn

    def _at(self, table: Any, table_rows: Any) -> Any:
        """Rows of a table [L, D] as [1, B, 1, D], each on a core of its own."""
        ttnn = self._target.ttnn
        batch, head_dim = table_rows.shape[1], table.shape[1]
        rows = ttnn.embedding(table_rows, table, layout=ttnn.TILE_LAYOUT)  # [1, B, D]
        cores = ttnn.num_cores_to_corerangeset(
            batch, self._target.mesh.compute_with_storage_grid_size(), row_wise=True
        )
        return ttnn.to_memory_config(
            ttnn.reshape(rows, (1, batch, 1, head_dim)),
            ttnn.create_sharded_memory_config(
                (TILE, head_dim),
                core_grid=cores,
                strategy=ttnn.ShardStrategy.HEIGHT,
                orientation=ttnn.ShardOrientation.ROW_MAJOR,
                use_height_and_width_as_shard_shape=True,
            ),
        )

    def _rows_of_length(self, length: int) -> tuple[Any, Any]:
        if length not in self._row_tables:
            cos, sin = self._made(length)  # [L, D]
            self._row_tables[length] = self._target.table(cos), self._target.table(sin)
        return self._row_tables[length]

    def _of_length(self, tokens: int) -> tuple[Any, Any]:
        if tokens not in self._tables:
            cos, sin = self._made(tokens)  # [S, D]
            self._tables[tokens] = self._target.vector(cos[None, None]), self._target.vector(sin[None, None])
        return self._tables[tokens]

    def _made(self, tokens: int) -> tuple[Tensor, Tensor]:
        cos, sin = rotary_tables(torch.arange(tokens), self._frequencies)
        return fill_heads(cos, -1, self._head_width), fill_heads(sin, -1, self._head_width)
