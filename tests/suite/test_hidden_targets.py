"""What keeps a check from being made, where a target binds that it would measure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Done, Project

MODEL = """
from torch import nn
from ttci.testing import TestableModule, TestConfig

TARGETS = {"latency_ms": 1e9, "memory_mb": 1e9}  # they are met where anybody measures


class Model(TestableModule):
    def get_test_configs(self):
        checks = ["correctness", "performance"]  # and memory, which has a target
        return {"lin": (nn.Linear(8, 8), TestConfig("lin", (1, 4, 8), None, 1e-3, TARGETS, checks))}
"""
MANIFEST = """
[devices.cpu]
backend = "torch"

[models.net]
source = "model.py::Model"
devices = ["cpu"]

[models.net.targets.cpu.lin]
latency_ms = 1e9
"""
PLUGIN = """
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if "performance" not in item.name]
"""
ID = "ttci/tests/test_checks.py::Model@cpu/lin"
BOTH = {"performance", "memory"}
# What an ini file's addopts say: the checks whose targets are not measured, and the reason.
ADDOPTS = {
    "--benchmark-skip": ({"performance"}, "--benchmark-skip"),
    "--benchmark-only": ({"memory"}, "--benchmark-only"),
    "--benchmark-disable": ({"performance"}, "--benchmark-disable"),
    "-p no:benchmark": ({"performance"}, "pytest-benchmark is switched off"),
    "-m unit": (BOTH, "left out by addopts in own.ini: -m unit"),
    "-k own": (BOTH, "left out by addopts in own.ini: -k own"),
    f"--deselect {ID}[performance]": ({"performance"}, "left out by addopts in own.ini: --deselect"),
    "-p drops": ({"performance"}, "left out of the session by a conftest.py or a plugin"),
}
CHOSEN = {
    "-k": ("-k", "correctness"),
    "--deselect": ("--deselect", f"{ID}[performance]", "--deselect", f"{ID}[memory]"),
    "a node id": (f"{ID}[correctness]",),
    "--test-check": ("--test-check", "correctness"),
}


@pytest.fixture(scope="module")
def net(make_project: Callable[..., Project]) -> Project:
    project = make_project(MODEL, MANIFEST)
    project.write("drops.py", PLUGIN)
    return project


@pytest.fixture(scope="module")
def hidden(net: Project) -> dict[str, tuple[Done, Any]]:
    """A run for each addopts, with its run.json."""
    runs = []
    for number, addopts in enumerate(ADDOPTS):
        net.write(f"{number}/own.ini", f"[pytest]\naddopts = {addopts}\nmarkers = unit: x\n")
        ini = ("-c", f"{number}/own.ini", "--rootdir", ".", "-p", "no:cacheprovider")
        files = (f"--run-json={number}.json", f"--junitxml={number}.xml")
        runs.append((*ini, "--test-model", "model.py::Model", *files))
    done = net.pytest_each(runs)
    return {a: (done[n], net.run_json(f"{n}.json")["results"]) for n, a in enumerate(ADDOPTS)}


@pytest.mark.parametrize("addopts", ADDOPTS)
def test_a_target_that_addopts_keep_from_being_measured_fails(
    net: Project, hidden: dict[str, tuple[Done, Any]], addopts: str
) -> None:
    done, results = hidden[addopts]
    checks, reason = ADDOPTS[addopts]
    assert done.code == 1, done.output
    failed = {result["check"]: result for result in results if result["outcome"] == "failed"}
    assert set(failed) == checks
    for result in failed.values():
        assert [measured["verdict"] for measured in result["measurements"]] == ["no-measurement"]
        assert reason in result["message"]
        assert "not measured, yet it has a target of 1e+09" in result["message"]
    cases = net.junit(f"{list(ADDOPTS).index(addopts)}.xml").iter("testcase")
    tags = {str(case.get("name")): [element.tag for element in case] for case in cases}
    assert {name for name, found in tags.items() if "failure" in found} == {r["id"] for r in failed.values()}


def test_what_the_command_line_chooses_is_a_choice_and_a_target_that_does_not_bind_is_none(
    net: Project,
) -> None:
    net.write("only.ini", "[pytest]\naddopts = --benchmark-only\n")
    elsewhere = ("--manifest", "models_manifest.toml", "--test-device", "cpu")
    options = [*CHOSEN.values(), (*elsewhere, "-c", "only.ini")]
    first = ("--test-model", "model.py::Model")
    done = net.pytest_each([(*first, f"--run-json=c{n}.json", *each) for n, each in enumerate(options)])
    assert [each.code for each in done] == [0] * len(options), [each.output for each in done]
    for number in range(len(CHOSEN)):
        assert net.outcomes(f"c{number}.json") == {"lin[correctness]": "passed"}
    outcomes = {"correctness": "unavailable", "performance": "passed", "memory": "unavailable"}
    last = net.outcomes(f"c{len(CHOSEN)}.json")
    assert last == {f"lin[{check}]": outcome for check, outcome in outcomes.items()}


def test_a_run_of_the_pair_fails_too_and_says_what_left_it_out(net: Project) -> None:
    done = net.ttci("run", "net", PYTEST_ADDOPTS="-m 'not net' -k nothing")
    assert done.code == 1, done.output
    (result,) = net.run_json("reports/net@cpu/run.json")["results"]
    assert (result["check"], result["outcome"]) == ("performance", "failed")
    assert result["message"].startswith("left out by PYTEST_ADDOPTS: -k nothing\n")


def test_a_run_of_the_pair_measures_where_addopts_switch_pytest_benchmark_off(net: Project) -> None:
    done = net.ttci("run", "net", PYTEST_ADDOPTS="-p no:benchmark")
    assert done.code == 0, done.output
    assert net.outcomes("reports/net@cpu/run.json")["lin[performance]"] == "passed"
