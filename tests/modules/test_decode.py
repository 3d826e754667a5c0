"""Decoding token by token gives what a whole prompt gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ttci.modules import attention, block, ffn, normalization

HIDDEN, TOKENS, BATCH = 64, 12, 2
SCALING = attention.RopeScaling(8.0, 1.0, 4.0, 8)


def full_attention() -> attention.MultiHeadAttention:
    return attention.MultiHeadAttention(
        HIDDEN, 4, 2, head_dim=32, rope_theta=10000.0, rope_scaling=SCALING, qkv_bias=True, qk_norm=True
    )


def small_block(norm_first: bool = True) -> block.DecoderBlock:
    parts = (
        full_attention(),
        ffn.SwiGLU(HIDDEN, 96),
        normalization.RMSNorm(HIDDEN),
        normalization.RMSNorm(HIDDEN),
    )
    return block.DecoderBlock(*parts, norm_first=norm_first)


DECODERS: dict[str, Callable[[], Any]] = {
    "attention": lambda: attention.MultiHeadAttention(HIDDEN, 4),
    "attention_of_every_option": full_attention,
    "block": small_block,
    "post_norm_block": lambda: small_block(norm_first=False),
}
every_decoder = pytest.mark.parametrize("name", DECODERS)


def prompt(seed: int = 1) -> Tensor:
    return torch.randn(BATCH, TOKENS, HIDDEN, generator=torch.Generator().manual_seed(seed))


@every_decoder
@torch.no_grad()
def test_decoding_every_token_equals_the_prompt(name: str) -> None:
    torch.manual_seed(0)
    module, x = DECODERS[name](), prompt()
    cache = module.make_cache(BATCH, TOKENS + 3, position=0)
    for position in range(TOKENS):
        cache.position = position
        decoded = module.decode(x[:, position : position + 1], cache)
        assert decoded.shape == (BATCH, 1, HIDDEN)
        whole = module(x[:, : position + 1])[:, -1:]
        assert torch.allclose(decoded, whole, atol=1e-5)


@every_decoder
def test_decoding_again_gives_the_same(name: str) -> None:
    torch.manual_seed(0)
    module, x = DECODERS[name](), prompt()[:, :1]
    cache = module.make_cache(BATCH, TOKENS)
    assert torch.equal(module.decode(x, cache), module.decode(x, cache))


def test_only_the_position_of_the_cache_is_written() -> None:
    torch.manual_seed(0)
    module = full_attention()
    cache = module.make_cache(BATCH, TOKENS, position=5)
    keys, values = cache.keys.clone(), cache.values.clone()
    module.decode(prompt()[:, :1], cache)
    for before, after in ((keys, cache.keys), (values, cache.values)):
        changed = (before != after).any(dim=-1).all(dim=0).all(dim=0)
        assert changed.nonzero().flatten().tolist() == [5]


def test_what_lies_behind_the_position_is_not_looked_at() -> None:
    torch.manual_seed(0)
    module, x = full_attention(), prompt()[:, :1]
    cache = module.make_cache(BATCH, TOKENS, position=5)
    before = module.decode(x, cache)
    cache.keys[:, :, 6:], cache.values[:, :, 6:] = torch.nan, torch.nan
    assert torch.equal(module.decode(x, cache), before)


def test_cache_is_of_the_modules_type_and_the_generators_numbers() -> None:
    module = full_attention().to(torch.bfloat16)
    first, second = (module.make_cache(3, 8, torch.Generator().manual_seed(1)) for _ in range(2))
    assert first.keys.shape == first.values.shape == (3, 2, 8, 32)
    assert first.keys.dtype == torch.bfloat16
    assert first.position == 7
    assert torch.equal(first.keys, second.keys)
    assert not torch.equal(first.keys, first.values)
    assert (
        module.decode(prompt()[:1, :1].expand(3, 1, HIDDEN).to(torch.bfloat16), first).dtype == torch.bfloat16
    )


@pytest.mark.parametrize("position", [-1, TOKENS])
def test_position_outside_the_cache_is_refused(position: int) -> None:
    module = full_attention()
    cache = module.make_cache(BATCH, TOKENS, position=position)
    with pytest.raises(ValueError, match=rf"position {position} is outside the cache, which holds 0 to 11"):
        module.decode(prompt()[:, :1], cache)


def test_attention_that_is_not_causal_does_not_decode() -> None:
    module = attention.MultiHeadAttention(HIDDEN, 4, causal=False)
    with pytest.raises(ValueError, match="only causal attention decodes"):
        module.decode(prompt()[:, :1], module.make_cache(BATCH, TOKENS))
