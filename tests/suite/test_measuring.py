"""How often a slow call is made, and what is said of a figure that never became steady."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ttci.testing import ModuleTest, run_module_tests

if TYPE_CHECKING:
    from tests.conftest import Project

MODEL = """
import time
from pathlib import Path
from torch import nn
from ttci.testing import TestableModule, TestConfig


class Slow(nn.Module):
    def forward(self, x):
        with Path("calls.txt").open("a") as file:
            file.write("x")
        time.sleep(0.2)
        return x + 1


class Own(TestableModule):
    def get_test_configs(self):
        config = TestConfig("slow", (1, 4, 8), test_cases=["performance"], measure_seconds=0.1)
        return {"slow": (Slow(), config)}


class OfDevice(TestableModule):
    def get_test_configs(self):
        return {"slow": (Slow(), TestConfig("slow", (1, 4, 8), test_cases=["performance"]))}
"""
MANIFEST = """
[devices.brief]
backend = "torch"
measure-seconds = 0.1

[devices.long]
backend = "torch"
measure-seconds = 1000
"""
COUNT_SESSIONS = """
from pathlib import Path

def pytest_sessionstart():
    with Path("calls.txt").open("a") as file:
        file.write("\\n")
"""
OWN, OF_DEVICE = ("--test-model", "model.py::Own"), ("--test-model", "model.py::OfDevice")
RUNS = {
    "the test's own time": (*OWN, "--manifest", "models_manifest.toml", "--test-device", "long"),
    "the device's time": (*OF_DEVICE, "--manifest", "models_manifest.toml", "--test-device", "brief"),
    "least rounds asked for": (*OWN, "--benchmark-min-rounds=4"),
    "time asked for": (*OWN, "--benchmark-max-time=1.0"),  # which is pytest-benchmark's default
    "precision asked for": (*OWN, "--benchmark-max-time=1000", "--benchmark-precision=0.9"),
}


@dataclass(frozen=True)
class Ended:
    """What a run left."""

    calls: int
    output: str
    latency: dict[str, Any]
    benchmark: dict[str, Any]


@pytest.fixture(scope="module")
def ended(make_project: Callable[..., Project]) -> dict[str, Ended]:
    """Runs of a call of 0.2 s, each of which has 0.1 s where nothing else is asked for."""
    project = make_project(MODEL, MANIFEST)
    project.write("conftest.py", COUNT_SESSIONS)
    names = [f"{number}.json" for number in range(len(RUNS))]
    files = [("--run-json", f"run{name}", "--benchmark-json", f"benchmark{name}") for name in names]
    done = project.pytest_each([(*run, *more) for run, more in zip(RUNS.values(), files, strict=True)])
    assert [each.code for each in done] == [0] * len(RUNS), [each.output for each in done]
    calls = [len(line) for line in (project.path / "calls.txt").read_text().split("\n")[1:]]
    found = {}
    for run, name, count, each in zip(RUNS, names, calls, done, strict=True):
        (result,) = project.run_json(f"run{name}")["results"]
        (benchmark,) = json.loads((project.path / f"benchmark{name}").read_text())["benchmarks"]
        found[run] = Ended(count, each.output, result["measurements"][0], benchmark)
    return found


@pytest.mark.parametrize("run", ["the test's own time", "the device's time"])
def test_a_call_that_takes_longer_than_its_time_is_made_twice(ended: dict[str, Ended], run: str) -> None:
    assert ended[run].calls == 2
    assert len(ended[run].latency["samples"]) == ended[run].benchmark["stats"]["rounds"] == 1


def test_what_pytest_benchmark_is_asked_for_is_done(ended: dict[str, Ended]) -> None:
    assert ended["least rounds asked for"].calls == 1 + 4
    assert ended["time asked for"].calls >= 1 + 3
    assert ended["precision asked for"].latency["steady"] is True
    assert ended["precision asked for"].benchmark["options"]["max_time"] == 1000


def test_a_figure_that_is_not_steady_is_marked_wherever_it_stands(ended: dict[str, Ended]) -> None:
    run = ended["the test's own time"]
    assert (run.latency["steady"], run.benchmark["extra_info"]["steady"]) == (False, False)
    assert re.search(r"ms \(not steady after [\d.]+ s, 1 round\)", run.output)
    assert run.benchmark["options"]["max_time"] == 0.1


def test_outside_pytest_the_same_rule_holds() -> None:
    import torch

    calls: list[None] = []

    class Slow(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            calls.append(None)
            return x + 1

    test = ModuleTest("slow", (1, 4, 8), test_cases=["performance"], measure_seconds=1e-9, module=Slow())
    (result,) = run_module_tests([test])
    assert len(calls) == 2
    assert result.measurements[0].steady is False
