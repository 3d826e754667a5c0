"""A wrong module is told with its mistake; a merely imprecise one without any."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from tests.diagnosis.wrong_modules import IMPRECISE, SHAPE, WRONG, WrongModule
from ttci.checks.performance import Timing
from ttci.devices import open_device
from ttci.diagnosis.agreement import Bound, Evidence
from ttci.diagnosis.region import wrong_in_one_place
from ttci.manifest import Pair, TorchDeviceEntry
from ttci.results import Outcome, Result
from ttci.testing import ModuleTest
from ttci.testing.choice import Choice
from ttci.testing.judge import judge_case

CLAIMS = ("the output agrees", "the output is what", "the rest agrees", "the output's values", "there, ")


def judged(wrong: WrongModule) -> Result:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        right = wrong.right().eval()
        module = wrong.wrong(right).eval()
    options: dict[str, Any] = {} if wrong.inputs is None else {"inputs": wrong.inputs}
    test = ModuleTest("t", SHAPE, test_cases=["correctness"], module=module, reference=right, **options)
    device = open_device("cpu", TorchDeviceEntry(backend="torch", dtype=wrong.dtype))  # type: ignore[arg-type]
    (case,) = Choice(Pair("model", "cpu"), device, [test]).cases
    return judge_case(case, lambda _: Timing())


def claims(message: str) -> list[str]:
    return [line for line in message.splitlines() if any(claim in line for claim in CLAIMS)]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_mistake_is_told(wrong: WrongModule) -> None:
    result = judged(wrong)
    assert result.outcome is Outcome.FAILED
    assert wrong.told is not None
    assert re.search(wrong.told, result.message), result.message
    brief = result.message.splitlines()[0]
    assert re.search(r"right once|wrong|what the reference gives|its values are", brief), brief


@pytest.mark.parametrize("wrong", IMPRECISE, ids=lambda wrong: wrong.name)
def test_imprecision_is_no_mistake(wrong: WrongModule) -> None:
    result = judged(wrong)
    assert result.outcome is Outcome.FAILED
    assert claims(result.message) == []


@pytest.mark.parametrize(
    ("order", "held"),
    [
        ([0, 1, 3, 2, 4, 5, 6, 7], "only columns 2 to 3 .* are wrong, swapped with each other"),
        ([0, 1, 6, 3, 4, 5, 2, 7], "only columns 2 and 6 are wrong, swapped with each other"),
        ([0, 4, 3, 2, 1, 5, 6, 7], "only columns 1 to 4 are wrong, in the reverse order"),
        ([0, 1, 2, 3, 4, 5, 6, 7], None),
    ],
)
def test_of_few_rows_it_is_told_that_columns_are_swapped(order: list[int], held: str | None) -> None:
    reference = torch.randn((1, 4, 8), generator=torch.Generator().manual_seed(0))
    found = wrong_in_one_place(Evidence(reference[..., order], reference, Bound(0.999, 1e-3)))
    assert (found is None) == (held is None)
    if found and held:
        assert re.match(held, found.brief), found.brief
        assert found.is_whole


def test_the_tables_hold_what_they_must() -> None:
    assert len(IMPRECISE) == 20
    assert len({wrong.name for wrong in WRONG}) == len(WRONG) >= 40
