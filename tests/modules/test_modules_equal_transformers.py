"""With the same weights, each module equals its Hugging Face counterpart."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig, GemmaConfig, LlamaConfig, MistralConfig, Qwen3Config
from transformers.models.bert.modeling_bert import BertLayer
from transformers.models.gemma.modeling_gemma import GemmaMLP
from transformers.models.llama import modeling_llama as llama
from transformers.models.mistral import modeling_mistral as mistral
from transformers.models.qwen3 import modeling_qwen3 as qwen3

from ttci.modules import attention, block, ffn, normalization
from ttci.modules.rotary import apply_rotary, inverse_frequencies, rotary_tables

BATCH, TOKENS = 2, 24
SCALING = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}


@dataclass(frozen=True)
class Family:
    """Where Hugging Face keeps a decoder, and the arguments that make ours the same."""

    config: type[Any]
    rope: dict[str, Any]
    attention: type[nn.Module]
    mlp: type[nn.Module]
    norm: type[nn.Module]
    layer: type[nn.Module]
    rotary: type[nn.Module]
    ours: dict[str, Any]


def _llama(original_max_position: int) -> Family:
    rope = {"rope_type": "llama3", "rope_theta": 500000.0, **SCALING}
    return Family(
        LlamaConfig,
        rope | {"original_max_position_embeddings": original_max_position},
        llama.LlamaAttention,
        llama.LlamaMLP,
        llama.LlamaRMSNorm,
        llama.LlamaDecoderLayer,
        llama.LlamaRotaryEmbedding,
        {
            "rope_theta": 500000.0,
            "rope_scaling": SCALING | {"original_max_position": original_max_position},
        },
    )


FAMILIES = {
    "llama3": _llama(8192),
    # So short a context that every test token is in the reach of the scaling.
    "llama3_short_context": _llama(32),
    "qwen3": Family(
        Qwen3Config,
        {"rope_type": "default", "rope_theta": 1000000.0},
        qwen3.Qwen3Attention,
        qwen3.Qwen3MLP,
        qwen3.Qwen3RMSNorm,
        qwen3.Qwen3DecoderLayer,
        qwen3.Qwen3RotaryEmbedding,
        {"rope_theta": 1000000.0, "qk_norm": True, "norm_eps": 1e-5},
    ),
    "mistral": Family(
        MistralConfig,
        {"rope_type": "default", "rope_theta": 1000000.0},
        mistral.MistralAttention,
        mistral.MistralMLP,
        mistral.MistralRMSNorm,
        mistral.MistralDecoderLayer,
        mistral.MistralRotaryEmbedding,
        {"rope_theta": 1000000.0},
    ),
}

GEOMETRIES: dict[str, dict[str, Any]] = {
    "published_ratio": {"hidden_dim": 128, "num_heads": 8, "num_kv_heads": 2, "head_dim": 16},
    "one_kv_head": {"hidden_dim": 64, "num_heads": 4, "num_kv_heads": 1, "head_dim": 16},
    "ungrouped": {"hidden_dim": 64, "num_heads": 4, "num_kv_heads": 4, "head_dim": 16},
    "wide_heads": {"hidden_dim": 64, "num_heads": 4, "num_kv_heads": 2, "head_dim": 32},
}

families = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
geometries = pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)


def _config(family: Family, geometry: dict[str, Any]) -> Any:
    return family.config(
        hidden_size=geometry["hidden_dim"],
        intermediate_size=2 * geometry["hidden_dim"],
        num_attention_heads=geometry["num_heads"],
        num_key_value_heads=geometry["num_kv_heads"],
        head_dim=geometry["head_dim"],
        num_hidden_layers=1,
        rms_norm_eps=1e-5,
        rope_parameters=dict(family.rope),
        sliding_window=None,
        attn_implementation="eager",  # written out in torch: no kernel in common with ours
    )


def _randomized(module: nn.Module) -> nn.Module:
    """Fill in weights that keep activations near one, norm weights and biases included."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in module.parameters():
            mean, std = (0.0, weight.shape[-1] ** -0.5) if weight.ndim > 1 else (1.0, 0.3)
            weight.normal_(mean, std, generator=generator)
    return module.eval()


def _input(hidden_dim: int) -> Tensor:
    return torch.randn(BATCH, TOKENS, hidden_dim, generator=torch.Generator().manual_seed(2))


def _decoder_arguments(family: Family, config: Any, x: Tensor) -> dict[str, Any]:
    positions = torch.arange(TOKENS).unsqueeze(0)
    mask = torch.full((TOKENS, TOKENS), float("-inf")).triu(1)
    return {
        "position_embeddings": family.rotary(config)(x, positions),
        "attention_mask": mask.expand(BATCH, 1, -1, -1),
    }


def _assert_equal(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() < 1e-5


@geometries
@families
def test_attention_equals_the_familys(family: Family, geometry: dict[str, Any]) -> None:
    config = _config(family, geometry)
    theirs = _randomized(family.attention(config, layer_idx=0))
    ours = attention.MultiHeadAttention(**geometry, **family.ours)
    ours.load_state_dict(theirs.state_dict())
    x = _input(geometry["hidden_dim"])
    expected, _ = theirs(x, **_decoder_arguments(family, config, x))
    _assert_equal(ours(x), expected)


@geometries
@families
def test_decoder_block_equals_the_familys_layer(family: Family, geometry: dict[str, Any]) -> None:
    config = _config(family, geometry)
    hidden_dim = geometry["hidden_dim"]
    theirs = _randomized(family.layer(config, layer_idx=0))
    ours = block.DecoderBlock(
        attention.MultiHeadAttention(**geometry, **family.ours),
        ffn.SwiGLU(hidden_dim, 2 * hidden_dim),
        normalization.RMSNorm(hidden_dim, 1e-5),
        normalization.RMSNorm(hidden_dim, 1e-5),
    )
    renamed = {
        "self_attn.": "attention.",
        "mlp.": "ffn.",
        "input_layernorm.": "attention_norm.",
        "post_attention_layernorm.": "ffn_norm.",
    }
    ours.load_state_dict(_renamed(theirs, renamed))
    x = _input(hidden_dim)
    _assert_equal(ours(x), theirs(x, **_decoder_arguments(family, config, x)))


def _renamed(module: nn.Module, prefixes: dict[str, str]) -> dict[str, Tensor]:
    return {
        prefixes[old] + name.removeprefix(old): weight
        for name, weight in module.state_dict().items()
        for old in prefixes
        if name.startswith(old)
    }


@families
def test_swiglu_equals_the_familys_mlp(family: Family) -> None:
    theirs = _randomized(family.mlp(_config(family, GEOMETRIES["published_ratio"])))
    ours = ffn.SwiGLU(128, 256)
    ours.load_state_dict(theirs.state_dict())
    _assert_equal(ours(_input(128)), theirs(_input(128)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@families
def test_rms_norm_equals_the_familys_bit_for_bit(family: Family, dtype: torch.dtype) -> None:
    theirs = _randomized(family.norm(128, eps=1e-5)).to(dtype)
    ours = normalization.RMSNorm(128, 1e-5).to(dtype)
    ours.load_state_dict(theirs.state_dict())
    x = _input(128).to(dtype)
    assert torch.equal(ours(x), theirs(x))


@families
def test_rotary_frequencies_equal_the_familys_at_the_published_head_dim(family: Family) -> None:
    geometry = {"hidden_dim": 512, "num_heads": 4, "num_kv_heads": 1, "head_dim": 128}
    theirs = family.rotary(_config(family, geometry)).inv_freq
    scaling = family.ours.get("rope_scaling")
    ours = inverse_frequencies(128, family.ours["rope_theta"], scaling and attention.RopeScaling(**scaling))
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0.0)


def test_rotation_in_bfloat16_equals_transformers_bit_for_bit() -> None:
    q = torch.randn(1, 2, 600, 16, generator=torch.Generator().manual_seed(3)).bfloat16()
    cos, sin = rotary_tables(torch.arange(600), inverse_frequencies(16, 10000.0))
    tables = (cos[None].bfloat16(), sin[None].bfloat16())
    theirs, _ = llama.apply_rotary_pos_emb(q, q, *tables)
    assert torch.equal(apply_rotary(q, cos, sin), theirs)


def test_geglu_with_tanh_equals_gemmas_mlp() -> None:
    config = GemmaConfig(hidden_size=64, intermediate_size=128)
    _assert_gated_equal(ffn.GeGLU(64, 128, approximate="tanh"), GemmaMLP, config)


def test_geglu_equals_llamas_mlp_with_gelu() -> None:
    config = LlamaConfig(hidden_size=64, intermediate_size=128, hidden_act="gelu", mlp_bias=True)
    _assert_gated_equal(ffn.GeGLU(64, 128, bias=True), llama.LlamaMLP, config)


def _assert_gated_equal(ours: nn.Module, mlp: type[nn.Module], config: Any) -> None:
    theirs = _randomized(mlp(config))
    ours.load_state_dict(theirs.state_dict())
    _assert_equal(ours(_input(64)), theirs(_input(64)))


BERT_HEADS = pytest.mark.parametrize(
    ("hidden_dim", "num_heads"), [(96, 12), (64, 4)], ids=["published_heads", "wide_heads"]
)
BERT_WEIGHTS = {
    "attention.self.query.": "attention.q_proj.",
    "attention.self.key.": "attention.k_proj.",
    "attention.self.value.": "attention.v_proj.",
    "attention.output.dense.": "attention.o_proj.",
    "attention.output.LayerNorm.": "attention_norm.",
    "intermediate.dense.": "ffn.up_proj.",
    "output.dense.": "ffn.down_proj.",
    "output.LayerNorm.": "ffn_norm.",
}


def _bert(hidden_dim: int, num_heads: int) -> tuple[block.DecoderBlock, Any]:
    """Our BERT layer and Hugging Face's, with the same weights."""
    options: dict[str, Any] = {"num_attention_heads": num_heads, "attn_implementation": "eager"}
    config = BertConfig(hidden_size=hidden_dim, intermediate_size=4 * hidden_dim, **options)
    layer: type[nn.Module] = BertLayer
    theirs = _randomized(layer(config))
    ours = block.DecoderBlock(
        attention.MultiHeadAttention(hidden_dim, num_heads, qkv_bias=True, out_bias=True, causal=False),
        ffn.MLP(hidden_dim, 4 * hidden_dim),
        normalization.LayerNorm(hidden_dim, 1e-12),
        normalization.LayerNorm(hidden_dim, 1e-12),
        norm_first=False,
    )
    ours.load_state_dict(_renamed(theirs, BERT_WEIGHTS))
    return ours, theirs


@BERT_HEADS
def test_attention_equals_berts_self_attention_and_its_output_dense(hidden_dim: int, num_heads: int) -> None:
    ours, theirs = _bert(hidden_dim, num_heads)
    x = _input(hidden_dim)
    heads, _ = theirs.attention.self(x)
    _assert_equal(ours.attention(x), theirs.attention.output.dense(heads))


@BERT_HEADS
def test_mlp_equals_berts_intermediate_and_output_dense(hidden_dim: int, num_heads: int) -> None:
    ours, theirs = _bert(hidden_dim, num_heads)
    x = _input(hidden_dim)
    _assert_equal(ours.ffn(x), theirs.output.dense(theirs.intermediate(x)))


@BERT_HEADS
def test_layer_norm_equals_berts(hidden_dim: int, num_heads: int) -> None:
    ours, theirs = _bert(hidden_dim, num_heads)
    x = _input(hidden_dim)
    _assert_equal(ours.ffn_norm(x), theirs.output.LayerNorm(x))


@BERT_HEADS
def test_post_norm_block_equals_berts_layer(hidden_dim: int, num_heads: int) -> None:
    ours, theirs = _bert(hidden_dim, num_heads)
    x = _input(hidden_dim)
    _assert_equal(ours(x), theirs(x))
