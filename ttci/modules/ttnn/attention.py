"""Multi-head attention in ttnn.

On several chips the heads are split over them: each chip computes the queries, keys and
values of its own heads, and one all-reduce sums the output projections. Where the chips
are a multiple of the key/value heads, those are repeated so that each chip holds the one
that its queries attend to. Where the heads do not divide by the chips (BERT's 12 by
eight), every chip computes all of them.

Shapes: B batch, S tokens, E hidden dim, H heads, K key/value heads, D head dim, on the device
filled up to what ttnn takes; h and k: the heads of one chip.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ttci.devices.ttnn.lowering import LoweringTarget, register_lowering
from ttci.modules.attention import KVCache, MultiHeadAttention
from ttci.modules.ttnn.attention_decode import TtnnAttentionDecode, TtnnKVCache
from ttci.modules.ttnn.attention_weights import AttentionWeights
from ttci.modules.ttnn.linear import TILE, compute_config

_LONG = 2048  # tokens from which on attention goes by larger chunks
_MASKED = -1e9


def attention_program_config(target: LoweringTarget, tokens: int) -> Any:
    """How scaled dot-product attention of so many tokens goes over the cores of a chip."""
    chunk = 256 if tokens >= _LONG else 2 * TILE
    return target.ttnn.SDPAProgramConfig(
        compute_with_storage_grid_size=target.mesh.compute_with_storage_grid_size(),
        q_chunk_size=chunk,
        k_chunk_size=chunk,
        exp_approx_mode=False,
    )


class TtnnAttention:
    """Self-attention with one fused projection of queries, keys and values."""

    def __init__(self, module: MultiHeadAttention, target: LoweringTarget) -> None:
        self._ttnn = target.ttnn
        self._target = target
        self._causal = module.causal
        self._weights = AttentionWeights(module, target)
        self._decode = TtnnAttentionDecode(self._weights)
        self._compute_config = compute_config(target, "HiFi4")
        self._masks: dict[int, Any] = {}  # by number of tokens

    def __call__(self, x: Any) -> Any:
        """[B, S, E] to [B, S, E]."""
        return self._forward(x)

    def _forward(self, x: Any, cache: TtnnKVCache | None = None) -> Any:
        ttnn = self._ttnn
        q, k, v = self._heads(x)
        if cache is not None:
            self._decode.fill(cache, k, v)
        y = self._attend(q, k, v)  # [B, h, S, D]
        for tensor in (q, k, v):
            ttnn.deallocate(tensor)
        joined = ttnn.transformer.concatenate_heads(y, memory_config=ttnn.DRAM_MEMORY_CONFIG)
        ttnn.deallocate(y)
        out = self._weights.out(joined)  # [B, S, h * D] to [B, S, E]
        ttnn.deallocate(joined)
        return out

    def prefill(self, x: Any, cache: TtnnKVCache) -> Any:
        """[B, S, E] to [B, S, E]; keys and values are written to the cache's beginning."""
        return self._forward(x, cache)

    def decode(self, x: Any, cache: TtnnKVCache) -> Any:
        """One token, [B, 1, E] to [B, 1, E]; its keys and values are written to the cache."""
        return self._decode(x, cache)

    def place_cache(self, cache: KVCache) -> TtnnKVCache:
        """The cache on the mesh, as `decode` takes it."""
        return self._decode.place_cache(cache)

    def _heads(self, x: Any) -> tuple[Any, Any, Any]:
        """Queries [B, h, S, D], keys and values [B, k, S, D], normalized and turned."""
        ttnn, weights = self._ttnn, self._weights
        qkv = weights.qkv(x)  # [B, S, (h + 2k) * D]
        q, k, v = ttnn.experimental.nlp_create_qkv_heads(
            ttnn.unsqueeze(qkv, 1),  # [B, 1, S, (h + 2k) * D]
            num_heads=weights.num_heads,
            num_kv_heads=weights.num_kv_heads,
            transpose_k_heads=False,
            memory_config=ttnn.DRAM_MEMORY_CONFIG,
        )
        ttnn.deallocate(qkv)
        if weights.norms is not None:
            q_norm, k_norm = weights.norms
            q, k = self._replaced(q, q_norm), self._replaced(k, k_norm)
        if weights.rotary is not None:
            turn = weights.rotary.prefill
            q, k = self._replaced(q, turn), self._replaced(k, turn)
        return q, k, v

    def _attend(self, q: Any, k: Any, v: Any) -> Any:
        ttnn = self._ttnn
        tokens = q.shape[2]
        return ttnn.transformer.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=self._padding_mask(tokens),
            is_causal=self._causal,
            scale=self._weights.scale,
            program_config=attention_program_config(self._target, tokens),
            compute_kernel_config=self._compute_config,
            memory_config=ttnn.DRAM_MEMORY_CONFIG,
        )

    def _padding_mask(self, tokens: int) -> Any:
        """Hides the keys that fill up the last tile; None where none do, or the causal mask hides them.

        Without it the operation attends to them (tt-metal issues 32502 and 54833).
        """
        if self._causal or tokens % TILE == 0:
            return None
        if tokens not in self._masks:
            ttnn = self._ttnn
            host = ttnn.from_torch(
                torch.zeros(1, 1, tokens, tokens),
                dtype=ttnn.bfloat16,
                layout=ttnn.TILE_LAYOUT,
                pad_value=_MASKED,
            )
            self._masks[tokens] = ttnn.to_device(host, self._target.mesh)
        return self._masks[tokens]

    def _replaced(self, tensor: Any, change: Callable[[Any], Any]) -> Any:
        changed = change(tensor)
        self._ttnn.deallocate(tensor)
        return changed


register_lowering(MultiHeadAttention)(TtnnAttention)
