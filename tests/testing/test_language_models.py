"""Tests of a whole language model: a prompt, then a decode step a token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.language_models import MISTAKES, hugging_face, language_model_test, ours
from ttci.errors import InputError
from ttci.modules.language_model import LanguageModel
from ttci.results import Outcome, Result
from ttci.testing import ModuleTest, run_module_tests
from ttci.testing.config import DeclarationError

pytest.importorskip("transformers")
FAMILIES = ("llama", "qwen3")


@pytest.fixture(autouse=True)
def _no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the CPU computes in float32."""
    monkeypatch.chdir(tmp_path)


def results(*tests: ModuleTest) -> dict[str, Result]:
    class Model:
        def get_module_tests(self) -> list[ModuleTest]:
            return list(tests)

    found = run_module_tests(Model(), "cpu")
    return {f"{result.test}[{result.check}]": result for result in found}


def figures(result: Result) -> dict[str, float | None]:
    return {measurement.name: measurement.value for measurement in result.measurements}


@pytest.mark.parametrize("family", FAMILIES)
def test_ttcis_model_and_hugging_faces_own_cache_equal_one_pass_of_hugging_faces(family: str) -> None:
    theirs = hugging_face(family)
    found = results(
        language_model_test("ours", ours(theirs), theirs, test_cases=["correctness"]),
        language_model_test("theirs", theirs, test_cases=["correctness"]),
    )
    for name in ("ours", "theirs"):
        result = found[f"{name}[correctness]"]
        assert result.outcome is Outcome.PASSED, result.message
        assert figures(result)["top1_accuracy"] == figures(result)["top5_accuracy"] == 1
        least = figures(result)["least_correlation"]
        assert least is not None
        assert least > 0.999


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_of_a_whole_model_is_found(mistake: str) -> None:
    theirs = hugging_face("llama")
    wrong = MISTAKES[mistake](ours(theirs))
    result = results(language_model_test("wrong", wrong, theirs, test_cases=["correctness"]))[
        "wrong[correctness]"
    ]
    assert result.outcome is Outcome.FAILED
    assert "positions" in result.message
    assert result.error_map is not None


def test_where_the_logits_go_wrong_is_told() -> None:
    theirs = hugging_face("llama")
    wrong = MISTAKES["cache_position"](ours(theirs))
    result = results(language_model_test("wrong", wrong, theirs, test_cases=["correctness"]))[
        "wrong[correctness]"
    ]
    assert "the prompt is right, decode step 1 is not" in result.message


def test_its_time_is_told_by_prompt_and_by_decoded_token() -> None:
    test = language_model_test(
        "m",
        ours(hugging_face("qwen3")),
        test_cases=["performance"],
        performance_targets=None,
        measure_seconds=0.2,
    )
    found = figures(results(test)["m[performance]"])
    latency, first = found["latency_ms"], found["time_to_first_token_ms"]
    assert latency is not None
    assert first is not None
    assert latency > first > 0
    assert found["tokens_per_s_per_user"] == pytest.approx(32 * 1000 / (latency - first))


def test_fewer_layers_are_those_of_the_reference_too() -> None:
    theirs = hugging_face("llama")
    test = language_model_test("m", ours(theirs), theirs, layers=2, test_cases=["correctness"])
    result = results(test)["m[correctness]"]
    assert result.outcome is Outcome.PASSED, result.message
    whole = language_model_test("m", ours(theirs), theirs, test_cases=["correctness"])
    assert len(theirs.model.layers) == 4  # it is left as it was
    assert results(whole)["m[correctness]"].outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"kind": "language_model"}, "unknown kind 'language_model'; did you mean \"language-model\""),
        ({"layers": 2}, 'layers: of a language model only; give kind="language-model"'),
        ({"performance_targets": {"top1_accuracy": 0.9}}, "top1_accuracy is measured of a language model"),
        ({"kind": "language-model", "prompt_tokens": 0}, "prompt_tokens is 0; give a positive integer"),
        ({"kind": "language-model", "decode_cache_length": 8}, "makes its own caches"),
        ({"kind": "language-model", "input_shape": (1, 8, 64)}, "takes ids: (batch, tokens)"),
    ],
)
def test_what_cannot_be_meant_is_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(DeclarationError) as raised:
        ModuleTest("m", module=torch.nn.Linear(4, 4), **options)
    assert told in str(raised.value)


def saved(folder: Path, model: Any, tensors: dict[str, torch.Tensor]) -> Path:
    from safetensors.torch import save_file

    (folder / "config.json").write_text(json.dumps(model.config.to_dict()), encoding="utf-8")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    return folder


def tensors_of(model: Any) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in model.state_dict().items() if name != "lm_head.weight"}


def test_a_checkpoint_is_read_from_its_folder_with_as_many_layers_as_are_asked_for(tmp_path: Path) -> None:
    theirs = hugging_face("qwen3")
    folder = saved(tmp_path, theirs, tensors_of(theirs))
    ids = torch.arange(16)[None]
    with torch.no_grad():
        assert torch.equal(LanguageModel.from_folder(folder)(ids), theirs(ids).logits)
    assert len(LanguageModel.from_folder(folder, layers=1).layers) == 1


def test_all_that_is_wrong_with_a_checkpoint_is_told_at_once(tmp_path: Path) -> None:
    theirs = hugging_face("llama")
    tensors = tensors_of(theirs)
    del tensors["model.norm.weight"]
    tensors["model.layers.0.mlp.up_proj.weight"] = tensors["model.layers.0.mlp.up_proj.weight"].T
    tensors["model.rotary.weight"] = torch.zeros(1)
    with pytest.raises(InputError) as raised:
        LanguageModel.from_folder(saved(tmp_path, theirs, tensors))
    told = str(raised.value)
    assert "missing: model.norm.weight" in told
    assert "left over: model.rotary.weight" in told
    assert "of another shape: model.layers.0.mlp.up_proj.weight 256 x 512 instead of 512 x 256" in told


def test_a_family_that_is_not_here_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}', encoding="utf-8")
    with pytest.raises(InputError, match="model_type is 'gpt2'; there are llama, mistral, qwen3"):
        LanguageModel.from_folder(tmp_path)
