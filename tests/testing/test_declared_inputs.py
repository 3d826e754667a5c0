"""The inputs of a declared test: worked out, given by a function, cut for a device."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ttci.checks.performance import measure
from ttci.devices import open_device
from ttci.devices.protocol import Device
from ttci.manifest import Pair, TorchDeviceEntry
from ttci.modules import attention
from ttci.results import Outcome, Result
from ttci.testing import DeclarationError, ModuleTest
from ttci.testing import discover as declarations
from ttci.testing.choice import Choice
from ttci.testing.input_trial import full_shape
from ttci.testing.inputs import make_inputs
from ttci.testing.judge import judge_case
from ttci.testing.prepared import PreparedTest

found_in = declarations.tests_of
WIDTH = 16
SHAPE = (1, 8, WIDTH)


@pytest.fixture(autouse=True)
def _in_a_folder_without_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def device(max_tokens: int | None = None) -> Device:
    entry = {"backend": "torch", "max-tokens": max_tokens}
    return open_device("cpu", TorchDeviceEntry.model_validate(entry))


def judged(test: ModuleTest, check: str, max_tokens: int | None = None, **choice: Any) -> Result:
    cases = Choice(Pair("model", "cpu"), device(max_tokens), [test], **choice).cases
    (case,) = [case for case in cases if case.check == check]
    return judge_case(case, lambda call: measure(call, max_seconds=0.01))


def line_of(marker: str) -> int:
    """The line of this file that `marker` ends."""
    lines = Path(__file__).read_text().splitlines()
    (line,) = [number for number, line in enumerate(lines, start=1) if line.endswith(f"# {marker}")]
    return line


class States(nn.Module):
    """States the width of its input by one attribute."""

    def __init__(self, name: str, value: Any) -> None:
        super().__init__()
        setattr(self, name, value)

    def forward(self, x: Tensor) -> Tensor:
        """Pass."""
        return x


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        *[
            (States(name, 24), (1, 2048, 24))
            for name in ("hidden_dim", "hidden_size", "d_model", "embed_dim")
        ],
        (States("input_size", 24), (1, 2048, 24)),
        (nn.Linear(24, 8), (1, 2048, 24)),
        (nn.LayerNorm(24), (1, 2048, 24)),
        (nn.LayerNorm((3, 24)), (1, 2048, 3, 24)),
        (nn.Embedding(100, 24), (1, 2048)),
        (nn.Sequential(nn.Linear(24, 8), nn.ReLU()), (1, 2048, 24)),
        (attention.MultiHeadAttention(24, 2), (1, 2048, 24)),
    ],
    ids=lambda value: re.sub(r"\W+", "_", str(value))[:40],
)
def test_an_input_shape_is_worked_out_from_what_a_module_states(
    module: nn.Module, shape: tuple[int, ...]
) -> None:
    assert full_shape(found_in([ModuleTest("it", module=module)])[0]) == shape


def test_a_shape_that_cannot_be_worked_out_is_told_with_what_to_add() -> None:
    with pytest.raises(DeclarationError) as caught:
        found_in([ModuleTest("it", module=nn.ReLU())])  # no shape
    assert str(caught.value).startswith(
        f'{__file__}:{line_of("no shape")}: test "it": the input shape of ReLU cannot be worked out'
    )
    assert str(caught.value).endswith("add input_shape=(batch, tokens, width)")


def test_a_shape_that_does_not_fit_is_told_with_one_that_does() -> None:
    with pytest.raises(DeclarationError) as caught:
        found_in([ModuleTest("it", module=nn.Linear(WIDTH, 2), input_shape=(1, 8, 99))])
    assert "input_shape (1, 8, 99) does not fit Linear, whose input is 16 wide" in str(caught.value)
    assert "write (1, 8, 16)" in str(caught.value)


def test_inputs_are_the_same_on_every_run_and_draw_no_random_numbers_of_the_users() -> None:
    test = ModuleTest("it", module=nn.Linear(WIDTH, 2))
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first, second = make_inputs(test, SHAPE).tensors[0], make_inputs(test, SHAPE).tensors[0]
    assert torch.equal(first, second)
    assert torch.equal(torch.rand(1), expected)


class Sums(nn.Module):
    """Takes its arguments in any form."""

    def forward(self, x: Tensor, y: Tensor | None = None, *, scale: float = 1.0) -> Tensor:
        """Add and scale."""
        return scale * (x if y is None else x + y)


@pytest.mark.parametrize(
    ("inputs", "positional", "keyword"),
    [
        (lambda shape: torch.ones(shape), 1, set()),
        (lambda shape: (torch.ones(shape), torch.ones(shape)), 2, set()),
        (lambda shape: {"x": torch.ones(shape), "scale": 2.0}, 0, {"x", "scale"}),
        (lambda shape: ((torch.ones(shape),), {"y": torch.ones(shape)}), 1, {"y"}),
    ],
    ids=["tensor", "tuple", "dict", "pair"],
)
def test_an_inputs_function_gives_positional_and_keyword_arguments(
    inputs: Callable[..., Any], positional: int, keyword: set[str]
) -> None:
    test = ModuleTest("it", module=Sums(), input_shape=SHAPE, inputs=inputs)
    made = make_inputs(test, SHAPE)
    assert (len(made.positional), set(made.keyword)) == (positional, keyword)
    for check in ("correctness", "gradients", "memory"):
        assert judged(test, check).outcome is Outcome.PASSED


def test_nested_inputs_are_named_and_their_gradients_checked() -> None:
    class Nested(nn.Module):
        def forward(self, pair: tuple[Tensor, Tensor], options: dict[str, Tensor]) -> Tensor:
            return pair[0] * pair[1].detach() + options["bias"]

    def inputs(shape: tuple[int, ...]) -> tuple[Any, ...]:
        return (torch.randn(shape), torch.randn(shape)), {"bias": torch.randn(shape)}

    def both(shape: tuple[int, ...]) -> tuple[Any, dict[str, Any]]:
        pair, options = inputs(shape)
        return (pair, options), {}

    test = ModuleTest("it", module=Nested(), input_shape=SHAPE, inputs=both)
    assert list(make_inputs(test, SHAPE).named_tensors) == ["input 0[0]", "input 0[1]", "input 1['bias']"]
    result = judged(test, "gradients")
    assert result.message.startswith("no gradient reaches input 0[1], yet the output depends on it")


def test_a_long_sequence_is_cut_for_the_device_and_the_result_says_so() -> None:
    test = ModuleTest(
        "it",
        module=nn.Linear(WIDTH, 4),
        input_shape=(2, 2048, WIDTH),
        expected_output_shape=(2, 2048, 4),
    )
    correctness = judged(test, "correctness", max_tokens=64)
    assert correctness.outcome is Outcome.PASSED, correctness.message
    assert correctness.config["input_shape"] == [2, 32, WIDTH]
    assert correctness.config["cut_from"] == [2, 2048, WIDTH]
    gradients = judged(test, "gradients", max_tokens=64)
    assert gradients.config["input_shape"] == [2, 4, WIDTH]
    assert gradients.config["dtype"] == "float64"


def test_a_short_sequence_is_not_cut_and_the_result_does_not_say_so() -> None:
    result = judged(ModuleTest("it", module=nn.Linear(WIDTH, 4), input_shape=SHAPE), "memory", max_tokens=64)
    assert result.config["input_shape"] == list(SHAPE)
    assert "cut_from" not in result.config


class Makes(nn.Module):
    """Gives the output that `function` makes."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Call it."""
        return self.function(x)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x.mean(1), (1, 64)),  # as wide as the sequence is long
        (lambda x: x.mT, (1, 64, 64)),
        (lambda x: x @ x.mT, (1, 64, 64)),
        (lambda x: x.flatten(0, 1), (64, 64)),
        (lambda x: x[:, :5], (1, 5, 64)),
    ],
    ids=["pooled", "transposed", "scores", "flat", "first five"],
)
def test_an_expected_shape_is_cut_where_the_output_is(
    function: Callable[[Tensor], Tensor], expected: tuple[int, ...]
) -> None:
    test = ModuleTest("it", module=Makes(function), input_shape=(1, 64, 64), expected_output_shape=expected)
    assert judged(test, "correctness", max_tokens=16).outcome is Outcome.PASSED
    test.expected_output_shape = (*expected[:-1], 65)
    assert judged(test, "correctness", max_tokens=16).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("module", "shape", "cut"),
    [
        (nn.Linear(64, 4), (32, 64), (8, 64)),
        (nn.Linear(64, 4), (64,), (64,)),
        (nn.Conv2d(16, 4, 1), (1, 16, 4, 4), (1, 16, 4, 4)),
        (nn.Conv1d(16, 4, 1), (1, 16, 32), (1, 16, 32)),
        (nn.Embedding(10, 4), (2, 32), (2, 4)),
        (nn.Embedding(10, 4), (32,), (8,)),
        (nn.LayerNorm((16, 4)), (32, 16, 4), (8, 16, 4)),
        (nn.Linear(64, 4), (16, 32, 64), (16, 1, 64)),
    ],
    ids=str,
)
def test_only_a_sequence_is_cut(module: nn.Module, shape: tuple[int, ...], cut: tuple[int, ...]) -> None:
    test = ModuleTest("it", module=module, input_shape=shape)
    assert PreparedTest(test, device(max_tokens=8)).shape == cut
    assert judged(test, "gradients").outcome is Outcome.PASSED
