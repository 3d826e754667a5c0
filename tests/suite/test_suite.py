"""What the suite makes of a check: its result in pytest, in JUnit and in run.json, alone and with workers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Done, Project

FAST = ("--test-model", "model.py::Fast", "--run-json", "run.json", "--junitxml", "junit.xml")

MODEL = """
import os
from pathlib import Path
import torch
from torch import nn
from ttci.testing import TestableModule, TestConfig

SHAPE = (1, 4, 8)
QUICK = ["correctness", "performance"]


class Workers(nn.Module):
    \"\"\"Writes down which process runs it.\"\"\"

    def __init__(self, name):
        super().__init__()
        self.name = name

    def forward(self, x):
        with Path("processes.txt").open("a") as file:
            file.write(f"{self.name} {os.getpid()}\\n")
        return x + 1


class Spread(TestableModule):
    def get_test_configs(self):
        configs = [TestConfig(name, SHAPE, test_cases=[*QUICK, "memory"]) for name in "abcd"]
        return {config.name: (Workers(config.name), config) for config in configs}


class Dies(nn.Module):
    def forward(self, x):
        os._exit(3)


class OneDies(TestableModule):
    def get_test_configs(self):
        configs = [TestConfig(name, SHAPE, test_cases=["correctness", "memory"]) for name in "abc"]
        good = {config.name: (nn.Linear(8, 8), config) for config in configs}
        return {"dies": (Dies(), TestConfig("dies", SHAPE, test_cases=["memory"]))} | good


class MostDie(TestableModule):
    def get_test_configs(self):
        names = [*(f"dies_{number}" for number in range(5)), "good"]
        configs = {name: TestConfig(name, SHAPE, test_cases=["memory"]) for name in names}
        return {name: (Dies() if name != "good" else nn.Linear(8, 8), configs[name]) for name in names}


class Raises(nn.Module):
    def forward(self, x):
        return self.helper(x)

    def helper(self, x):
        raise ValueError("of the user's own")


class OneRaises(TestableModule):
    def get_test_configs(self):
        return {
            "raises": (Raises(), TestConfig("raises", SHAPE, test_cases=["performance"])),
            "good": (nn.Linear(8, 8), TestConfig("good", SHAPE, test_cases=["memory"])),
        }


class Leaves(nn.Module):
    def forward(self, x):
        raise SystemExit(0)


class OneLeaves(TestableModule):
    def get_test_configs(self):
        return {
            "leaves": (Leaves(), TestConfig("leaves", SHAPE, test_cases=["memory"])),
            "good": (nn.Linear(8, 8), TestConfig("good", SHAPE, test_cases=["memory"])),
        }
"""


@pytest.fixture(scope="module")
def missed(make_project: Callable[..., Project]) -> tuple[Project, Done]:
    """A run whose latency target is out of reach."""
    project = make_project()
    return project, project.pytest(*FAST)


def test_a_missed_target_is_a_junit_failure_with_its_figures(missed: tuple[Project, Done]) -> None:
    project, done = missed
    assert done.code == 1
    (case,) = [case for case in project.junit().iter("testcase") if "performance" in str(case.get("name"))]
    (failure,) = case
    assert failure.tag == "failure"
    text = str(failure.text)
    assert "latency_ms missed its target: measured " in text
    assert "target 1e-06 ms, limit 1.05e-06 ms, +" in text
    assert "% against the target" in text


def test_a_missed_target_is_in_run_json_with_its_samples(missed: tuple[Project, Done]) -> None:
    (result,) = (r for r in missed[0].run_json()["results"] if r["check"] == "performance")
    (latency,) = result["measurements"]
    assert (result["outcome"], latency["verdict"], latency["target"]) == ("failed", "missed", 1e-6)
    assert (latency["statistic"], latency["unit"], latency["direction"]) == ("median", "ms", "lower")
    assert len(latency["samples"]) >= 5


def test_a_failure_shows_no_frame_of_ttci(missed: tuple[Project, Done]) -> None:
    assert "def judge" not in missed[1].output
    assert "site-packages" not in missed[1].output


def latency_of(project: Project) -> tuple[str, str, Any]:
    (result,) = (r for r in project.run_json()["results"] if r["check"] == "performance")
    verdicts = [measurement["verdict"] for measurement in result["measurements"]]
    return result["outcome"], result["message"], verdicts


def test_a_binding_target_that_is_not_measured_fails(project: Project) -> None:
    done = project.pytest(*FAST, "--benchmark-disable")
    assert done.code == 1
    outcome, message, verdicts = latency_of(project)
    assert (outcome, verdicts) == ("failed", ["no-measurement"])
    assert "not measured, yet it has a target" in message
    assert "--benchmark-disable is given" in message


def test_a_binding_target_that_workers_cannot_measure_fails_and_says_how_to(project: Project) -> None:
    done = project.pytest(*FAST, "-n", "2")
    assert done.code == 1, done.output
    outcome, message, verdicts = latency_of(project)
    assert (outcome, verdicts) == ("failed", ["no-measurement"])
    assert "-n 0 --test-check performance" in message


NO_PASSES = {
    "--benchmark-disable": {"correctness": "passed", "performance": "unavailable"},
    "--benchmark-skip": {"correctness": "passed", "performance": "unavailable"},
    "--benchmark-only": {"correctness": "unavailable", "performance": "passed"},
}


@pytest.mark.parametrize("option", NO_PASSES)
def test_what_an_option_leaves_out_is_never_recorded_as_passed(project: Project, option: str) -> None:
    done = project.pytest("--test-model", "model.py::Tiny", "-k", "lin", "--run-json", "run.json", option)
    assert done.code == 0, done.output
    assert project.outcomes() == {f"lin[{check}]": outcome for check, outcome in NO_PASSES[option].items()}
    reasons = [r["message"] for r in project.run_json()["results"] if r["outcome"] == "unavailable"]
    assert all(option in reason for reason in reasons), reasons


def test_a_model_that_measures_no_time_is_no_mistake_of_the_benchmarks(project: Project) -> None:
    options = ("--test-check", "correctness", "--benchmark-json", "b.json")
    done = project.pytest("--test-model", "model.py::Tiny", *options)
    assert done.code == 0, done.output


def test_only_the_chosen_checks_stand_in_run_json(project: Project) -> None:
    project.pytest("--test-model", "model.py::Tiny", "--run-json", "run.json", "-k", "norm and correctness")
    assert project.outcomes() == {"norm[correctness]": "passed"}


@pytest.fixture(scope="module")
def spread(make_project: Callable[..., Project]) -> tuple[Project, Done]:
    """A run with two workers."""
    project = make_project(MODEL)
    options = ("--run-json", "run.json", "--junitxml", "junit.xml", "-v")
    return project, project.pytest("-n", "2", "--test-model", "model.py::Spread", *options)


def test_workers_judge_every_check_and_all_results_are_kept(spread: tuple[Project, Done]) -> None:
    project, done = spread
    assert done.code == 0, done.output
    outcomes = {"correctness": "passed", "performance": "unavailable", "memory": "passed"}
    expected = {f"{test}[{check}]": outcome for test in "abcd" for check, outcome in outcomes.items()}
    assert project.outcomes() == expected
    names = [str(case.get("name")) for case in project.junit().iter("testcase")]
    assert sorted(names) == sorted(f"Spread@cpu/{name}" for name in expected)
    assert project.run_json()["finished"] is not None


def test_the_checks_of_a_test_stay_on_one_worker(spread: tuple[Project, Done]) -> None:
    lines = {tuple(line.split()) for line in (spread[0].path / "processes.txt").read_text().splitlines()}
    assert sorted(test for test, _ in lines) == ["a", "b", "c", "d"]
    assert len({process for _, process in lines}) == 2


def test_a_worker_that_dies_is_an_error_of_its_check_and_the_others_are_judged(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(MODEL)
    options = ("--run-json", "run.json", "--dist", "loadgroup")
    done = project.pytest("-n", "2", "--test-model", "model.py::OneDies", *options)
    assert done.code == 4, done.output
    good = {f"{test}[{check}]": "passed" for test in "abc" for check in ("correctness", "memory")}
    assert project.outcomes() == {"dies[memory]": "error"} | good
    (message,) = (r["message"] for r in project.run_json()["results"] if r["outcome"] == "error")
    assert re.fullmatch(r"the process ended with exit code 3 before pytest did \(worker gw[01]\)", message)
    assert f"OneDies@cpu/dies[memory]: {message}" in done.lines
    assert done.output.count("replacing crashed worker") == 1


def test_workers_that_die_one_after_the_other_leave_no_check_waiting(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(MODEL)
    options = ("--run-json", "run.json", "--dist", "loadgroup")
    done = project.pytest("-n", "2", "--test-model", "model.py::MostDie", *options)
    assert done.code == 4, done.output
    died = {f"dies_{number}[memory]": "error" for number in range(5)}
    assert project.outcomes() == died | {"good[memory]": "passed"}


@pytest.mark.parametrize(("model", "said"), [("OneRaises", "of the user's own"), ("OneLeaves", "SystemExit")])
def test_a_module_that_raises_is_an_error_and_the_others_are_judged(
    make_project: Callable[..., Project], model: str, said: str
) -> None:
    project = make_project(MODEL)
    done = project.pytest("--test-model", f"model.py::{model}", "--run-json", "run.json")
    assert done.code == 1
    outcomes = {
        "raises[performance]" if model == "OneRaises" else "leaves[memory]": "error",
        "good[memory]": "passed",
    }
    assert project.outcomes() == outcomes
    (message,) = (r["message"] for r in project.run_json()["results"] if r["outcome"] == "error")
    assert said in message
    assert "model.py" in message
