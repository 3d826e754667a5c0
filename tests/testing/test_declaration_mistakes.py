"""Wrong declarations are refused at the line of the user that is wrong."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ttci.errors import InputError
from ttci.modules import attention, normalization
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

found_in = declarations.tests_of
WIDTH = 16
SHAPE = (1, 8, WIDTH)


@pytest.fixture(autouse=True)
def _in_a_folder_without_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def line_of(marker: str) -> int:
    """The line of this file that `marker` ends."""
    lines = Path(__file__).read_text().splitlines()
    (line,) = [number for number, line in enumerate(lines, start=1) if line.endswith(f"# {marker}")]
    return line


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "a[b]"}, "'a[b]' is no name; use printable text without brackets and '::'"),
        ({"name": 5}, "5 is no name"),
        ({"input_shape": (1, 0)}, "input_shape is (1, 0); give a tuple of positive integers"),
        ({"input_shape": "12"}, "input_shape is '12'"),
        ({"expected_output_shape": (True,)}, "expected_output_shape is (True,)"),
        ({"tolerance": 0}, "tolerance is 0; give a number above 0"),
        ({"tolerance": float("nan")}, "tolerance is nan"),
        ({"measure_seconds": 0}, "measure_seconds is 0; give a number of seconds above 0, like 10"),
        ({"measure_seconds": "10 s"}, "measure_seconds is '10 s'; give a number of seconds"),
        ({"measure_seconds": True}, "measure_seconds is True; give a number of seconds"),
        ({"performance_targets": {"latncy_ms": 5}}, "'latncy_ms'; did you mean \"latency_ms\"?"),
        ({"performance_targets": {"latency_ms": "5"}}, "target latency_ms"),
        ({"performance_targets": {"latency_ms": -5}}, "target latency_ms"),
        (
            {
                "decode_cache_length": 8,
                "performance_targets": {"tokens_per_s_per_user": {"value": 9, "tolerance": 1}},
            },
            "target tokens_per_s_per_user.tolerance: 1 can never be missed",
        ),
        ({"performance_targets": [5]}, "the targets are a list; give a dict"),
        ({"test_cases": ["corectness"]}, "unknown check 'corectness'; did you mean \"correctness\"?"),
        ({"test_cases": "memory"}, "test_cases is 'memory'; give a list of correctness, gradients"),
        ({"test_cases": []}, "test_cases is []; give a list"),
        ({"inputs": torch.ones(2)}, "inputs is a Tensor; give a function"),
        ({"reference": "torch"}, "reference is a str; give a function"),
    ],
    ids=str,
)
def test_a_wrong_value_is_refused_where_it_is_written(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        TestConfig(**{"name": "it", **arguments})  # wrong value
    assert f"{__file__}:{line_of('wrong value')}: " in str(caught.value)
    assert message in str(caught.value)


def test_every_mistake_of_a_declaration_is_told_at_once() -> None:
    with pytest.raises(DeclarationError) as caught:
        TestConfig("it", tolerance=-1, test_cases=["a", "b"])
    assert len(caught.value.mistakes) == 3


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: ModuleTest("it", module=nn.Linear), "module is a type; give a torch.nn.Module"),
        (lambda: test_module(5, "it"), "got a int; give a torch.nn.Module"),  # type: ignore[type-var]
        (
            lambda: test_module(nn.Identity(), "it", test_seq_len=0),
            "test_seq_len is 0; give a positive integer",
        ),
        (lambda: register_module_tests(nn.Identity()), "register_module_tests(model, name) needs a name"),  # type: ignore[call-overload]
        (lambda: register_module_tests(5), "takes a name, or a model and a name"),  # type: ignore[call-overload]
        (lambda: ModuleTestSpec("it", nn.Linear), "give a dotted path"),  # type: ignore[arg-type]
        (lambda: ModuleTestSpec("it", "a.B", [1]), "config is [1]; give a dict"),  # type: ignore[arg-type]
        (lambda: found_in([TestConfig("it")]), "has no module; give a ModuleTest"),
        (lambda: found_in("attention"), "a str declares no tests; give a model, a list of tests"),
        (lambda: found_in(["attention"]), "a str declares no tests"),
        (lambda: found_in(torch.ones(3)), "a Tensor declares no tests"),
        (lambda: found_in(5), "a int declares no tests"),
        (lambda: found_in([]), "a list is empty"),
        (lambda: found_in(nn.Linear(2, 2)), "Linear declares no tests; give it get_test_configs()"),
        (lambda: found_in([AllShapes, nn.Linear(2, 2)]), "Linear declares no tests"),
        (lambda: found_in(TestableModule()), "TestableModule declares no tests"),
        (lambda: found_in({"a": 5}), '"a": give a (module, TestConfig) pair, not a int'),
        (lambda: found_in({"a]": nn.Linear(2, 2)}), "'a]' is no name"),
        (
            lambda: found_in({"a": (nn.Linear(2, 2), TestConfig("b"))}),
            'test "b": is listed under the key "a"; use its name as the key',
        ),
        (
            lambda: found_in([ModuleTestSpec("it", "attention.MultiHeadAttentoin")]),
            'no class "attention.MultiHeadAttentoin" in ttci.modules or as a dotted path; did you mean '
            '"attention.MultiHeadAttention"?',
        ),
        (lambda: found_in([ModuleTestSpec("it", "nowhere.at.All")]), 'there is no class "nowhere.at.All"'),
        (lambda: found_in([ModuleTestSpec("it", "SwiGLU")]), 'there is no class "SwiGLU"'),
        (lambda: found_in([ModuleTestSpec("it", "pathlib.Path")]), "pathlib.Path is no torch.nn.Module"),
        (
            lambda: found_in([ModuleTestSpec("it", "ffn.SwiGLU", {"hidden": 4})]),
            "ffn.SwiGLU(hidden=4) cannot be built: TypeError: ",
        ),
    ],
    ids=lambda value: inspect.getsource(value).strip()[:60] if callable(value) else "",
)
def test_a_wrong_declaration_is_refused_at_a_line_of_the_user(
    declare: Callable[[], Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        declare()
    assert message in str(caught.value)
    (mistake,) = caught.value.mistakes
    assert mistake.file == __file__
    assert mistake.line


def test_tests_of_one_name_are_refused_with_both_places() -> None:
    first = ModuleTest("it", module=nn.Linear(2, 2))  # declared first
    second = ModuleTest("it", module=nn.Linear(2, 2))  # declared again
    with pytest.raises(DeclarationError) as caught:
        found_in([first, second])
    assert str(caught.value) == (
        f'{__file__}:{line_of("declared again")}: test "it": declared twice, before at '
        f"{__file__}:{line_of('declared first')}; give it a name of its own"
    )
