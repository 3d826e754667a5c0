"""With the same weights, whole models and the parts with kernels of their own equal Hugging Face's."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig, MixtralConfig, ResNetConfig, ViTConfig, WhisperConfig
from transformers.models.bert.modeling_bert import BertModel
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock
from transformers.models.resnet.modeling_resnet import ResNetBottleNeckLayer, ResNetEmbeddings
from transformers.models.vit.modeling_vit import ViTForImageClassification
from transformers.models.whisper.modeling_whisper import WhisperEncoderLayer

from tests.language_models import hugging_face
from tests.root import ROOT
from ttci.manifest import load_manifest
from ttci.results import Outcome
from ttci.testing import TestResults, run_module_tests


@pytest.mark.parametrize(("channels", "width", "stride"), [(64, 64, 1), (256, 64, 1), (256, 128, 2)])
def test_a_resnet_bottleneck_equals_its_counterpart(channels: int, width: int, stride: int) -> None:
    theirs = _seeded(ResNetBottleNeckLayer(channels, 4 * width, stride))
    ours = _load("resnet50/model.py").Bottleneck(channels, width, stride)
    _take(ours, theirs, {"layer.0": "reduce", "layer.1": "middle", "layer.2": "expand"})
    _assert_same(ours, theirs, torch.randn(2, channels, 16, 16))


def test_the_resnet_stem_equals_its_counterpart() -> None:
    theirs, ours = (
        _seeded(ResNetEmbeddings(ResNetConfig(embedding_size=64))),
        _load("resnet50/model.py").Stem(),
    )
    _take(ours, theirs, {"embedder": "conv"})
    _assert_same(ours, theirs, torch.randn(2, 3, 64, 64))


def test_a_whisper_encoder_layer_equals_its_counterpart() -> None:
    config = WhisperConfig(d_model=128, encoder_attention_heads=4, encoder_ffn_dim=256)
    theirs, ours = _seeded(WhisperEncoderLayer(config)), _load("whisper/model.py").EncoderLayer(128, 4, 256)
    _take(ours, theirs, {"self_attn.": ""})
    _assert_same(ours, lambda x: theirs(x, None), torch.randn(2, 50, 128))


def test_mixtral_experts_equal_their_counterpart() -> None:
    sizes: dict[str, Any] = {"num_local_experts": 8, "num_experts_per_tok": 2}
    counterpart: Any = MixtralSparseMoeBlock  # which has no types
    theirs = _seeded(counterpart(MixtralConfig(hidden_size=64, intermediate_size=96, **sizes)))
    ours = _load("mixtral/model.py").Experts(64, 96)
    with torch.no_grad():
        ours.gate.weight.copy_(theirs.gate.weight)
        for index, expert in enumerate(ours.experts):
            gate, up = theirs.experts.gate_up_proj[index].chunk(2)
            expert.gate_proj.weight.copy_(gate)
            expert.up_proj.weight.copy_(up)
            expert.down_proj.weight.copy_(theirs.experts.down_proj[index])
    _assert_same(ours, theirs, torch.randn(2, 32, 64))


def test_a_whole_bert_equals_its_counterpart() -> None:
    [declared] = _load("bert/tiny.py").BertTiny().get_module_tests()
    sizes: dict[str, Any] = {
        "hidden_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 512,
        "vocab_size": 1000,
    }
    theirs = _seeded(BertModel(BertConfig(**sizes)))
    names = {
        "embeddings.LayerNorm": "norm",
        "embeddings.word_embeddings": "word_embeddings",
        "embeddings.position_embeddings.weight": "position_embeddings",
        "embeddings.token_type_embeddings.weight": "token_type_embeddings",
        "pooler.dense": "pooler",
        "encoder.layer": "layers",
        "attention.output.LayerNorm": "attention_norm",
        "output.LayerNorm": "ffn_norm",
        "attention.output.dense": "attention.o_proj",
        "intermediate.dense": "ffn.up_proj",
        "output.dense": "ffn.down_proj",
        "self.query": "q_proj",
        "self.key": "k_proj",
        "self.value": "v_proj",
    }
    _take(declared.module, theirs, names)
    _assert_same(declared.module, lambda ids: theirs(ids).to_tuple(), declared.inputs((2, 64)))


def test_a_whole_vision_transformer_equals_its_counterpart() -> None:
    [declared] = _load("vit/model.py").ViT().get_module_tests()
    sizes: dict[str, Any] = {
        "hidden_size": 192,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 768,
        "num_labels": 1000,
    }
    theirs = _seeded(ViTForImageClassification(ViTConfig(image_size=64, patch_size=8, **sizes)))
    names = {
        "vit.layernorm": "norm",
        "vit.": "",
        "embeddings.cls_token": "class_token",
        "embeddings.position_embeddings": "position_embeddings",
        "embeddings.patch_embeddings.projection": "patch_embedding",
        "layernorm_before": "attention_norm",
        "layernorm_after": "ffn_norm",
        "mlp.fc1": "ffn.up_proj",
        "mlp.fc2": "ffn.down_proj",
    }
    _take(declared.module, theirs, names)
    _assert_same(declared.module, lambda images: theirs(images).logits, torch.randn(2, 3, 64, 64))


def test_llama_is_judged_by_the_text_and_the_weights_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no manifest is: the CPU computes in float32
    monkeypatch.setenv("LLAMA3_8B_FOLDER", "checkpoint")
    hugging_face("llama").save_pretrained("checkpoint")
    (tmp_path / "checkpoint" / "tokens.json").write_text(json.dumps([7, 8, 9] * 16), encoding="utf-8")
    [result] = _judged_llama()
    figures = {measurement.name: measurement.value for measurement in result.measurements}
    assert result.outcome is Outcome.PASSED, result.message
    assert figures["top1_accuracy"] == 1


def test_llama_without_its_folder_is_no_pass_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLAMA3_8B_FOLDER", raising=False)
    [result] = _judged_llama()
    assert result.outcome is Outcome.ERROR
    assert "Llama-3.1-8B" in result.message


def test_llama_is_run_on_boards_only_and_only_where_they_are_named() -> None:
    manifest = load_manifest(ROOT / "models_manifest.toml")
    model = manifest.models["llama3-8b"]
    devices = [manifest.devices[name] for name in model.devices]
    assert all(device.target == "silicon" and device.on_demand for device in devices)
    assert set(model.targets) == set(model.devices)


def _judged_llama() -> TestResults:
    """On the CPU, of fewer tokens than it has on a board."""
    [test] = _load("llama3/whole.py").WholeLLaMA3().get_module_tests()
    given = {"input_shape": (1, 40), "prompt_tokens": 32, "decode_tokens": 8, "test_cases": ["correctness"]}
    return run_module_tests([replace(test, **given)], "cpu")


def _load(file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("whole_model", ROOT / "models" / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _seeded(module: Any) -> Any:
    """With weights of which no part leaves its input as it is; variances stay positive."""
    torch.manual_seed(0)
    for weight in module.state_dict().values():
        if weight.is_floating_point():
            weight.copy_(
                0.1 * torch.randn_like(weight) if weight.ndim > 1 else weight + torch.rand_like(weight)
            )
    return module.eval()


def _take(ours: nn.Module, theirs: nn.Module, names: dict[str, str]) -> None:
    """All weights of `theirs`, their names replaced in this order; a matrix for a convolution's weight."""
    taken: dict[str, Tensor] = {}
    for name, weight in theirs.state_dict().items():
        for before, after in names.items():
            name = name.replace(before, after)
        taken[name] = weight.reshape(ours.state_dict()[name].shape)
    ours.load_state_dict(taken)
    ours.eval()


@torch.no_grad()
def _assert_same(ours: nn.Module, theirs: Callable[[Tensor], Any], given: Tensor) -> None:
    torch.testing.assert_close(ours(given), theirs(given), rtol=1e-4, atol=1e-4)
