"""One transformer layer, composed of modules that are given to it.

Shapes: B batch, S tokens, E hidden dim.
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from ttci.modules.attention import KVCache, MultiHeadAttention


class DecoderBlock(nn.Module):
    """Attention and feed-forward network, each with a norm and a residual connection.

    It takes built modules, so that a model can test the same instance by itself and
    within its block.

    Args:
        attention: Maps [B, S, E] to [B, S, E], as do the three others.
        ffn: The feed-forward network.
        attention_norm: Norm that belongs to ``attention``.
        ffn_norm: Norm that belongs to ``ffn``.
        norm_first: Norm before each part (``LlamaDecoderLayer``) or, as in the original
            transformer (arXiv 1706.03762) and ``BertLayer``, after each residual sum.

    Raises:
        ValueError: The modules do not share one ``hidden_dim``.
    """

    def __init__(
        self,
        attention: nn.Module,
        ffn: nn.Module,
        attention_norm: nn.Module,
        ffn_norm: nn.Module,
        norm_first: bool = True,
    ) -> None:
        super().__init__()
        self.attention = attention
        self.ffn = ffn
        self.attention_norm = attention_norm
        self.ffn_norm = ffn_norm
        self.norm_first = norm_first
        self.hidden_dim = _shared_hidden_dim(self)

    def forward(self, x: Tensor) -> Tensor:
        """Run the layer, [B, S, E] to [B, S, E]."""
        return self._run(x, self.attention)

    @torch.no_grad()
    def prefill(self, x: Tensor, cache: KVCache) -> Tensor:
        """Run the layer, [B, S, E] to [B, S, E], and write its keys and values to the cache."""
        attention = cast("MultiHeadAttention", self.attention)
        return self._run(x, lambda given: attention.prefill(given, cache))

    @torch.no_grad()
    def decode(self, x: Tensor, cache: KVCache) -> Tensor:
        """Run the layer for one token, [B, 1, E] to [B, 1, E], and write it to the cache."""
        attention = cast("MultiHeadAttention", self.attention)
        return self._run(x, lambda given: attention.decode(given, cache))

    def make_cache(
        self, batch: int, length: int, generator: torch.Generator | None = None, position: int | None = None
    ) -> KVCache:
        """A cache as its attention makes one."""
        attention = cast("MultiHeadAttention", self.attention)
        return attention.make_cache(batch, length, generator, position)

    def _run(self, x: Tensor, attention: Callable[[Tensor], Tensor]) -> Tensor:
        if self.norm_first:
            x = x + attention(self.attention_norm(x))
            return x + cast("Tensor", self.ffn(self.ffn_norm(x)))
        x = self.attention_norm(x + attention(x))
        return cast("Tensor", self.ffn_norm(x + self.ffn(x)))

    def extra_repr(self) -> str:
        """Show where the norms are when printed."""
        return f"norm_first={self.norm_first}"


def _shared_hidden_dim(block: DecoderBlock) -> int:
    sizes = {name: getattr(part, "hidden_dim", None) for name, part in block.named_children()}
    size = sizes["attention"]
    if not isinstance(size, int) or set(sizes.values()) != {size}:
        got = ", ".join(f"{name} {part_size}" for name, part_size in sizes.items())
        raise ValueError(f"the parts of a block must have the same hidden_dim, got {got}")
    return size
