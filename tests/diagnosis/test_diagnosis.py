"""A wrong module is told with its mistake; a merely imprecise one without any."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from tests.diagnosis.wrong_modules import IMPRECISE, SHAPE, WRONG, WrongModule
from ttci.checks.performance import Timing
from ttci.devices import open_device
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


def test_the_tables_hold_what_they_must() -> None:
    assert len(IMPRECISE) == 20
    assert len({wrong.name for wrong in WRONG}) == len(WRONG) >= 40
