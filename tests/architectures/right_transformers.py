"""Tiny configurations of Hugging Face models with random weights; nothing is downloaded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tests.architectures.entries import Config, Right, with_inputs

WIDTH, HEADS, VOCABULARY = 32, 4, 60

# The names by which configurations call the same sizes.
# One layer where layers are alike: what a check costs grows with the number of parameters.
DECODER = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": HEADS,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GROUPED = {**DECODER, "num_key_value_heads": 2}
EXPERTS = {**GROUPED, "moe_intermediate_size": 24, "num_experts_per_tok": 2}
EXPERTS_IN_EACH_LAYER = {**EXPERTS, "num_experts": 4}
LATENT = {
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
}
GPT = {"vocab_size": VOCABULARY, "n_embd": WIDTH, "n_layer": 1, "n_head": HEADS, "n_positions": 64}
ENCODER = {**DECODER, "type_vocab_size": 2}
SEQUENCE_TO_SEQUENCE = {
    "vocab_size": VOCABULARY,
    "d_model": WIDTH,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": HEADS,
    "decoder_attention_heads": HEADS,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}
VISION = {
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": HEADS,
    "image_size": 16,
    "patch_size": 4,
}
STATE_SPACE = {"vocab_size": VOCABULARY, "hidden_size": WIDTH, "state_size": 8, "num_hidden_layers": 1}

# What is set of the configuration, by model type.
TEXT_MODELS: dict[str, dict[str, Any]] = {
    "bert": ENCODER,
    "roberta": ENCODER,
    "electra": {**ENCODER, "embedding_size": 16},
    "albert": {**ENCODER, "embedding_size": 16},
    "deberta-v2": {**ENCODER, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    "distilbert": {"vocab_size": VOCABULARY, "dim": WIDTH, "n_layers": 2, "n_heads": HEADS, "hidden_dim": 48},
    "modernbert": {**DECODER, "cls_token_id": 1, "sep_token_id": 2},
    "gpt2": GPT,
    "gptj": {**GPT, "rotary_dim": 4},
    "gpt_neox": DECODER,
    "opt": {**DECODER, "ffn_dim": 48, "word_embed_proj_dim": WIDTH},
    "bloom": {"vocab_size": VOCABULARY, "hidden_size": WIDTH, "n_layer": 1, "n_head": HEADS},
    "falcon": {**DECODER, "ffn_hidden_size": 48},
    "mpt": {"vocab_size": VOCABULARY, "d_model": WIDTH, "n_heads": HEADS, "n_layers": 1, "max_seq_len": 64},
    "llama": GROUPED,
    "mistral": {**GROUPED, "sliding_window": 4},
    "qwen2": GROUPED,
    "qwen3": {**GROUPED, "head_dim": 8},
    "gemma": {**GROUPED, "head_dim": 8},
    "gemma2": {
        **GROUPED,
        "num_hidden_layers": 2,
        "head_dim": 8,
        "sliding_window": 4,
        "query_pre_attn_scalar": 8,
    },
    "gemma3_text": {
        **GROUPED,
        "num_hidden_layers": 2,
        "head_dim": 8,
        "sliding_window": 4,
        "query_pre_attn_scalar": 8,
    },
    "phi": DECODER,
    "phi3": GROUPED,
    "olmo": GROUPED,
    "olmo2": GROUPED,
    "granite": {**GROUPED, "attention_multiplier": 0.35, "residual_multiplier": 0.5},
    "stablelm": GROUPED,
    "cohere": GROUPED,
    "mixtral": {**EXPERTS, "num_local_experts": 4},
    "qwen2_moe": {**EXPERTS_IN_EACH_LAYER, "shared_expert_intermediate_size": 24},
    "qwen3_moe": {**EXPERTS_IN_EACH_LAYER, "head_dim": 8},
    "olmoe": EXPERTS_IN_EACH_LAYER,
    "deepseek_v3": {
        **EXPERTS,
        **LATENT,
        "num_key_value_heads": HEADS,
        "n_routed_experts": 8,
        "n_group": 2,
        "topk_group": 1,
        "first_k_dense_replace": 1,
        "num_hidden_layers": 2,
    },
    "mamba": STATE_SPACE,
    "mamba2": {**STATE_SPACE, "head_dim": 16, "num_heads": 4, "n_groups": 1, "chunk_size": 4},
    "rwkv": {
        "vocab_size": VOCABULARY,
        "hidden_size": WIDTH,
        "attention_hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "use_cache": False,
    },
}


class First(nn.Module):
    """A model's first output, its cache left out."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, **inputs: Any) -> Tensor:
        output: Tensor = self.model(**inputs, return_dict=True)[0]
        return output


def model_of(
    model_type: str, sizes: dict[str, Any], part: Callable[[Any], nn.Module] | None = None
) -> nn.Module:
    """A model with random weights; its `part` where one is asked for."""
    from transformers import AutoConfig, AutoModel  # here: their import takes seconds

    logging.getLogger("transformers").setLevel(logging.ERROR)
    configuration = AutoConfig.for_model(model_type, **sizes)
    model = AutoModel.from_config(configuration)  # type: ignore[no-untyped-call]
    return First(model if part is None else part(model))


def text(shape: tuple[int, ...], draw: torch.Generator) -> dict[str, Tensor]:
    """Ids, the first of one row being padding."""
    mask = torch.ones(shape, dtype=torch.long)
    mask[0, : shape[1] // 3] = 0
    tokens = torch.randint(3, VOCABULARY, shape, generator=draw) * mask  # the padding's id is 0
    return {"input_ids": tokens, "attention_mask": mask}


def feature(name: str, *shape: int) -> Callable[[int], Config]:
    """One keyword input."""
    return with_inputs(shape, lambda cut, draw: {name: torch.randn(cut, generator=draw)})


def text_model(model_type: str, sizes: dict[str, Any], part: Any = None) -> Right:
    name = f"{model_type} encoder" if part else model_type
    return Right(name, lambda: model_of(model_type, sizes, part), with_inputs((2, 10), text))


def other_model(
    model_type: str, sizes: dict[str, Any], config: Callable[[int], Config], part: Any = None
) -> Right:
    return Right(model_type, lambda: model_of(model_type, sizes, part), config)


def encoder_of(model: Any) -> Any:
    return model.get_encoder()


def vision_of(model: Any) -> Any:
    return model.vision_model


T5 = {"vocab_size": VOCABULARY, "d_model": WIDTH, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": HEADS}
SWIN = {
    "image_size": 16,
    "patch_size": 2,
    "embed_dim": 8,
    "depths": [2, 1],
    "num_heads": [2, 4],
    "window_size": 4,
}
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}
CONVNEXT = {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2, "patch_size": 2}
WHISPER = {**SEQUENCE_TO_SEQUENCE, "num_mel_bins": 8, "max_source_positions": 10}
WAV2VEC2 = {
    **DECODER,
    "conv_dim": [8, 8],
    "conv_kernel": [10, 3],
    "conv_stride": [5, 2],
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
PIXELS = feature("pixel_values", 2, 3, 16, 16)

RIGHT = [
    *(text_model(model_type, sizes) for model_type, sizes in TEXT_MODELS.items()),
    text_model("t5", T5, encoder_of),
    text_model("bart", SEQUENCE_TO_SEQUENCE, encoder_of),
    other_model("vit", VISION, PIXELS),
    other_model("deit", VISION, PIXELS),
    other_model("swin", SWIN, PIXELS),
    other_model("clip", {"vision_config": VISION, "text_config": DECODER}, PIXELS, vision_of),
    other_model("resnet", RESNET, PIXELS),
    other_model("convnext", CONVNEXT, PIXELS),
    other_model("whisper", WHISPER, feature("input_features", 2, 8, 20), encoder_of),
    other_model("wav2vec2", WAV2VEC2, feature("input_values", 2, 200)),
]
