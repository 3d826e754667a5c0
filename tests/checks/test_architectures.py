"""Right architectures of many kinds are called right, and wrong ones wrong by the check that must see it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.architectures import right_torch, right_transformers
from tests.architectures.entries import Right, Wrong, judge
from tests.architectures.wrong import WRONG
from ttci.results import Outcome
from ttci.tensors import tensors_in

SEED = 0
TOLERANCE = 1e-3
CLEARLY = 8  # times what bfloat16 does to a right module
RIGHT = [*right_torch.RIGHT, *right_transformers.RIGHT]


def named(entries: list[Any]) -> list[Any]:
    return [pytest.param(entry, id=entry.name) for entry in entries]


@pytest.mark.parametrize("right", named(RIGHT))
def test_a_right_architecture_is_not_called_wrong(right: Right) -> None:
    for dtype in right.dtypes:
        checks = ("correctness", "gradients") if dtype == "float32" else ("correctness",)
        module, config = right.made(SEED)
        results = judge(module, config, dtype, *checks)
        assert list(results) == list(checks)
        well = (Outcome.PASSED, Outcome.UNAVAILABLE)
        called_wrong = {
            f"{check} in {dtype}": r.message for check, r in results.items() if r.outcome not in well
        }
        assert not called_wrong
        assert results["correctness"].outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("PointNet", 5),  # 20 values of few sums: rounding scales them by 0.993
        ("GRU on ids, some of them padding", 102),  # 15 values that hardly vary: it shifts their mean
        ("GRU on ids, some of them padding", 103),
    ],
)
def test_what_rounding_does_to_a_few_values_is_not_called_wrong(name: str, seed: int) -> None:
    (right,) = [entry for entry in RIGHT if entry.name == name]
    module, config = right.made(seed)
    result = judge(module, config, "bfloat16", "correctness")["correctness"]
    assert result.outcome is Outcome.PASSED, result.message
    assert (
        "rounding explains how far it is off" in result.message
        or "the rounding of bfloat16" in result.message
    )


@pytest.mark.parametrize("wrong", named(WRONG))
def test_a_wrong_architecture_is_caught_by_the_check_that_must_see_it(wrong: Wrong) -> None:
    for dtype in wrong.dtypes_of_check:
        module, config = wrong.judged(SEED)
        result = judge(module, config, dtype, wrong.check)[wrong.check]
        assert result.outcome is Outcome.FAILED, (dtype, result.message)


def test_the_corpus_is_as_large_as_it_claims() -> None:
    names = [*(entry.name for entry in RIGHT), *(entry.name for entry in WRONG)]
    assert len(set(names)) == len(names)
    assert len(right_torch.RIGHT) >= 40
    assert len(right_transformers.RIGHT) >= 25
    assert len(WRONG) >= 40


def outputs_of(module: nn.Module, inputs: Any, dtype: torch.dtype) -> list[Tensor]:
    """In plain torch; complex numbers as pairs."""

    def converted(value: Tensor) -> Tensor:
        return value.to(dtype) if value.is_floating_point() else value

    arguments = map(converted, inputs if isinstance(inputs, tuple) else (inputs,))
    with torch.no_grad():
        outputs = tensors_in(copy.deepcopy(module).to(dtype)(*arguments))
    return [torch.view_as_real(o.resolve_conj()) if o.is_complex() else o for o in outputs]


def sizes(left: Tensor, right: Tensor) -> list[float]:
    """Of the difference: of the whole, of the worst row, of the worst column, of the worst element."""
    rows = (left.double() - right.double()).reshape(-1, left.shape[-1])
    return [
        float(size)
        for size in (rows.norm(), rows.norm(dim=1).max(), rows.norm(dim=0).max(), rows.abs().max())
    ]


@pytest.mark.parametrize("wrong", named([wrong for wrong in WRONG if wrong.check == "correctness"]))
def test_what_is_to_be_caught_is_wrong_by_plain_torch(wrong: Wrong) -> None:
    """In bfloat16 by more than that does to the right module, in float32 by more than allclose allows."""
    module, right, config = wrong.made(SEED)
    inputs = config["inputs"](config["input_shape"])
    outputs, expected = (outputs_of(each, inputs, torch.float32) for each in (module, right))
    if outputs[0].dtype.is_floating_point:
        assert not all(
            torch.allclose(output, other, TOLERANCE, TOLERANCE)
            for output, other in zip(outputs, expected, strict=True)
        )
    rounded = outputs_of(right, inputs, torch.bfloat16)
    times = [
        fault / max(rounding, 1e-9)
        for output, other, coarse in zip(outputs, expected, rounded, strict=True)
        for fault, rounding in zip(sizes(output, other), sizes(coarse, other), strict=True)
    ]
    assert max(times) >= CLEARLY or "bfloat16" not in wrong.dtypes


@pytest.mark.parametrize("wrong", named([wrong for wrong in WRONG if wrong.check == "gradients"]))
def test_what_is_to_be_caught_has_other_gradients_than_the_right_one(wrong: Wrong) -> None:
    module, right, config = wrong.made(SEED)
    inputs = config["inputs"](config["input_shape"])
    (output, gradients), (expected, right_gradients) = (
        gradients_of(each, inputs) for each in (module, right)
    )
    torch.testing.assert_close(output, expected)
    errors = [
        float((gradient - other).norm() / other.norm())
        for gradient, other in zip(gradients, right_gradients, strict=True)
        if other.norm() > 0
    ]
    assert max(errors) > 0.05


def gradients_of(module: nn.Module, inputs: Any) -> tuple[Tensor, list[Tensor]]:
    """The output of plain torch, and the gradients of every input and parameter; zeros where none comes."""
    arguments = [
        argument.clone().requires_grad_(argument.is_floating_point())
        for argument in (inputs if isinstance(inputs, tuple) else (inputs,))
    ]
    leaves = [leaf for leaf in (*arguments, *module.parameters()) if leaf.requires_grad]
    output = module(*arguments)
    cotangent = torch.randn(output.shape, generator=torch.Generator().manual_seed(SEED))
    gradients = torch.autograd.grad((output * cotangent).sum(), leaves, allow_unused=True)
    return output, [
        torch.zeros_like(leaf) if gradient is None else gradient
        for leaf, gradient in zip(leaves, gradients, strict=True)
    ]
