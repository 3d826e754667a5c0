"""Cutting a test's sequence: tried first, and the whole is run where the module takes no cut."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ttci.checks.performance import measure
from ttci.devices import open_device
from ttci.history.comparability import config_of
from ttci.manifest import Pair, TorchDeviceEntry
from ttci.results import Outcome, Result
from ttci.testing import ModuleTest
from ttci.testing.choice import Choice
from ttci.testing.judge import judge_case

WIDTH = 6


def judged(test: ModuleTest, max_tokens: int | None = None) -> dict[str, Result]:
    entry = {"backend": "torch", "max-tokens": max_tokens}
    device = open_device("cpu", TorchDeviceEntry.model_validate(entry))
    cases = Choice(Pair("model", "cpu"), device, [test]).cases
    return {case.check: judge_case(case, lambda call: measure(call, max_seconds=0.01)) for case in cases}


def ran(results: dict[str, Result]) -> dict[str, list[int]]:
    """The shapes that the checks were run at; all of them passed."""
    for result in results.values():
        assert result.outcome is Outcome.PASSED, result.message
    return {check: result.config["input_shape"] for check, result in results.items()}


class Positions(nn.Module):
    """Adds learned positions of a fixed number of tokens."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.randn(1, tokens, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """[B, S, W] to the same."""
        return x + self.positions


class Windows(nn.Module):
    """Mixes the tokens of each window."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window

    def forward(self, x: Tensor) -> Tensor:
        """[B, S, W] to the same."""
        batch, tokens, width = x.shape
        windows = x.reshape(batch, tokens // self.window, self.window, width)
        return windows.softmax(dim=2).reshape(batch, tokens, width)


class Calls(nn.Module):
    """Calls `function`, and counts."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Call it."""
        return self.function(x)


FIXED = [
    ("positions", Positions(37), (1, 37, WIDTH)),
    ("token mixing", Calls(lambda x: x.mT @ torch.ones(12, 12)), (1, 12, WIDTH)),
    ("channels behind an activation", nn.Sequential(nn.Tanh(), nn.Conv1d(24, 2, 3)), (1, 24, 20)),
    ("flat", nn.Sequential(nn.Flatten(), nn.Linear(24 * WIDTH, 2)), (1, 24, WIDTH)),
    ("batch of positions", Positions(11), (9, 11, WIDTH)),
    ("nothing left of a cut", Calls(lambda x: 2 * x[:, 16:]), (1, 24, WIDTH)),
    ("mean over nothing after a cut", Calls(lambda x: x[:, 16:].mean(1)), (1, 24, WIDTH)),
]


@pytest.mark.parametrize(("module", "shape"), [case[1:] for case in FIXED], ids=[case[0] for case in FIXED])
def test_a_module_of_fixed_length_is_run_whole_and_says_so(module: nn.Module, shape: tuple[int, ...]) -> None:
    results = judged(ModuleTest("it", module=module, input_shape=shape), max_tokens=10)
    assert ran(results) == {check: list(shape) for check in results}
    for check, result in results.items():
        assert result.config["not_cut"].startswith("it takes no shorter sequence: ")
        assert "cut_from" not in result.config
        size = " x ".join(map(str, shape))
        assert (f"run whole, {size}, not within max-tokens = 10" in result.message) == (check != "gradients")


def test_without_a_bound_only_the_gradients_could_be_cut() -> None:
    results = judged(ModuleTest("it", module=Positions(37), input_shape=(1, 37, WIDTH)))
    assert {check for check, result in results.items() if "not_cut" in result.config} == {"gradients"}
    assert "must match the size of tensor b (37)" in results["gradients"].config["not_cut"]


def test_one_token_that_is_spread_over_a_fixed_length_is_no_cut() -> None:
    results = judged(ModuleTest("it", module=Positions(11), input_shape=(1, 11, WIDTH)), max_tokens=1)
    assert ran(results)["correctness"] == [1, 11, WIDTH]
    one = judged(ModuleTest("it", module=nn.Linear(WIDTH, 2), input_shape=(1, 11, WIDTH)), max_tokens=1)
    assert ran(one)["correctness"] == [1, 1, WIDTH]


@pytest.mark.parametrize(
    ("window", "tokens", "within_40", "gradients"),
    [(16, 64, 32, 16), (25, 100, 25, 25), (4, 64, 40, 8), (48, 96, 96, 48)],
)
def test_a_module_of_windows_is_cut_to_whole_ones(
    window: int, tokens: int, within_40: int, gradients: int
) -> None:
    test = ModuleTest("it", module=Windows(window), input_shape=(1, tokens, WIDTH))
    shapes = ran(judged(test, max_tokens=40))
    assert shapes.pop("gradients") == [1, gradients, WIDTH]
    assert {shape[1] for shape in shapes.values()} == {within_40}


def test_inputs_that_are_the_same_whatever_is_asked_for_are_run_whole() -> None:
    test = ModuleTest(
        "it",
        module=nn.Linear(WIDTH, 2),
        input_shape=(1, 30, WIDTH),
        expected_output_shape=(1, 30, 2),
        inputs=lambda _: torch.randn(1, 30, WIDTH),
    )
    results = judged(test, max_tokens=10)
    assert set(map(tuple, ran(results).values())) == {(1, 30, WIDTH)}
    assert "its inputs are the same whatever shape" in results["correctness"].config["not_cut"]


def test_inputs_that_refuse_a_cut_shape_are_made_whole() -> None:
    def inputs(shape: tuple[int, ...]) -> Tensor:
        if shape[1] % 30:
            raise ValueError("thirty only")
        return torch.randn(shape)

    test = ModuleTest("it", module=nn.Linear(WIDTH, 2), input_shape=(1, 30, WIDTH), inputs=inputs)
    results = judged(test, max_tokens=10)
    assert ran(results)["correctness"] == [1, 30, WIDTH]
    assert results["correctness"].config["not_cut"].endswith("ValueError: thirty only")


def test_a_mask_of_the_whole_length_keeps_the_input_whole() -> None:
    test = ModuleTest(
        "it",
        module=Masked(),
        input_shape=(1, 30, WIDTH),
        inputs=lambda shape: (torch.randn(shape), torch.ones(30, 30).tril()),
    )
    assert ran(judged(test, max_tokens=10))["correctness"] == [1, 30, WIDTH]


class Masked(nn.Module):
    """Sums the tokens that a mask lets through."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """[B, S, W] and [S, S] to [B, S, W]."""
        return mask @ x


@pytest.mark.parametrize(
    ("stride", "expected", "cut"),
    [
        (2, (1, 32, 2), 16),
        (1, (1, 64, 2), 16),
        (3, (1, 22, 2), 64),
    ],  # 22 of 64 are not 6 of 16, in proportion
)
def test_an_expected_shape_holds_for_a_sequence_that_the_module_shortens(
    stride: int, expected: tuple[int, ...], cut: int
) -> None:
    convolution = nn.Conv1d(WIDTH, 2, 3, stride=stride, padding=1)
    test = ModuleTest(
        "it",
        module=Calls(lambda x: convolution(x.mT).mT),
        input_shape=(1, 64, WIDTH),
        expected_output_shape=expected,
        test_cases=["correctness"],
    )
    assert ran(judged(test, max_tokens=16))["correctness"] == [1, cut, WIDTH]
    test.expected_output_shape = (1, expected[1] + 1, 2)
    failed = judged(test, max_tokens=16)["correctness"]
    assert failed.outcome is Outcome.FAILED
    assert failed.message == f"output shape {expected}, expected {test.expected_output_shape}"


def test_what_a_module_raises_at_any_length_is_told_at_its_real_shape() -> None:
    def wrong(x: Tensor) -> Tensor:
        raise ValueError(f"not {x.shape[1]} tokens")

    results = judged(ModuleTest("it", module=Calls(wrong), input_shape=(1, 50, WIDTH)), max_tokens=10)
    for result in results.values():
        assert result.outcome is Outcome.ERROR
        assert result.message.startswith("ValueError: not 50 tokens\nin your code")
        assert result.config["input_shape"] == [1, 50, WIDTH]
        assert "not_cut" not in result.config


def test_a_module_that_is_judged_by_a_reference_of_any_length_is_tried_too() -> None:
    module = Positions(30)
    test = ModuleTest(
        "it",
        module=module,
        input_shape=(1, 30, WIDTH),
        reference=lambda x: x + module.positions[:, : x.shape[1]],
    )
    assert ran(judged(test, max_tokens=10))["correctness"] == [1, 30, WIDTH]


def test_the_run_that_shows_that_a_cut_holds_is_the_reference() -> None:
    calls: list[int] = []

    def reference(x: Tensor) -> Tensor:
        calls.append(x.shape[1])
        return 2 * x

    test = ModuleTest(
        "it",
        module=Calls(lambda x: 2 * x),
        input_shape=(1, 64, WIDTH),
        reference=reference,
        test_cases=["correctness"],
    )
    assert ran(judged(test, max_tokens=16))["correctness"] == [1, 16, WIDTH]
    assert calls == [16]


def test_inputs_drawn_anew_at_every_call_are_those_of_the_reference() -> None:
    generator = torch.Generator()
    test = ModuleTest(
        "it",
        module=nn.Linear(WIDTH, 2),
        input_shape=(1, 64, WIDTH),
        inputs=lambda shape: torch.randn(shape, generator=generator),
    )
    assert ran(judged(test, max_tokens=16))["correctness"] == [1, 16, WIDTH]


@pytest.mark.parametrize("batch_first", [True, False])
def test_the_sequence_of_a_recurrent_layer_is_cut_where_it_lies(batch_first: bool) -> None:
    shape, cut = ((2, 40, WIDTH), [2, 5, WIDTH]) if batch_first else ((40, 2, WIDTH), [5, 2, WIDTH])
    test = ModuleTest("it", module=nn.GRU(WIDTH, 3, batch_first=batch_first), input_shape=shape)
    assert ran(judged(test, max_tokens=10))["correctness"] == cut


def test_a_figure_is_comparable_whether_or_not_a_cut_was_tried() -> None:
    whole: Any = judged(ModuleTest("it", module=Positions(37), input_shape=(1, 37, WIDTH)))["performance"]
    tried: Any = judged(ModuleTest("it", module=Positions(37), input_shape=(1, 37, WIDTH)), 8)["performance"]
    assert "not_cut" in tried.config
    assert config_of(whole) == config_of(tried)
