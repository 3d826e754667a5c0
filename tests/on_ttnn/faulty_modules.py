"""The modules that `faults.py` puts faults into: ttci's own, and two written as a user writes them.

Shapes: B batch, S tokens, E hidden dim, H heads, D head dim.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from faulty_meshes import (  # type: ignore[import-not-found]  # beside this file
    BATCH,
    Experts,
    Paged,
    Parallel,
    Scattered,
    decided,
)
from faulty_meshes import (
    KV_HEADS as PAGED_HEADS,
)
from torch import Tensor, nn

from ttci.devices.ttnn.lowering import LoweringTarget
from ttci.modules import attention, block, embedding, ffn, normalization
from ttci.modules.rotary import apply_rotary, inverse_frequencies, rotary_tables

WIDTH, INNER, TOKENS, VOCABULARY = 256, 512, 64, 1000
HEADS, KV_HEADS, HEAD_DIM = 8, 4, 32
SHORT = 50  # tokens that fill no whole tile
DEEP = 8192  # an inner dimension of a large model's
DECODE_BATCH, CACHE_LENGTH, POSITION = 4, 64, 40


class HandWritten(nn.Module):
    """Attention of plain operations, [B, S, E] to [B, S, E]; causal, with rotary embedding."""

    hidden_dim = WIDTH

    def __init__(self) -> None:
        super().__init__()
        self.projections = nn.ModuleList(
            nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4)
        )  # q, k, v, out
        self.cos, self.sin = rotary_tables(torch.arange(TOKENS), inverse_frequencies(HEAD_DIM, 10000.0))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (p(x).unflatten(-1, (HEADS, -1)).transpose(1, 2) for p in self.projections[:3])
        q, k = (apply_rotary(heads, self.cos, self.sin) for heads in (q, k))
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        out: Tensor = self.projections[3](y.transpose(1, 2).flatten(2))
        return out

    def to_ttnn(self, device: Any) -> Callable[[Any], Any]:
        ttnn: Any = importlib.import_module("ttnn")

        def put(value: Tensor) -> Any:
            return ttnn.from_torch(
                value.detach(), dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device
            )

        weights = [put(weight.T) for weight in self.projections.parameters()]
        cos, sin = put(self.cos[None, None]), put(self.sin[None, None])
        mask = put(torch.full((1, 1, TOKENS, TOKENS), -1e9).triu(1))

        def heads_of(x: Any, weight: Any) -> Any:
            wide = ttnn.reshape(ttnn.linear(x, weight), (1, TOKENS, HEADS, HEAD_DIM))
            return ttnn.permute(wide, (0, 2, 1, 3))  # [B, H, S, D]

        def turned(x: Any) -> Any:
            first = ttnn.slice(x, (0, 0, 0, 0), (1, HEADS, TOKENS, HEAD_DIM // 2))
            second = ttnn.slice(x, (0, 0, 0, HEAD_DIM // 2), (1, HEADS, TOKENS, HEAD_DIM))
            other = ttnn.concat([ttnn.neg(second), first], dim=-1)
            return ttnn.addcmul(ttnn.mul(x, cos), other, sin)

        def run(x: Any) -> Any:
            q, k, v = (heads_of(x, weight) for weight in weights[:3])
            scores = ttnn.matmul(turned(q), ttnn.transpose(turned(k), -2, -1))  # [B, H, S, S]
            scores = ttnn.multiply(scores, 1 / math.sqrt(HEAD_DIM))
            shares = ttnn.softmax(ttnn.add(scores, mask), dim=-1)
            joined = ttnn.transformer.concatenate_heads(ttnn.matmul(shares, v))  # [B, S, E]
            return ttnn.linear(joined, weights[3])

        return run


class Pooled(nn.Module):
    """The tokens weighted by their softmax and summed, beside their mean: [B, S, E] to [B, 1, E]."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.softmax(-2) * x).sum(-2, keepdim=True) + x.mean(-2, keepdim=True)

    def to_ttnn(self, _: Any) -> Callable[[Any], Any]:
        ttnn: Any = importlib.import_module("ttnn")

        def run(x: Any) -> Any:
            weighted = ttnn.multiply(ttnn.softmax(ttnn.multiply(x, 1.0), dim=-2), x)
            mean = ttnn.mean(x, dim=-2, keepdim=True)
            return ttnn.add(ttnn.sum(weighted, dim=-2, keepdim=True), mean)

        return run


class PaddedAttention(nn.Module):
    """Tokens that attend to each other, padded to whole tiles and masked: [B, S, E] to [B, S, E]."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(x, x, x, scale=1 / WIDTH)

    def to_ttnn(self, device: Any) -> Callable[[Any], Any]:
        ttnn: Any = importlib.import_module("ttnn")
        mask = torch.zeros(1, 1, TOKENS)
        mask[..., SHORT:] = -1e9
        on_board = ttnn.from_torch(mask, dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device)
        exact = ttnn.init_device_compute_kernel_config(
            device.arch(), math_fidelity=ttnn.MathFidelity.HiFi4, fp32_dest_acc_en=True
        )

        def run(x: Any) -> Any:
            tokens = ttnn.pad(x, [(0, 0), (0, TOKENS - SHORT), (0, 0)], 0.0)
            keys = ttnn.transpose(tokens, -2, -1)
            scores = ttnn.multiply(ttnn.matmul(tokens, keys, compute_kernel_config=exact), 1 / WIDTH)
            shares = ttnn.softmax(ttnn.add(scores, on_board), dim=-1)
            y = ttnn.matmul(shares, tokens, compute_kernel_config=exact)
            return ttnn.slice(y, (0, 0, 0), (1, SHORT, WIDTH))

        return run


class DecodeStep(nn.Module):
    """One decoded token and the cache behind it; every call has the cache of the one before again."""

    hidden_dim = WIDTH
    keys: Tensor
    values: Tensor

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module
        cache = module.make_cache(
            DECODE_BATCH, CACHE_LENGTH, torch.Generator().manual_seed(1), position=POSITION
        )
        self.register_buffer("keys", cache.keys)
        self.register_buffer("values", cache.values)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        cache = self._cache()
        return self.module.decode(x, cache), cache.keys, cache.values

    def to_ttnn(self, device: Any) -> Callable[[Any], Any]:
        ttnn: Any = importlib.import_module("ttnn")
        implementation: Any = LoweringTarget(ttnn, device, ttnn.bfloat8_b).lower(self.module)

        def run(x: Any) -> Any:
            cache = implementation.place_cache(self._cache())
            return implementation.decode(x, cache), cache.keys, cache.values

        return run

    def _cache(self) -> attention.KVCache:
        return attention.KVCache(self.keys.clone(), self.values.clone(), POSITION)


@dataclass(frozen=True)
class Subject:
    """A module with the inputs it is judged on."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...] = (1, TOKENS, WIDTH)
    inputs: Callable[[tuple[int, ...]], Any] | None = None


def llama_attention(**options: Any) -> attention.MultiHeadAttention:
    return attention.MultiHeadAttention(WIDTH, HEADS, KV_HEADS, rope_theta=10000.0, **options)


def bert_attention() -> attention.MultiHeadAttention:
    return attention.MultiHeadAttention(WIDTH, HEADS, qkv_bias=True, out_bias=True, causal=False)


def pre_norm_block() -> block.DecoderBlock:
    norms = normalization.RMSNorm(WIDTH), normalization.RMSNorm(WIDTH)
    return block.DecoderBlock(llama_attention(), ffn.SwiGLU(WIDTH, INNER), *norms)


def post_norm_block() -> block.DecoderBlock:
    norms = normalization.LayerNorm(WIDTH), normalization.LayerNorm(WIDTH)
    return block.DecoderBlock(bert_attention(), ffn.MLP(WIDTH, INNER), *norms, norm_first=False)


def small(shape: tuple[int, ...]) -> Tensor:
    """Activations so small that an epsilon counts."""
    return 1e-3 * torch.randn(shape)


_ONE_TOKEN = (DECODE_BATCH, 1, WIDTH)
SUBJECTS: dict[str, Subject] = {
    "attention": Subject(llama_attention),
    "attention-qk-norm": Subject(lambda: llama_attention(qk_norm=True)),
    "attention-bert": Subject(bert_attention),
    "attention-scaled-rope": Subject(
        lambda: llama_attention(rope_scaling=attention.RopeScaling(8.0, 1.0, 4.0, 32))
    ),
    "attention-decode": Subject(lambda: DecodeStep(llama_attention()), _ONE_TOKEN),
    "attention-by-hand": Subject(HandWritten),
    "block": Subject(pre_norm_block),
    "block-bert": Subject(post_norm_block),
    "block-decode": Subject(lambda: DecodeStep(pre_norm_block()), _ONE_TOKEN),
    "swiglu": Subject(lambda: ffn.SwiGLU(WIDTH, INNER)),
    "geglu": Subject(lambda: ffn.GeGLU(WIDTH, INNER)),
    "mlp": Subject(lambda: ffn.MLP(WIDTH, INNER)),
    "rms_norm": Subject(lambda: normalization.RMSNorm(WIDTH)),
    "rms_norm-small": Subject(lambda: normalization.RMSNorm(WIDTH), inputs=small),
    "rms_norm-long": Subject(lambda: normalization.RMSNorm(WIDTH), (1, 4096, WIDTH)),
    "layer_norm": Subject(lambda: normalization.LayerNorm(WIDTH)),
    "embedding": Subject(lambda: embedding.Embedding(VOCABULARY, WIDTH), (1, TOKENS)),
    "linear": Subject(lambda: nn.Linear(WIDTH, WIDTH)),
    "linear-deep": Subject(lambda: nn.Linear(DEEP, WIDTH), (1, TOKENS, DEEP)),
    "pooled-by-hand": Subject(Pooled, (1, SHORT, WIDTH)),
    "attention-padded": Subject(PaddedAttention, (1, SHORT, WIDTH)),
    "silu": Subject(nn.SiLU),
    "softmax": Subject(lambda: nn.Softmax(-1), (1, TOKENS, TOKENS)),
    "parallel": Subject(Parallel, (BATCH, 32, WIDTH)),
    "parallel-scattered": Subject(Scattered, (BATCH, 32, WIDTH)),
    "experts": Subject(Experts, (1, 32, WIDTH), inputs=decided),
    "paged": Subject(Paged, (1, BATCH, PAGED_HEADS, HEAD_DIM)),
    "sequential": Subject(lambda: nn.Sequential(nn.Linear(WIDTH, INNER), nn.SiLU())),
}


def made(subject: Subject) -> nn.Module:
    """The module, from a fixed seed; norms and biases begin with ones and zeros, which hide faults."""
    torch.manual_seed(0)
    module = subject.make().eval()
    for parameter in module.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, float(parameter.detach().mean().round()), 0.3)
    return module
