"""The weights of multi-head attention on the mesh, and how its heads are shared out.

Shapes: E hidden dim, H heads, K key/value heads, D head dim, W its width on the device; h and
k: the heads of one chip.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ttci.devices.ttnn.lowering import LoweringTarget
from ttci.modules.attention import MultiHeadAttention
from ttci.modules.ttnn.attention_heads import fill_heads, head_width, lower_head_norm
from ttci.modules.ttnn.linear import TtnnLinear
from ttci.modules.ttnn.rotary import TtnnRotary


class AttentionWeights:
    """What prefill and decode share.

    Attributes:
        num_heads: Query heads of one chip, h.
        num_kv_heads: Key/value heads of one chip, k.
        is_split: Whether the heads are shared out over the chips.
        kv_copies: How many chips hold the same key/value head.
        head_width: Of a head on the device, W: its D filled up to what ttnn takes.
        scale: Of the products of queries and keys, 1 / sqrt(D).
        qkv: The fused projection, [..., E] to [..., (h + 2k) * W].
        out: The output projection, [..., h * W] to [..., E], summed over the chips.
        norms: Of queries and of keys; None without.
        rotary: None without rotary embedding.
    """

    def __init__(self, module: MultiHeadAttention, target: LoweringTarget) -> None:
        self.target = target
        self.head_dim = module.head_dim
        self.head_width = head_width(module.head_dim, has_rotary=module.rope_theta is not None)
        self.scale = module.head_dim**-0.5
        self._share_heads_out(module)
        projections = (module.q_proj, module.k_proj, module.v_proj)
        weight = self._interleaved([p.weight for p in projections]).T  # [E, (H + 2K) * W]
        has_bias = module.q_proj.bias is not None
        bias = self._interleaved([p.bias for p in projections]) if has_bias else None
        self.qkv = TtnnLinear(target, weight, bias, split="columns" if self.is_split else None)
        out = module.o_proj
        out_weight = self._filled(out.weight.T)  # [H * W, E]
        self.out = TtnnLinear(target, out_weight, out.bias, split="rows" if self.is_split else None)
        self.norms: tuple[Any, Any] | None = None
        if not isinstance(module.q_norm, nn.Identity):
            q_norm, k_norm = (
                lower_head_norm(norm, target, self.head_dim, self.head_width)
                for norm in (module.q_norm, module.k_norm)
            )
            self.norms = q_norm, k_norm
        self.rotary = None if module.rope_theta is None else TtnnRotary(module, target, self.head_width)

    def _share_heads_out(self, module: MultiHeadAttention) -> None:
        chips, heads, kv_heads = self.target.chips, module.num_heads, module.num_kv_heads
        divides = heads % chips == 0 and (kv_heads % chips == 0 or chips % kv_heads == 0)
        self._parts = chips if divides else 1
        self.is_split = self._parts > 1
        self.kv_copies = max(1, self._parts // kv_heads)
        self.num_heads = heads // self._parts
        self.num_kv_heads = kv_heads * self.kv_copies // self._parts

    def _interleaved(self, qkv: Sequence[Tensor]) -> Tensor:
        """Weights [.. * D, E] or biases [.. * D] of q, k, v, so that each chip's part holds its own heads."""
        q, k, v = (self._heads(rows) for rows in qkv)
        k, v = (heads.repeat_interleave(self.kv_copies, dim=0) for heads in (k, v))
        parts = zip(*(heads.chunk(self._parts) for heads in (q, k, v)), strict=True)
        return torch.cat([heads for part in parts for heads in part]).flatten(0, 1)

    def _filled(self, rows: Tensor) -> Tensor:
        """[H * D, E] to [H * W, E]."""
        return self._heads(rows).flatten(0, 1)

    def _heads(self, rows: Tensor) -> Tensor:
        """[.. * D, E] or [.. * D], heads first and filled up: [.., W, E] or [.., W]."""
        return fill_heads(rows.reshape(-1, self.head_dim, *rows.shape[1:]), 1, self.head_width)
