"""The checks of ttci: each passes a module that is right and fails one that is wrong in its own way."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.root import ROOT
from ttci.catalog.checks import check_class, check_names, checks_alone, checks_shared, needs_timer
from ttci.results import Outcome, Result
from ttci.testing import ModuleTest, run_module_tests

PAGE = ROOT / "docs" / "reference" / "checks.md"


class Scaled(nn.Module):
    """A module whose output, gradient or memory can be made wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class ForgetsTheWeight(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return x * weight

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        (weight,) = ctx.saved_tensors
        return gradient * weight, torch.zeros_like(weight)


class WithoutGradient(Scaled):
    def forward(self, x: Tensor) -> Tensor:
        return ForgetsTheWeight.apply(x, self.weight)  # type: ignore[no-any-return, no-untyped-call]


def judged(check: str, module: nn.Module, **declared: Any) -> Result:
    cases = list(dict.fromkeys([check, *filter(None, [check_class(check).comes_with])]))
    test = ModuleTest("it", (1, 4, 8), module=module, test_cases=cases, measure_seconds=0.05, **declared)
    return run_module_tests([test], name="kinds")["it"][check]


WRONG: dict[str, dict[str, Any]] = {
    "correctness": {"module": Scaled(), "reference": lambda x: x.flip(-1)},
    "gradients": {"module": WithoutGradient()},
    "performance": {"module": Scaled(), "performance_targets": {"latency_ms": 1e-9}},
    "memory": {"module": Scaled(), "performance_targets": {"memory_mb": 1e-9}},
}


def test_every_check_has_its_fail_test() -> None:
    assert tuple(WRONG) == check_names()


@pytest.mark.parametrize("check", WRONG)
def test_check_passes_a_right_module(check: str) -> None:
    assert judged(check, Scaled()).outcome is Outcome.PASSED


@pytest.mark.parametrize("check", WRONG)
def test_check_fails_a_module_that_is_wrong_in_its_way(check: str) -> None:
    result = judged(check, **WRONG[check])
    assert result.outcome is Outcome.FAILED
    assert result.message


@pytest.mark.parametrize("check", check_names())
def test_documentation_asks_the_question_of_each_check(check: str) -> None:
    assert f"| `{check}` | {check_class(check).title} |" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("check", check_names())
def test_check_has_advice_in_a_sentence(check: str) -> None:
    assert check_class(check).advice.endswith(".")


def test_only_what_is_timed_runs_alone() -> None:
    assert checks_alone() == ("performance",)
    assert checks_shared() == ("correctness", "gradients", "memory")
    assert [check for check in check_names() if needs_timer(check)] == ["performance"]
