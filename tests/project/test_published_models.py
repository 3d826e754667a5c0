"""The models declare the modules of the published checkpoints."""

import importlib.util
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import pytest
import torch

from tests.root import ROOT

MODELS = ROOT / "models"


@dataclass(frozen=True)
class Published:
    """What a checkpoint is known by; weights as named in its first layer here."""

    model: str
    prefix: str
    tokens: int
    shapes: dict[str, tuple[int, ...]]
    layers: int
    other_parameters: int  # beside the layers and the vocabulary's tables
    vocabulary_tables: int  # tables of [vocabulary, hidden]
    total_parameters: int
    settings: dict[str, Any]


def _decoder_shapes(intermediate: int) -> dict[str, tuple[int, ...]]:
    return {
        "attention.q_proj.weight": (4096, 4096),
        "attention.k_proj.weight": (1024, 4096),
        "attention.v_proj.weight": (1024, 4096),
        "attention.o_proj.weight": (4096, 4096),
        "ffn.gate_proj.weight": (intermediate, 4096),
        "ffn.up_proj.weight": (intermediate, 4096),
        "ffn.down_proj.weight": (4096, intermediate),
        "norm.weight": (4096,),
        "ffn_norm.weight": (4096,),
    }


BERT_SHAPES = {
    "attention.q_proj.weight": (768, 768),
    "attention.q_proj.bias": (768,),
    "attention.k_proj.weight": (768, 768),
    "attention.k_proj.bias": (768,),
    "attention.v_proj.weight": (768, 768),
    "attention.v_proj.bias": (768,),
    "attention.o_proj.weight": (768, 768),
    "attention.o_proj.bias": (768,),
    "ffn.up_proj.weight": (3072, 768),
    "ffn.up_proj.bias": (3072,),
    "ffn.down_proj.weight": (768, 3072),
    "ffn.down_proj.bias": (768,),
    "norm.weight": (768,),
    "norm.bias": (768,),
    "ffn_norm.weight": (768,),
    "ffn_norm.bias": (768,),
}

PUBLISHED = {
    "llama3": Published(
        "LLaMA3Model",
        "llama3_8b",
        2048,
        _decoder_shapes(14336),
        layers=32,
        other_parameters=4096,  # the final norm
        vocabulary_tables=2,  # embedding and head
        total_parameters=8_030_261_248,
        settings={"num_heads": 32, "num_kv_heads": 8, "head_dim": 128, "rope_theta": 500000.0},
    ),
    "qwen3": Published(
        "Qwen3Model",
        "qwen3_8b",
        2048,
        _decoder_shapes(12288) | {"attention.q_norm.weight": (128,), "attention.k_norm.weight": (128,)},
        layers=36,
        other_parameters=4096,
        vocabulary_tables=2,
        total_parameters=8_190_735_360,
        settings={"num_heads": 32, "num_kv_heads": 8, "head_dim": 128, "rope_theta": 1000000.0},
    ),
    "mistral": Published(
        "MistralModel",
        "mistral_7b",
        2048,
        _decoder_shapes(14336),
        layers=32,
        other_parameters=4096,
        vocabulary_tables=2,
        total_parameters=7_248_023_552,
        settings={"num_heads": 32, "num_kv_heads": 8, "head_dim": 128, "rope_theta": 1000000.0},
    ),
    "bert": Published(
        "BertModel",
        "bert_base",
        512,
        BERT_SHAPES,
        layers=12,
        # Positions, token types, their norm, and the pooler with its bias.
        other_parameters=(512 + 2 + 2 + 768 + 1) * 768,
        vocabulary_tables=1,
        total_parameters=109_482_240,
        settings={"num_heads": 12, "num_kv_heads": 12, "head_dim": 64, "rope_theta": None},
    ),
}

PARTS = ["attention", "ffn", "norm", "block"]
DECODING = ["attention_decode", "block_decode"]
every_model = pytest.mark.parametrize("name", PUBLISHED)


def _load(name: str) -> ModuleType:
    path = MODELS / name / "model.py"
    spec = importlib.util.spec_from_file_location(f"published_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _build(name: str, **changes: int) -> Any:
    """Build it as published, without data, or with a changed configuration."""
    model = getattr(_load(name), PUBLISHED[name].model)
    with torch.device("meta"):
        published = model()
        return model(replace(published.config, **changes)) if changes else published


@every_model
def test_parameters_have_the_published_shapes(name: str) -> None:
    shapes = {key: tuple(value.shape) for key, value in _build(name).named_parameters()}
    assert shapes == PUBLISHED[name].shapes


@every_model
def test_layers_and_vocabulary_add_up_to_the_published_parameter_count(name: str) -> None:
    model, published = _build(name), PUBLISHED[name]
    layer = sum(weight.numel() for weight in model.parameters())
    tables = published.vocabulary_tables * model.config.vocab_size * model.config.hidden_dim
    total = published.layers * layer + tables + published.other_parameters
    assert total == published.total_parameters


@every_model
def test_attention_has_the_published_heads_and_rotary_base(name: str) -> None:
    attention = _build(name).attention
    settings = PUBLISHED[name].settings
    assert {key: getattr(attention, key) for key in settings} == settings


@pytest.mark.parametrize(
    ("name", "eps"), [("llama3", 1e-5), ("qwen3", 1e-6), ("mistral", 1e-5), ("bert", 1e-12)]
)
def test_norms_have_the_published_epsilon(name: str, eps: float) -> None:
    model = _build(name)
    epsilons = {module.eps for module in model.modules() if hasattr(module, "eps")}
    assert epsilons == {eps}


def test_llama3_stretches_its_rotary_embedding_as_published() -> None:
    assert vars(_build("llama3").attention.rope_scaling) == {
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position": 8192,
    }


def test_only_bert_looks_ahead_and_norms_last() -> None:
    models = {name: _build(name) for name in PUBLISHED}
    assert [name for name, model in models.items() if not model.attention.causal] == ["bert"]
    assert [name for name, model in models.items() if not model.block.norm_first] == ["bert"]


@every_model
def test_block_is_built_of_the_instances_tested_beside_it(name: str) -> None:
    model = _build(name)
    parts = (model.block.attention, model.block.ffn, model.block.attention_norm)
    assert parts == (model.attention, model.ffn, model.norm)
    assert model.block.ffn_norm is not model.norm


@every_model
def test_test_configs_name_each_module_and_the_shape_it_returns(name: str) -> None:
    model, published = _build(name), PUBLISHED[name]
    configs = model.get_test_configs()
    parts = [*PARTS, *DECODING] if model.attention.causal else PARTS
    assert list(configs) == [f"{published.prefix}_{part}" for part in parts]
    for key, (module, config) in configs.items():
        assert config.name == key
        is_step = key.endswith("_decode")
        assert config.input_shape == (1, 1 if is_step else published.tokens, model.config.hidden_dim)
        y = module(torch.empty(config.input_shape, device="meta"))
        assert y.shape == config.expected_output_shape
        assert config.decode_cache_length == (published.tokens if is_step else None)


@every_model
def test_attention_and_ffn_have_performance_targets(name: str) -> None:
    configs = _build(name).get_test_configs()
    targets = {key: set(config.performance_targets or ()) for key, (_, config) in configs.items()}
    prefix, both = PUBLISHED[name].prefix, {"latency_ms", "memory_mb"}
    with_targets = {key: found for key, found in targets.items() if found}
    assert with_targets == {f"{prefix}_attention": both, f"{prefix}_ffn": both}


@every_model
def test_shapes_follow_a_changed_configuration(name: str) -> None:
    model = _build(name, hidden_dim=768 * 2, intermediate_dim=96)
    shapes = {config.input_shape[-1] for _, config in model.get_test_configs().values()}
    assert shapes == {768 * 2}
    assert {module.hidden_dim for module, _ in model.get_test_configs().values()} == {768 * 2}
