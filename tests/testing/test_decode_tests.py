"""Tests of a decode step: what is declared, made ready, measured."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ttci.checks.performance import measure
from ttci.devices import open_device
from ttci.errors import InputError
from ttci.manifest import Pair, TestTargets, TorchDeviceEntry, load_manifest
from ttci.modules import attention
from ttci.results import Outcome, Result, Verdict
from ttci.testing import DeclarationError, ModuleTest, TestConfig, test_module
from ttci.testing.choice import Choice, declared_tests
from ttci.testing.judge import judge_case

WIDTH, LENGTH = 32, 24


@pytest.fixture(autouse=True)
def _in_a_folder_without_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def heads() -> attention.MultiHeadAttention:
    return attention.MultiHeadAttention(WIDTH, 4, 2, rope_theta=10000.0)


def decode_test(module: Any = None, **options: Any) -> ModuleTest:
    return ModuleTest("step", module=module or heads(), **{"decode_cache_length": LENGTH} | options)


def judged(test: ModuleTest, check: str, dtype: str = "bfloat16", **choice: Any) -> Result:
    entry = TorchDeviceEntry.model_validate({"backend": "torch", "dtype": dtype, "max-tokens": 16})
    cases = Choice(Pair("model", "cpu"), open_device("cpu", entry), [test], **choice).cases
    (case,) = [case for case in cases if case.check == check]
    return judge_case(case, lambda call: measure(call, max_seconds=0.01))


class Attention(attention.MultiHeadAttention):
    """As above; a mistake may be made in decoding alone."""

    def __init__(self, mistake: str = "") -> None:
        super().__init__(WIDTH, 4, 2, rope_theta=10000.0)
        self.mistake = mistake
        self.calls = 0

    def decode(self, x: Tensor, cache: attention.KVCache) -> Tensor:
        self.calls += 1
        if self.mistake == "forgets the cache":
            cache = self.make_cache(x.shape[0], cache.keys.shape[2], torch.Generator())
        if self.mistake == "moves on":
            cache.position -= 1
        return super().decode(x, cache)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_decode_step_is_judged_against_its_float32_reference(dtype: str, batch: int) -> None:
    result = judged(decode_test(input_shape=(batch, 1, WIDTH)), "correctness", dtype)
    assert result.outcome is Outcome.PASSED
    assert result.config["input_shape"] == [batch, 1, WIDTH]


def test_one_token_a_row_is_the_shape_that_is_worked_out() -> None:
    assert judged(decode_test(), "correctness").config["input_shape"] == [1, 1, WIDTH]
    model = nn.Sequential(test_module(heads(), "step", test_batch_size=3, decode_cache_length=LENGTH))
    (test,) = declared(model)
    assert judged(test, "correctness").config["input_shape"] == [3, 1, WIDTH]


def declared(model: nn.Module) -> list[ModuleTest]:
    from ttci.testing.discover import tests_of

    return tests_of(model)


def test_the_cache_is_cut_to_what_the_device_takes_and_the_result_says_so() -> None:
    config = judged(decode_test(input_shape=(2, 1, WIDTH)), "correctness").config
    assert config["decode_cache_length"] == 8  # 16 tokens of two rows
    assert config["cache_cut_from"] == LENGTH
    assert "cache_cut_from" not in judged(decode_test(decode_cache_length=5), "correctness").config


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("forgets the cache", "with the reference, at least 0.999000 is needed"),
        ("moves on", "a second call on the same input gave another"),
    ],
)
def test_a_mistake_in_decoding_is_found(mistake: str, message: str) -> None:
    right = Attention()
    wrong = Attention(mistake)
    wrong.load_state_dict(right.state_dict())
    result = judged(decode_test(wrong, reference=right), "correctness")
    assert result.outcome is Outcome.FAILED
    assert message in result.message


def test_a_reference_function_takes_token_and_cache() -> None:
    module = heads()
    calls: list[tuple[int, ...]] = []

    def reference(x: Tensor, cache: attention.KVCache) -> Tensor:
        calls.append(tuple(cache.keys.shape))
        return module.decode(x, cache)

    assert judged(decode_test(module, reference=reference), "correctness").outcome is Outcome.PASSED
    assert set(calls) == {(1, 2, 16, 8)}  # once more for each pass that shows what rounding does


def test_a_decode_step_has_no_gradients_to_check() -> None:
    assert decode_test().checks == ("correctness", "performance", "memory")


def test_its_memory_counts_weights_cache_and_input() -> None:
    module = heads()
    (memory,) = judged(decode_test(module), "memory").measurements
    weights = sum(weight.numel() for weight in module.parameters())
    cache = 2 * 16 * WIDTH // 2
    assert memory.value is not None
    assert memory.value * 1e6 >= 2 * (weights + cache + WIDTH)  # bfloat16


@pytest.mark.parametrize(("target", "verdict"), [(1e-3, Verdict.IMPROVED), (1e12, Verdict.MISSED)])
def test_its_latency_gives_tokens_a_second_which_a_target_binds(target: float, verdict: Verdict) -> None:
    test = decode_test(performance_targets={"tokens_per_s_per_user": target})
    result = judged(test, "performance")
    latency, rate = result.measurements
    assert latency.value is not None
    assert rate.value == pytest.approx(1000 / latency.value)
    assert (rate.name, rate.unit, rate.direction) == ("tokens_per_s_per_user", "tokens/s/user", "higher")
    assert rate.verdict is verdict
    assert result.outcome is (Outcome.FAILED if verdict is Verdict.MISSED else Outcome.PASSED)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decode_cache_length": 0}, "decode_cache_length is 0; give a positive integer"),
        ({"decode_cache_length": True}, "decode_cache_length is True; give a positive integer"),
        ({"input_shape": (1, 8, WIDTH)}, "a decode step takes one token a row: (batch, 1, width)"),
        ({"test_cases": ["gradients"]}, "a decode step has no gradients; leave test_cases out"),
        ({"module": nn.Linear(8, 8)}, "Linear cannot decode: it has no decode and no make_cache; give it"),
    ],
)
def test_what_cannot_be_decoded_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(message)) as caught:
        decode_test(options.pop("module", None), **options)
    assert str(caught.value).startswith(f"{__file__}:")


def test_tokens_a_second_of_another_test_are_refused() -> None:
    with pytest.raises(DeclarationError, match="is measured of a decode step; give decode_cache_length"):
        TestConfig("it", performance_targets={"tokens_per_s_per_user": 20.0})


def test_tokens_a_second_of_another_test_are_refused_in_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        "from torch import nn\nfrom ttci.testing import ModuleTest\n"
        "TESTS = [ModuleTest('it', module=nn.Linear(8, 8))]\n"
    )
    manifest = tmp_path / "models_manifest.toml"
    manifest.write_text(
        '[devices.cpu]\nbackend = "torch"\n[models.m]\nsource = "model.py"\ndevices = ["cpu"]\n'
        "[models.m.targets.cpu.it]\ntokens_per_s_per_user = 20.0\n"
    )
    with pytest.raises(InputError, match=r"models_manifest.toml:7: .*tokens_per_s_per_user: is measured of"):
        declared_tests(load_manifest(manifest), "m")


def test_a_target_of_the_manifest_binds_a_decode_step() -> None:
    targets = {"step": TestTargets.model_validate({"tokens_per_s_per_user": {"value": 1e12}})}
    result = judged(decode_test(), "performance", targets=targets, has_manifest=True)
    assert result.outcome is Outcome.FAILED
    assert "tokens_per_s_per_user missed its target: measured" in result.message


def test_a_module_that_is_no_torch_module_needs_a_reference() -> None:
    with pytest.raises(DeclarationError, match=r"give a torch.nn.Module, or, where it takes and gives"):
        ModuleTest("it", module=len)
    with pytest.raises(DeclarationError, match=r"module is a int; give a torch.nn.Module"):
        ModuleTest("it", module=3)


def test_a_module_that_is_ttnn_already_is_unavailable_on_torch() -> None:
    test = ModuleTest("it", module=len, reference=torch.neg, input_shape=(1, 8, 4))
    for check in test.checks:
        result = judged(test, check)
        assert result.outcome is Outcome.UNAVAILABLE
        assert "runs on ttnn devices only" in result.message
