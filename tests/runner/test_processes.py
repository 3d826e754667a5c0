"""A check that takes its process along costs one check: every other one of the pair is judged."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ttci.results import Result, Run, read_run

if TYPE_CHECKING:
    from tests.conftest import Done, Project

MODEL = """
import ctypes, os
from pathlib import Path
from torch import nn
from ttci.testing import TestableModule, TestConfig

SHAPE = (1, 4, 8)
ABORTED = Path(__file__).with_name("aborted.txt")


class Aborts(nn.Module):
    def forward(self, x):
        os.abort()


class AbortsOnce(nn.Module):
    def forward(self, x):
        if not ABORTED.exists():
            ABORTED.write_text("yes")
            os.abort()
        return x + 1


class Hangs(nn.Module):
    def forward(self, x):
        ctypes.PyDLL(None).sleep(600)  # holds the interpreter's lock


class Segfaults(nn.Module):
    def forward(self, x):
        ctypes.string_at(0)


class Exits(nn.Module):
    def forward(self, x):
        os._exit(0)


def test(name, module, *checks):
    return module, TestConfig(name, SHAPE, test_cases=list(checks))


class Deadly(TestableModule):
    def get_test_configs(self):
        return {
            "first": test("first", nn.Linear(8, 8), "correctness", "performance", "memory"),
            "aborts_once": test("aborts_once", AbortsOnce(), "correctness", "memory"),
            "hangs": test("hangs", Hangs(), "memory"),
            "between": test("between", nn.Linear(8, 8), "correctness", "performance"),
            "segfaults": test("segfaults", Segfaults(), "memory"),
            "exits": test("exits", Exits(), "memory"),
            "last": test("last", nn.Linear(8, 8), "performance", "memory"),
        }


class OneAborts(TestableModule):
    def get_test_configs(self):
        return {
            "first": test("first", nn.Linear(8, 8), "memory"),
            "aborts": test("aborts", Aborts(), "correctness", "memory", "gradients"),
            "last": test("last", nn.Linear(8, 8), "memory"),
        }


if os.environ.get("DIE_AT_ONCE"):
    if ABORTED.exists():
        os.abort()
"""

MANIFEST = """
[devices.cpu]
backend = "torch"
test-timeout-seconds = 10

[devices.two]
backend = "torch"
workers = 2
test-timeout-seconds = 10

[models.deadly]
source = "model.py::Deadly"
devices = ["cpu", "two"]

[models.one]
source = "model.py::OneAborts"
devices = ["cpu"]
"""
HOW = {
    "aborts_once[correctness]": "the process died of SIGABRT",
    "hangs[memory]": "timed out after 10 s",
    "segfaults[memory]": "the process died of SIGSEGV",
    "exits[memory]": "the process ended with exit code 0 before pytest did",
}
GOOD = (
    *("first[correctness]", "first[performance]", "first[memory]", "aborts_once[memory]"),
    *("between[correctness]", "between[performance]", "last[performance]", "last[memory]"),
)


@pytest.fixture(scope="module", params=["cpu", "two"])
def deadly(
    request: pytest.FixtureRequest, make_project: Callable[..., Project]
) -> tuple[Project, Done, Path]:
    """A pair of which four checks take their process along, alone and with workers."""
    project = make_project(MODEL, MANIFEST)
    done = project.ttci("run", "deadly", "--device", request.param)
    return project, done, project.path / f"reports/deadly@{request.param}"


def results(folder: Path) -> dict[str, Result]:
    """By identity without the pair."""
    return {result.id.partition("/")[2]: result for result in run_in(folder).results}


def run_in(folder: Path) -> Run:
    return read_run(folder / "run.json")


def test_every_other_check_is_judged(deadly: tuple[Project, Done, Path]) -> None:
    _, done, folder = deadly
    outcomes = {name: str(result.outcome) for name, result in results(folder).items()}
    assert outcomes == dict.fromkeys(GOOD, "passed") | dict.fromkeys(HOW, "error"), done.output
    assert done.code == 4


@pytest.mark.parametrize("name", HOW)
def test_the_check_that_took_its_process_along_says_how_and_what_was_printed(
    deadly: tuple[Project, Done, Path], name: str
) -> None:
    how, _, last_lines = results(deadly[2])[name].message.partition("; its last output:\n")
    assert how.startswith(HOW[name])
    assert last_lines.strip()
    if name != "exits[memory]":
        assert 'model.py", line ' in last_lines


def test_the_run_is_finished_and_began_with_its_first_process(deadly: tuple[Project, Done, Path]) -> None:
    run = run_in(deadly[2])
    assert run.finished is not None
    assert (run.finished - run.started).total_seconds() >= 10  # of the hang, in an early process


def test_junit_holds_every_check_in_one_suite(deadly: tuple[Project, Done, Path]) -> None:
    folder = deadly[2]
    (suite,) = ET.parse(folder / "junit.xml").getroot()
    assert (suite.tag, suite.get("name")) == ("testsuite", "pytest")
    assert {str(case.get("name")) for case in suite} == {result.id for result in run_in(folder).results}
    counts = {name: suite.get(name) for name in ("tests", "errors", "failures")}
    assert counts == {"tests": "12", "errors": "4", "failures": "0"}


def test_benchmark_json_holds_what_was_measured_before_and_after_a_death(
    deadly: tuple[Project, Done, Path],
) -> None:
    project, _, folder = deadly
    document = json.loads((folder / "benchmark.json").read_text())
    names = {entry["name"].partition("/")[2] for entry in document["benchmarks"]}
    assert names == {name for name in GOOD if "performance" in name}
    compared = project.python("-m", "pytest_benchmark", "compare", str(folder / "benchmark.json"))
    assert compared.code == 0, compared.output
    assert all(name in compared.output for name in names)


def test_nothing_is_left_of_the_single_processes(deadly: tuple[Project, Done, Path]) -> None:
    files = ["benchmark.json", "junit.xml", "log.txt", "run.json"]
    assert sorted(path.name for path in deadly[2].iterdir()) == files


def test_exitfirst_stops_at_a_check_that_took_its_process_along(make_project: Callable[..., Project]) -> None:
    project = make_project(MODEL, MANIFEST)
    done = project.ttci("run", "one", "--", "-x")
    assert done.code == 4
    outcomes = {
        name: result.message[:10] for name, result in results(project.path / "reports/one@cpu").items()
    }
    assert outcomes["aborts[correctness]"] == "the proces"
    assert outcomes["last[memory]"] == "not judged"


def test_maxfail_counts_the_failures_of_all_processes(make_project: Callable[..., Project]) -> None:
    project = make_project(MODEL, MANIFEST)
    done = project.ttci("run", "one", "--", "--maxfail=2")
    assert done.code == 4
    judged = results(project.path / "reports/one@cpu")
    assert [name for name, result in judged.items() if result.message.startswith("not judged")] == [
        "aborts[memory]",
        "last[memory]",
    ]


def test_a_process_that_dies_before_it_begins_is_the_last(make_project: Callable[..., Project]) -> None:
    project = make_project(MODEL, MANIFEST)
    done = project.ttci("run", "deadly", "--device", "cpu", DIE_AT_ONCE="1")
    assert done.code == 4
    assert done.output.count("test session starts") == 1
    judged = results(project.path / "reports/deadly@cpu")
    assert judged["aborts_once[memory]"].message.startswith("the process died of SIGABRT")
    assert judged["last[memory]"].message.startswith("not judged")
    assert run_in(project.path / "reports/deadly@cpu").finished is None


def test_a_time_out_is_a_number_of_seconds(project: Project) -> None:
    for text in ("0", "-1", "nan", "soon"):
        done = project.pytest("--test-model", "model.py::Tiny", "--test-timeout", text)
        assert f"{text}: not a number of seconds above 0" in done.output
        assert "Traceback" not in done.output


BREAKS = """
import os


def pytest_runtest_teardown(item):
    if os.environ["BREAKS"] == "teardown" and item.name == "tiny@cpu/lin[performance]":
        os.abort()


def pytest_runtest_makereport(item, call):
    if os.environ["BREAKS"] == "pytest" and item.name == "tiny@cpu/lin[performance]":
        raise RuntimeError("a plugin's own mistake")
"""


@pytest.mark.parametrize(
    ("breaks", "how"),
    [
        ("teardown", "the process died of SIGABRT"),
        ("pytest", "breaks.py:12: pytest_runtest_makereport: RuntimeError: a plugin's own mistake"),
    ],
)
def test_what_ends_a_process_after_a_check_is_laid_to_that_check(
    project: Project, breaks: str, how: str
) -> None:
    project.write("breaks.py", BREAKS)
    done = project.ttci("run", "tiny", "--device", "cpu", "--", "-p", "breaks", BREAKS=breaks)
    assert done.code == 4
    judged = results(project.path / "reports/tiny@cpu")
    assert judged["lin[performance]"].message.startswith(f"{how}; its last output:\n")
    outcomes = [str(result.outcome) for result in judged.values()]
    assert outcomes == ["passed", "error", "passed", "passed"], done.output
