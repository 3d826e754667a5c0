"""Orders of indices in words, agreement, and what nothing is claimed of."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.diagnosis.test_diagnosis import claims, judged
from tests.diagnosis.wrong_modules import WIDTH, WrongModule, linear
from ttci.diagnosis.agreement import Bound, Evidence, shown
from ttci.diagnosis.arrangement import rearranged
from ttci.diagnosis.order import order_in_words
from ttci.diagnosis.region import wrong_in_one_place
from ttci.diagnosis.scale import scaled_or_shifted

BOUND = Bound(0.999, 0.01)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ([1, 0, 2, 3], "columns 0 and 1 are swapped"),
        ([4, 5, 2, 3, 0, 1], "columns 0 to 1 and 4 to 5 are swapped"),
        ([3, 2, 1, 0], "the order of the columns is reversed"),
        ([1, 2, 3, 4, 0], "the columns are rolled by 1"),
        ([0, 4, 1, 5, 2, 6, 3, 7], "the columns, interleaved instead of halved, are put in halves"),
        ([0, 2, 4, 6, 1, 3, 5, 7], "the columns, halved instead of interleaved, are interleaved"),
        ([2, 3, 4, 5, 0, 1, 6], "the columns are put in the order 4 to 5, 0 to 3, 6"),
    ],
)
def test_an_order_is_told_by_what_puts_it_right(order: list[int], words: str) -> None:
    assert order_in_words(order, 1, 2) == words


@pytest.mark.parametrize(
    ("correlation", "text"), [(0.5128, "0.51"), (0.99998, "0.99998"), (0.9999999, "0.999999"), (1.0, "1")]
)
def test_a_correlation_is_never_rounded_up_to_one(correlation: float, text: str) -> None:
    assert shown(correlation) == text


def evidence(change: Any, shape: tuple[int, ...] = (64, 96)) -> Evidence:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return Evidence(change(x.clone()), x, BOUND)


def test_swapped_dimensions_are_told_where_the_shapes_differ_too() -> None:
    found = rearranged(evidence(lambda x: x.T))
    assert found is not None
    assert "once dimensions 0 and 1 are swapped (correlation 1 then)" in found.text


@pytest.mark.parametrize("find", [rearranged, scaled_or_shifted, wrong_in_one_place])
def test_of_noise_nothing_is_claimed(find: Any) -> None:
    assert find(evidence(lambda x: x + 0.3 * torch.randn(x.shape))) is None
    assert find(evidence(torch.randn_like)) is None
    assert find(evidence(lambda x: x)) is None


def test_a_place_is_named_only_where_the_rest_is_right() -> None:
    def spoiled(x: Tensor) -> Tensor:
        x = x + 0.2 * torch.randn(x.shape)
        x[3] = 0
        return x

    assert wrong_in_one_place(evidence(spoiled)) is None


class RaisesWhenAskedAgain(nn.Module):
    """A reference that is of no use to a diagnosis."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.calls = linear(), 0

    def forward(self, x: Tensor) -> Tensor:
        if torch.overrides._get_current_function_mode_stack():  # type: ignore[no-untyped-call]
            raise SystemExit("not again")
        out: Tensor = self.linear(x)
        return out


def test_an_exception_of_the_diagnosis_does_not_hide_the_failure() -> None:
    class Wrong(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.square()

    message = judged(WrongModule("x", RaisesWhenAskedAgain, lambda _: Wrong(), None)).message
    assert message.startswith("correlation ")
    assert claims(message) == []


def test_a_large_reference_is_called_only_a_few_times() -> None:
    class Slow(nn.Module):
        calls = 0

        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(20))

        def forward(self, x: Tensor) -> Tensor:
            Slow.calls += 1
            end = time.thread_time() + 0.4
            while time.thread_time() < end:
                pass
            for layer in self.layers:
                x = layer(x)
            return x

    class Wrong(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.square()

    judged(WrongModule("slow", Slow, lambda _: Wrong(), None, dtype="float32"))
    assert Slow.calls < 15
