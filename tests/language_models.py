"""Small language models of Hugging Face's families, and the mistakes that a check must find."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ttci.modules.language_model import LanguageModel, LanguageModelConfig
from ttci.testing import ModuleTest

SIZES: dict[str, Any] = {
    "vocab_size": 512,
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "head_dim": 32,
    "tie_word_embeddings": True,
}
LLAMA_ROPE: dict[str, Any] = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
ACCURATE = {
    "top1_accuracy": {"value": 0.99, "tolerance": 0},
    "top5_accuracy": {"value": 0.99, "tolerance": 0},
}


def hugging_face(family: str) -> Any:
    """Of four layers with seeded weights, whose likeliest tokens stand out, so that rounding leaves them."""
    import transformers

    if family == "llama":
        config: Any = transformers.LlamaConfig(rope_parameters=LLAMA_ROPE, **SIZES)
        model: Any = transformers.LlamaForCausalLM(config)
    else:
        config = transformers.Qwen3Config(**SIZES)
        model = transformers.Qwen3ForCausalLM(config)
    generator = torch.Generator().manual_seed(0)
    for name, weight in model.named_parameters():
        if weight.ndim == 2:
            nn.init.normal_(weight, std=1.0 if "embed" in name else 0.075, generator=generator)
    return model.eval()


def ours(theirs: Any) -> LanguageModel:
    """The same model, of ttci's modules."""
    model = LanguageModel(LanguageModelConfig.from_hugging_face(theirs.config.to_dict()))
    model.load_hugging_face(theirs.state_dict())
    return model.eval()


def without_rope_scaling(model: LanguageModel) -> LanguageModel:
    for layer in model.layers:
        layer.attention.rope_scaling = None  # type: ignore[union-attr]
    return model


def with_transposed_head(model: LanguageModel) -> LanguageModel:
    """As of a loader that reads [E, V] for [V, E]: the sizes fit all the same."""
    weight = model.lm_head.weight.detach()
    model.lm_head.weight = nn.Parameter(weight.reshape(weight.shape[::-1]).T.contiguous())
    return model


class OffByOne(LanguageModel):
    """Its first decode step leaves out a place of the cache."""

    def make_caches(self, batch: int, length: int) -> list[Any]:
        return super().make_caches(batch, length + 1)

    def prefill(self, ids: Tensor, caches: Any) -> Tensor:
        logits = super().prefill(ids, caches)
        for cache in caches:
            cache.position += 1
        return logits


def off_by_one(model: LanguageModel) -> LanguageModel:
    wrong = OffByOne(dataclasses.replace(model.config))
    wrong.load_state_dict(model.state_dict())
    return wrong


MISTAKES: dict[str, Callable[[LanguageModel], LanguageModel]] = {
    "rope_scaling": without_rope_scaling,
    "lm_head": with_transposed_head,
    "cache_position": off_by_one,
}


def language_model_test(name: str, module: Any, reference: Any = None, **options: Any) -> ModuleTest:
    """A prompt of 32 tokens, and as many decode steps."""
    given: dict[str, Any] = {
        "prompt_tokens": 32,
        "decode_tokens": 32,
        "performance_targets": ACCURATE,
    } | options
    return ModuleTest(name, kind="language-model", module=module, reference=reference, **given)
