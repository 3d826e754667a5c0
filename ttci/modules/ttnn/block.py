"""A transformer layer in ttnn: between its parts the activations are replicated on every chip.

Shapes: B batch, S tokens, E hidden dim.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ttci.devices.ttnn.lowering import LoweringTarget, register_lowering
from ttci.modules.attention import KVCache
from ttci.modules.block import DecoderBlock
from ttci.modules.ttnn.attention_decode import TtnnKVCache

Part = Callable[[Any], Any]


class TtnnDecoderBlock:
    """The implementations of a block's parts, with the residual sums between them."""

    def __init__(self, module: DecoderBlock, target: LoweringTarget) -> None:
        self._ttnn = target.ttnn
        self._norm_first = module.norm_first
        self._attention: Any = target.lower(module.attention)
        self._ffn = target.lower(module.ffn)
        self._attention_norm = target.lower(module.attention_norm)
        self._ffn_norm = target.lower(module.ffn_norm)

    def __call__(self, x: Any) -> Any:
        """[B, S, E] to [B, S, E]."""
        memory_config = self._ttnn.DRAM_MEMORY_CONFIG
        return self._forward(x, self._attention, self._ffn, memory_config)

    def prefill(self, x: Any, cache: TtnnKVCache) -> Any:
        """[B, S, E] to [B, S, E]; its keys and values are written to the cache."""

        def attention(given: Any) -> Any:
            return self._attention.prefill(given, cache)

        return self._forward(x, attention, self._ffn, self._ttnn.DRAM_MEMORY_CONFIG)

    def decode(self, x: Any, cache: TtnnKVCache) -> Any:
        """One token, [B, 1, E] to [B, 1, E]; its keys and values are written to the cache."""

        def attention(given: Any) -> Any:
            return self._attention.decode(given, cache)

        ffn = getattr(self._ffn, "decode", self._ffn)  # a user's own need not have one
        return self._forward(x, attention, ffn, self._ttnn.L1_MEMORY_CONFIG)

    def place_cache(self, cache: KVCache) -> TtnnKVCache:
        """The cache on the mesh, as `decode` takes it."""
        placed: TtnnKVCache = self._attention.place_cache(cache)
        return placed

    def _forward(self, x: Any, attention: Part, ffn: Part, memory_config: Any) -> Any:
        middle = self._residual(x, attention, self._attention_norm, memory_config)  # [B, S, E]
        y = self._residual(middle, ffn, self._ffn_norm, memory_config)  # [B, S, E]
        self._free(middle)
        return y

    def _residual(self, x: Any, part: Part, norm: Part, memory_config: Any) -> Any:
        """``x + part(norm(x))``, or ``norm(x + part(x))``."""
        ttnn = self._ttnn
        given = norm(x) if self._norm_first else x
        change = part(given)
        y = ttnn.add(x, change, memory_config=memory_config)
        self._free(change, unless=x)
        if self._norm_first:
            self._free(given, unless=x)
            return y
        normed = norm(y)
        self._free(y, unless=normed)
        return normed

    def _free(self, tensor: Any, unless: Any = None) -> None:
        """Deallocate an intermediate; a user's part may give back its own input."""
        if unless is None or tensor.tensor_id != unless.tensor_id:
            self._ttnn.deallocate(tensor)


register_lowering(DecoderBlock)(TtnnDecoderBlock)
