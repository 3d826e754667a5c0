"""A whole language model: token ids in, logits out; by one pass, or by prefill and decode steps.

Shapes: B batch, S tokens, P of them the prompt, E hidden dim, V vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from ttci.errors import InputError
from ttci.modules.attention import KVCache, MultiHeadAttention, RopeScaling
from ttci.modules.block import DecoderBlock
from ttci.modules.checkpoint import load_into, tensors_in_folder
from ttci.modules.embedding import Embedding
from ttci.modules.ffn import SwiGLU
from ttci.modules.normalization import RMSNorm

__all__ = ["LanguageModel", "LanguageModelConfig"]

_FAMILIES = ("llama", "mistral", "qwen3")  # whose layers these are
_SCALINGS = (None, "default", "llama3")


@dataclass(frozen=True)
class LanguageModelConfig:
    """The sizes of a Llama, a Mistral or a Qwen3 (which has ``qk_norm``)."""

    vocab_size: int
    hidden_dim: int
    intermediate_dim: int
    layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    rope_theta: float
    rope_scaling: RopeScaling | None = None
    norm_eps: float = 1e-6
    qk_norm: bool = False
    tied: bool = False  # lm_head has the embedding's weight

    @classmethod
    def from_hugging_face(cls, config: Mapping[str, Any]) -> LanguageModelConfig:
        """Of a ``config.json``, or ``transformers``' ``config.to_dict()``.

        Raises:
            InputError: It is of a family, or asks for something, that is not here.
        """
        rope = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
        wrong = [*_not_here(config, rope)]
        if wrong:
            raise InputError(f"this model is not here: {'; '.join(wrong)}")
        heads = config["num_attention_heads"]
        return cls(
            vocab_size=config["vocab_size"],
            hidden_dim=config["hidden_size"],
            intermediate_dim=config["intermediate_size"],
            layers=config["num_hidden_layers"],
            num_heads=heads,
            num_kv_heads=config.get("num_key_value_heads") or heads,
            head_dim=config.get("head_dim") or config["hidden_size"] // heads,
            rope_theta=rope.get("rope_theta", config.get("rope_theta", 10000.0)),
            rope_scaling=_scaling(rope),
            norm_eps=config["rms_norm_eps"],
            qk_norm=config["model_type"] == "qwen3",
            tied=bool(config.get("tie_word_embeddings")),
        )


class LanguageModel(nn.Module):
    """Embedding, decoder blocks, a norm and the head: ``LlamaForCausalLM``, ``Qwen3ForCausalLM``.

    Args:
        config: Its sizes.
    """

    def __init__(self, config: LanguageModelConfig) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = config.vocab_size
        self.embedding = Embedding(config.vocab_size, config.hidden_dim)
        self.layers = nn.ModuleList(_block(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.hidden_dim, config.norm_eps)
        self.lm_head = nn.Linear(config.hidden_dim, config.vocab_size, bias=False)
        if config.tied:
            self.lm_head.weight = self.embedding.weight

    @classmethod
    def from_folder(cls, folder: Path | str, layers: int | None = None) -> LanguageModel:
        """A checkpoint as Hugging Face lays it out: ``config.json`` and ``*.safetensors``.

        Args:
            folder: On this machine; nothing is fetched.
            layers: The first so many; all where None.

        Raises:
            InputError: Tensors are missing, left over or of another shape; all are named.
        """
        path = Path(folder)
        file = path / "config.json"
        if not file.is_file():
            raise InputError(f"{file}: there is no such file; give the folder of a checkpoint")
        config = LanguageModelConfig.from_hugging_face(json.loads(file.read_text(encoding="utf-8")))
        model = cls(config if layers is None else replace(config, layers=layers))
        model.load_hugging_face(tensors_in_folder(path), str(path), config.layers)
        return model

    def load_hugging_face(
        self, tensors: Mapping[str, Tensor], source: str = "state dict", layers: int | None = None
    ) -> None:
        """Take the weights of a Hugging Face model, by their names there.

        Args:
            tensors: The state dict.
            source: What a message calls it.
            layers: How many the checkpoint has; those behind the model's own are left out.

        Raises:
            InputError: Tensors are missing, left over or of another shape; all are named.
        """
        own, has = len(self.layers), layers or len(self.layers)
        left_out = tuple(f"model.layers.{index}." for index in range(own, has))
        wanted = {_hugging_face_name(name): weight for name, weight in self.named_parameters()}
        given = {name: tensor for name, tensor in tensors.items() if not name.startswith(left_out)}
        if self.config.tied:
            given.pop("lm_head.weight", None)
        load_into(wanted, given, source)

    def forward(self, ids: Tensor) -> Tensor:
        """The logits at every position, by one pass without a cache: [B, S] to [B, S, V]."""
        x = self.embedding(ids)
        for layer in self.layers:
            x = layer(x)
        return self._logits(x)

    def make_caches(self, batch: int, length: int) -> list[KVCache]:
        """An empty cache for each layer, of so many tokens."""
        return [_empty_cache(cast("DecoderBlock", layer), batch, length) for layer in self.layers]

    @torch.no_grad()
    def prefill(self, ids: Tensor, caches: Sequence[KVCache]) -> Tensor:
        """The logits behind a prompt, [B, P] to [B, 1, V]; its keys and values go to the caches."""
        x = self.embedding(ids)
        for layer, cache in zip(self.layers, caches, strict=True):
            x = cast("DecoderBlock", layer).prefill(x, cache)
        return self._logits(x[:, -1:])

    @torch.no_grad()
    def decode(self, ids: Tensor, caches: Sequence[KVCache]) -> Tensor:
        """The logits behind one more token, [B, 1] to [B, 1, V]; the caches move on by one."""
        x = self.embedding(ids)
        for layer, cache in zip(self.layers, caches, strict=True):
            x = cast("DecoderBlock", layer).decode(x, cache)
            cache.position += 1
        return self._logits(x)

    def _logits(self, x: Tensor) -> Tensor:
        logits: Tensor = self.lm_head(self.norm(x))
        return logits


def _block(config: LanguageModelConfig) -> DecoderBlock:
    attention = MultiHeadAttention(
        config.hidden_dim,
        config.num_heads,
        config.num_kv_heads,
        config.head_dim,
        config.rope_theta,
        config.rope_scaling,
        qk_norm=config.qk_norm,
        norm_eps=config.norm_eps,
    )
    attention_norm, ffn_norm = (RMSNorm(config.hidden_dim, config.norm_eps) for _ in range(2))
    ffn = SwiGLU(config.hidden_dim, config.intermediate_dim)
    return DecoderBlock(attention, ffn, attention_norm, ffn_norm)


def _empty_cache(layer: DecoderBlock, batch: int, length: int) -> KVCache:
    attention = cast("MultiHeadAttention", layer.attention)
    weight = attention.k_proj.weight
    shape = (batch, attention.num_kv_heads, length, attention.head_dim)
    return KVCache(weight.new_zeros(shape), weight.new_zeros(shape), 0)


def _hugging_face_name(name: str) -> str:
    """What Hugging Face calls a weight of ours."""
    if name.startswith("lm_head."):
        return name
    parts = {
        "embedding.": "embed_tokens.",
        ".attention.": ".self_attn.",
        ".ffn.": ".mlp.",
        ".attention_norm.": ".input_layernorm.",
        ".ffn_norm.": ".post_attention_layernorm.",
    }
    for own, theirs in parts.items():
        name = name.replace(own, theirs)
    return f"model.{name}"


def _not_here(config: Mapping[str, Any], rope: Mapping[str, Any]) -> list[str]:
    family, scaling = config.get("model_type"), rope.get("rope_type", rope.get("type"))
    wrong = []
    if family not in _FAMILIES:
        wrong.append(f"model_type is {family!r}; there are {', '.join(_FAMILIES)}")
    if scaling not in _SCALINGS:
        wrong.append(f"rope_type is {scaling!r}; there are default and llama3")
    if config.get("attention_bias") or config.get("mlp_bias"):
        wrong.append("it has biases, which LanguageModel has not")
    if config.get("use_sliding_window"):
        wrong.append("its attention has a sliding window")
    return wrong


def _scaling(rope: Mapping[str, Any]) -> RopeScaling | None:
    if rope.get("rope_type", rope.get("type")) != "llama3":
        return None
    return RopeScaling(
        factor=rope["factor"],
        low_freq_factor=rope["low_freq_factor"],
        high_freq_factor=rope["high_freq_factor"],
        original_max_position=rope["original_max_position_embeddings"],
    )
