"""Decoding one token a row in ttnn, with a cache of keys and values on the mesh.

The rows of the batch lie on one core each: batches of up to 32.

Shapes: B batch, E hidden dim, L cache length in whole tiles, D head dim, on the device filled
up to what ttnn takes; h and k: the heads and key/value heads of one chip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ttci.modules.attention import KVCache
from ttci.modules.ttnn.attention_heads import fill_heads
from ttci.modules.ttnn.attention_weights import AttentionWeights
from ttci.modules.ttnn.linear import TILE, compute_config


@dataclass
class TtnnKVCache:
    """A cache on the mesh; each chip holds its own heads.

    Attributes:
        keys: [B, k, L, D], as values.
        positions: [B], int32: where the next token is written.
        table_rows: [1, B], uint32: the same, to look up in the rotary tables.
    """

    keys: Any
    values: Any
    positions: Any
    table_rows: Any


class TtnnAttentionDecode:
    """One step of decoding."""

    def __init__(self, weights: AttentionWeights) -> None:
        self._target = weights.target
        self._ttnn = weights.target.ttnn
        self._weights = weights
        self._compute_config = compute_config(weights.target, "HiFi4")

    def place_cache(self, cache: KVCache) -> TtnnKVCache:
        """The cache on the mesh."""
        batch = cache.keys.shape[0]
        positions = torch.full((batch,), cache.position, dtype=torch.int32)
        ttnn = self._ttnn
        return TtnnKVCache(
            self._placed(cache.keys),
            self._placed(cache.values),
            self._target.integers(positions, ttnn.int32),
            self._target.integers(positions[None], ttnn.uint32),
        )

    def fill(self, cache: TtnnKVCache, keys: Any, values: Any) -> None:
        """Write those of a prompt, [B, k, S, D], to the cache's beginning."""
        ttnn = self._ttnn
        for tokens, cached in ((keys, cache.keys), (values, cache.values)):
            for row in range(tokens.shape[0]):
                given = ttnn.typecast(tokens[row : row + 1], cached.dtype)
                ttnn.fill_cache(cached, given, row)
                ttnn.deallocate(given)

    def __call__(self, x: Any, cache: TtnnKVCache) -> Any:
        """[B, 1, E] to [B, 1, E]."""
        ttnn, weights = self._ttnn, self._weights
        batch, _, width = x.shape
        q, k, v = self._heads(x, cache)  # [1, B, h, D], [1, B, k, D] twice, height-sharded
        for tokens, cached in ((k, cache.keys), (v, cache.values)):
            ttnn.experimental.paged_update_cache(cached, tokens, update_idxs_tensor=cache.positions)
            ttnn.deallocate(tokens)
        y = self._attend(q, cache)  # [1, B, h, D]
        joined = ttnn.experimental.nlp_concat_heads_decode(
            y, num_heads=weights.num_heads, sub_core_grids=self._cores_for_uneven(y)
        )
        ttnn.deallocate(y)
        joined = ttnn.to_memory_config(joined, ttnn.L1_MEMORY_CONFIG)  # [1, 1, 32, h * D]
        rows = ttnn.slice(joined, (0, 0, 0, 0), (1, 1, batch, joined.shape[3]))  # [1, 1, B, h * D]
        out = weights.out(rows, ttnn.L1_MEMORY_CONFIG)  # [1, 1, B, E]
        return ttnn.reshape(out, (batch, 1, width))

    def _heads(self, x: Any, cache: TtnnKVCache) -> tuple[Any, Any, Any]:
        ttnn, weights = self._ttnn, self._weights
        batch, _, width = x.shape
        qkv = weights.qkv(ttnn.reshape(x, (1, 1, batch, width)), ttnn.L1_MEMORY_CONFIG)
        q, k, v = ttnn.experimental.nlp_create_qkv_heads_decode(
            qkv,  # [1, 1, B, (h + 2k) * D]
            num_heads=weights.num_heads,
            num_kv_heads=weights.num_kv_heads,
            memory_config=ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG,
        )
        ttnn.deallocate(qkv)
        if weights.norms is not None:
            q_norm, k_norm = weights.norms
            q, k = self._normed(q, q_norm), self._normed(k, k_norm)
        if weights.rotary is not None:
            turn = weights.rotary.decode(cache.table_rows, cache.keys.shape[2])
            q, k = turn(q), turn(k)
        return q, k, v

    def _normed(self, heads: Any, norm: Callable[[Any], Any]) -> Any:
        """The norms take no height-sharded tensor: out of the shards and back."""
        ttnn = self._ttnn
        normed = norm(ttnn.to_memory_config(heads, ttnn.L1_MEMORY_CONFIG))
        return ttnn.to_memory_config(normed, heads.memory_config())

    def _attend(self, q: Any, cache: TtnnKVCache) -> Any:
        ttnn = self._ttnn
        y = ttnn.transformer.scaled_dot_product_attention_decode(
            q,
            cache.keys,
            cache.values,
            cur_pos_tensor=cache.positions,
            is_causal=True,
            scale=self._weights.scale,
            program_config=ttnn.SDPAProgramConfig(
                compute_with_storage_grid_size=self._target.mesh.compute_with_storage_grid_size(),
                q_chunk_size=0,  # the operation chooses
                k_chunk_size=0,
                exp_approx_mode=False,
            ),
            compute_kernel_config=self._compute_config,
            memory_config=ttnn.DRAM_MEMORY_CONFIG,
        )
        shards = q.memory_config()
        ttnn.deallocate(q)
        return ttnn.to_memory_config(y, shards)

    def _cores_for_uneven(self, y: Any) -> Any:
        """The whole grid, where the rows' cores are no rectangle: the operation must then be told."""
        if len(y.memory_config().shard_spec.grid.ranges()) == 1:
            return None
        ttnn, grid = self._ttnn, self._target.mesh.compute_with_storage_grid_size()
        last = ttnn.CoreCoord(grid.x - 1, grid.y - 1)
        return ttnn.CoreRangeSet({ttnn.CoreRange(ttnn.CoreCoord(0, 0), last)})

    def _placed(self, cached: Tensor) -> Any:
        """[B, K, length, D] on the mesh, filled up to whole tiles, which are not looked at."""
        copies = cached.repeat_interleave(self._weights.kv_copies, dim=1)
        heads = fill_heads(copies, -1, self._weights.head_width)
        whole = F.pad(heads, (0, 0, 0, -cached.shape[2] % TILE))  # [B, K, L, D]
        return self._target.matrix(whole, 1 if self._weights.is_split else None)
