"""Declaring tests: the five shapes, mixed, inline and registered."""

import copy
import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from ttci.modules import attention, ffn, normalization
from ttci.testing import (
    DeclarationError,
    ModuleTest,
    ModuleTestSpec,
    TestableModule,
    TestConfig,
    register_module_tests,
    test_module,
)
from ttci.testing import discover as declarations
from ttci.testing.input_trial import full_shape
from ttci.testing.registry import registered_name

found_in = declarations.tests_of
WIDTH = 16
SHAPE = (1, 8, WIDTH)


@pytest.fixture(autouse=True)
def _in_a_folder_without_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def names(tests: list[ModuleTest]) -> list[str]:
    return [test.name for test in tests]


class AllShapes(nn.Module, TestableModule):
    """Declares in every way that a model can."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = normalization.RMSNorm(WIDTH)
        self.attention = test_module(attention.MultiHeadAttention(WIDTH, 2), test_name="inline")
        self.head = nn.Linear(WIDTH, 4)
        register_module_tests(self, "registered")

    def get_test_configs(self) -> dict[str, tuple[nn.Module, TestConfig]]:
        """Name one module by a configuration."""
        return {"configured": (self.norm, TestConfig("configured"))}

    def get_module_tests(self) -> list[ModuleTest]:
        """Name one module by a test."""
        return [ModuleTest("listed", module=self.head, input_shape=SHAPE)]


def test_the_shapes_of_one_model_mix() -> None:
    model = AllShapes()
    tests = {test.name: test.module for test in found_in(model)}
    assert tests == {
        "configured": model.norm,
        "listed": model.head,
        "registered_norm": model.norm,
        "registered_attention": model.attention,
        "registered_head": model.head,
        "inline": model.attention,
    }


def test_a_class_is_built_and_a_list_may_mix_models_tests_specs_and_pairs() -> None:
    spec = ModuleTestSpec("spec", "ffn.SwiGLU", {"hidden_dim": WIDTH, "intermediate_dim": 32})
    pair = (nn.Linear(WIDTH, 2), TestConfig("pair"))
    tests = found_in([AllShapes, spec, pair, ModuleTest("test", module=nn.Linear(WIDTH, 2))])
    assert names(tests)[-3:] == ["spec", "pair", "test"]
    assert len(tests) == 9
    assert isinstance(tests[6].module, ffn.SwiGLU)


def test_a_generator_of_tests_is_read_once() -> None:
    def tests() -> Iterator[ModuleTest]:
        yield ModuleTest("a", module=nn.Linear(WIDTH, 2))
        yield ModuleTest("b", module=nn.Linear(WIDTH, 2))

    assert names(found_in(tests())) == ["a", "b"]
    assert names(found_in(tests)) == ["a", "b"]


class _Drawn:
    def get_module_tests(self) -> list[ModuleTest]:
        return [ModuleTest("drawn", module=nn.Linear(WIDTH, 2))]


class _Yielded:
    def get_module_tests(self) -> Iterator[ModuleTest]:
        yield ModuleTest("drawn", module=nn.Linear(WIDTH, 2))


def _yielding() -> Iterator[ModuleTest]:
    yield ModuleTest("drawn", module=nn.Linear(WIDTH, 2))


@pytest.mark.parametrize("declared", [_Drawn, _Yielded, _yielding])
def test_weights_are_the_same_in_every_run_and_leave_random_numbers_alone(declared: object) -> None:
    def weights(seed: int) -> list[float]:
        torch.manual_seed(seed)
        (test,) = found_in(declared)
        assert isinstance(test.module, nn.Linear)
        return [*test.module.weight.flatten().tolist(), torch.rand(()).item()]

    *first, number = weights(seed=1)
    *second, other_number = weights(seed=2)
    assert first == second
    torch.manual_seed(1)
    assert number == torch.rand(()).item() != other_number


def test_a_class_that_only_has_the_methods_is_a_model_too() -> None:
    class Plain:
        def get_module_tests(self) -> list[ModuleTest]:
            return [ModuleTest("plain", module=nn.Linear(WIDTH, 2))]

    assert names(found_in(Plain)) == names(found_in(Plain())) == ["plain"]


def test_a_testable_module_may_list_its_found_instead_of_configuring_them() -> None:
    class Lists(TestableModule):
        def get_module_tests(self) -> list[ModuleTest]:
            return [ModuleTest("a", module=nn.Linear(WIDTH, 2))]

    assert names(found_in(Lists())) == ["a"]


def test_a_spec_finds_its_class_in_ttci_modules_or_by_a_dotted_path() -> None:
    inside = ModuleTestSpec("a", "normalization.RMSNorm", {"hidden_dim": WIDTH})
    outside = ModuleTestSpec("b", "torch.nn.Linear", {"in_features": WIDTH, "out_features": 2})
    assert [type(test.module) for test in found_in([inside, outside])] == [normalization.RMSNorm, nn.Linear]


def test_a_specs_weights_are_the_same_on_every_run() -> None:
    spec = ModuleTestSpec("a", "torch.nn.Linear", {"in_features": WIDTH, "out_features": 2})
    first, second = (found_in([spec])[0].module.weight for _ in range(2))
    assert torch.equal(first, second)


def test_test_module_returns_the_very_module_and_changes_nothing_about_it() -> None:
    module = nn.Linear(WIDTH, 4)
    before = dict(vars(module))
    assert test_module(module, test_name="it", expected_performance={"latency_ms": 5.0}) is module
    assert vars(module) == before
    assert names(found_in(module)) == ["it"]


def test_test_module_takes_batch_and_sequence() -> None:
    module = test_module(nn.Linear(WIDTH, 4), "it", test_batch_size=2, test_seq_len=32)
    assert full_shape(found_in(module)[0]) == (2, 32, WIDTH)


def test_registering_keeps_no_model_alive() -> None:
    model = AllShapes()
    found_in(model)
    gone: list[weakref.ref[nn.Module]] = [weakref.ref(model), weakref.ref(model.attention)]
    del model
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_a_copy_of_a_model_is_not_registered() -> None:
    model = AllShapes()
    assert registered_name(model) == "registered"
    assert registered_name(copy.deepcopy(model)) is None


def test_a_registered_function_gives_one_test_a_module() -> None:
    @register_module_tests("by_function")
    def modules() -> dict[str, nn.Module]:
        return {"norm": normalization.RMSNorm(WIDTH), "head": nn.Linear(WIDTH, 2)}

    assert names(found_in(modules)) == ["by_function_norm", "by_function_head"]


def test_a_name_that_another_function_has_is_refused() -> None:
    @register_module_tests("taken")
    def first() -> dict[str, nn.Module]:  # first definition
        return {"norm": normalization.RMSNorm(WIDTH)}

    with pytest.raises(DeclarationError, match=r'"taken" is registered twice, before at .*:\d+; choose'):

        @register_module_tests("taken")
        def second() -> dict[str, nn.Module]:
            return {}
