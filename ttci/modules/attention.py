"""Multi-head attention, with grouped heads, rotary embedding and per-head norms.

Shapes: B batch, S tokens, E hidden dim, H heads, K key/value heads, D head dim, L cache
length.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttci.modules.normalization import RMSNorm
from ttci.modules.rotary import RopeScaling, apply_rotary, inverse_frequencies, rotary_tables

__all__ = ["KVCache", "MultiHeadAttention", "RopeScaling"]


@dataclass
class KVCache:
    """The keys and values of the tokens before one that is decoded.

    Attributes:
        keys: [B, K, L, D], turned by their positions already.
        values: [B, K, L, D].
        position: Of the token that is decoded next, 0 to L - 1; the caller moves it on.
    """

    keys: Tensor
    values: Tensor
    position: int


class MultiHeadAttention(nn.Module):
    """Self-attention, arXiv 1706.03762; grouped heads, arXiv 2305.13245.

    Weights are named as in Hugging Face's ``LlamaAttention``, and ``Qwen3Attention``
    with ``qk_norm``.

    Args:
        hidden_dim: Size of input and output, E.
        num_heads: Query heads, H.
        num_kv_heads: Key/value heads, K, each serving H / K query heads; default H.
        head_dim: Size of a head, D; default E / H.
        rope_theta: Base of the rotary wavelengths; None for no rotary embedding.
        rope_scaling: Llama 3.1's stretching of them, or a mapping with its fields.
        qkv_bias: Whether the query, key and value projections have a bias.
        out_bias: Whether the output projection has a bias.
        qk_norm: Whether queries and keys are RMS-normalized, head by head.
        norm_eps: Epsilon of those norms.
        causal: Whether a token sees only itself and the tokens before it.

    Raises:
        ValueError: The sizes do not fit together.
    """

    def __init__(
        self,
        hidden_dim: int,
        num_heads: int,
        num_kv_heads: int | None = None,
        head_dim: int | None = None,
        rope_theta: float | None = None,
        rope_scaling: RopeScaling | Mapping[str, float] | None = None,
        qkv_bias: bool = False,
        out_bias: bool = False,
        qk_norm: bool = False,
        norm_eps: float = 1e-6,
        causal: bool = True,
    ) -> None:
        super().__init__()
        _check_positive(
            hidden_dim=hidden_dim, num_heads=num_heads, num_kv_heads=num_kv_heads, head_dim=head_dim
        )
        self.hidden_dim = hidden_dim
        self.num_heads = num_heads
        self.num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        self.head_dim = _even_share(hidden_dim, num_heads) if head_dim is None else head_dim
        self.rope_theta = rope_theta
        if isinstance(rope_scaling, Mapping):
            rope_scaling = RopeScaling.from_mapping(rope_scaling)
        self.rope_scaling = rope_scaling
        self.causal = causal
        self._check_grouping()
        self._check_rope()

        q_dim, kv_dim = self.num_heads * self.head_dim, self.num_kv_heads * self.head_dim
        self.q_proj = nn.Linear(hidden_dim, q_dim, bias=qkv_bias)
        self.k_proj = nn.Linear(hidden_dim, kv_dim, bias=qkv_bias)
        self.v_proj = nn.Linear(hidden_dim, kv_dim, bias=qkv_bias)
        self.o_proj = nn.Linear(q_dim, hidden_dim, bias=out_bias)
        self.q_norm = RMSNorm(self.head_dim, norm_eps) if qk_norm else nn.Identity()
        self.k_norm = RMSNorm(self.head_dim, norm_eps) if qk_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Let every token attend to the others, [B, S, E] to [B, S, E]."""
        return self._attend(*self._heads(x), is_causal=self.causal)

    @torch.no_grad()
    def prefill(self, x: Tensor, cache: KVCache) -> Tensor:
        """As the forward pass, and write keys and values to the cache's beginning, [B, S, E] to [B, S, E].

        ``cache.position`` is then that of the next token. For inference: no gradient flows.
        """
        tokens = x.shape[1]
        q, k, v = self._heads(x)
        cache.keys[:, :, :tokens], cache.values[:, :, :tokens] = k, v
        cache.position = tokens
        return self._attend(q, k, v, is_causal=True)

    @torch.no_grad()
    def decode(self, x: Tensor, cache: KVCache) -> Tensor:
        """Let one token attend to itself and those in the cache, [B, 1, E] to [B, 1, E].

        Its keys and values are written to the cache at ``cache.position``; what lies
        behind that is not looked at. For inference: no gradient flows.

        Raises:
            ValueError: The position is outside the cache, or attention is not causal.
        """
        position, length = cache.position, cache.keys.shape[2]
        if not self.causal:
            raise ValueError("only causal attention decodes token by token; this one has causal=False")
        if not 0 <= position < length:
            raise ValueError(f"position {position} is outside the cache, which holds 0 to {length - 1}")
        q, k, v = self._heads(x, position)  # [B, H, 1, D], [B, K, 1, D] twice
        cache.keys[:, :, position : position + 1] = k
        cache.values[:, :, position : position + 1] = v
        seen_keys = cache.keys[:, :, : position + 1].to(q.dtype)
        seen_values = cache.values[:, :, : position + 1].to(q.dtype)
        return self._attend(q, seen_keys, seen_values, is_causal=False)  # all that it sees is before it

    def make_cache(
        self, batch: int, length: int, generator: torch.Generator | None = None, position: int | None = None
    ) -> KVCache:
        """A cache of random keys and values; decoding is at its last position where none is given."""
        weight = self.k_proj.weight
        shape = (batch, self.num_kv_heads, length, self.head_dim)
        keys, values = (torch.randn(shape, generator=generator).to(weight) for _ in range(2))
        return KVCache(keys, values, length - 1 if position is None else position)

    def _heads(self, x: Tensor, first_position: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        q = self.q_norm(self._split_heads(self.q_proj(x)))  # [B, H, S, D]
        k = self.k_norm(self._split_heads(self.k_proj(x)))  # [B, K, S, D]
        v = self._split_heads(self.v_proj(x))  # [B, K, S, D]
        if self.rope_theta is not None:
            q, k = self._rotate(q, k, self.rope_theta, first_position)
        return q, k, v

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, is_causal: bool) -> Tensor:
        grouped = self.num_kv_heads != self.num_heads
        y = F.scaled_dot_product_attention(q, k, v, is_causal=is_causal, enable_gqa=grouped)
        y = y.transpose(1, 2).flatten(2)  # [B, H, S, D] to [B, S, H * D]
        out: Tensor = self.o_proj(y)  # [B, S, E]
        return out

    def _split_heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], -1, self.head_dim).transpose(1, 2)  # [B, heads, S, D]

    def _rotate(self, q: Tensor, k: Tensor, theta: float, first_position: int) -> tuple[Tensor, Tensor]:
        # Computed here, not kept in buffers: .to(torch.bfloat16) would round the
        # frequencies to 8 bits, an error that grows with the position.
        dtype = torch.promote_types(q.dtype, torch.float32)
        frequencies = inverse_frequencies(
            self.head_dim, theta, self.rope_scaling, dtype=dtype, device=q.device
        )
        positions = torch.arange(first_position, first_position + q.shape[-2], device=q.device)
        cos, sin = rotary_tables(positions, frequencies)
        return apply_rotary(q, cos, sin), apply_rotary(k, cos, sin)

    def _check_grouping(self) -> None:
        if self.num_heads % self.num_kv_heads:
            raise ValueError(
                f"num_heads ({self.num_heads}) must be a multiple of num_kv_heads ({self.num_kv_heads})"
            )

    def _check_rope(self) -> None:
        if self.rope_theta is None and self.rope_scaling is not None:
            raise ValueError("rope_scaling has no effect without rope_theta; give both")
        if self.rope_theta is not None and self.rope_theta <= 0:
            raise ValueError(f"rope_theta must be positive, got {self.rope_theta}")
        if self.rope_theta is not None and self.head_dim % 2:
            raise ValueError(
                f"rotary embedding needs an even head_dim, got {self.head_dim}; "
                "change it or leave out rope_theta"
            )

    def extra_repr(self) -> str:
        """Show the geometry when printed."""
        return (
            f"num_heads={self.num_heads}, num_kv_heads={self.num_kv_heads}, "
            f"head_dim={self.head_dim}, rope_theta={self.rope_theta}, causal={self.causal}"
        )


def _check_positive(**sizes: int | None) -> None:
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")


def _even_share(hidden_dim: int, num_heads: int) -> int:
    if hidden_dim % num_heads:
        raise ValueError(
            f"hidden_dim ({hidden_dim}) must be a multiple of num_heads ({num_heads}); "
            "change one of them or give head_dim"
        )
    return hidden_dim // num_heads
