"""What ends pytest before its checks do is said in the user's own words, with its file and line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ttci.report.collect import collect
from ttci.runner.ending import reason_in

if TYPE_CHECKING:
    from tests.conftest import Done, Project

USAGE = """ERROR: usage: python -m pytest [options] [file_or_dir] [file_or_dir] [...]
python -m pytest: error: unrecognized arguments: --tmeout=3
  inifile: {}
  rootdir: /somewhere

"""
UNCAUGHT = """collecting ... collected 4 items
Traceback (most recent call last):
  File "/home/me/conftest.py", line 7, in pytest_addoption
    weights()
  File "/venv/lib/python3.12/site-packages/hub/__init__.py", line 90, in weights
    raise OSError("no network")
OSError: no network
"""


def ended(project: Project) -> tuple[int, str]:
    """What the pair's ended.json says, and its report with it."""
    left = json.loads((project.path / "reports/tiny@cpu/ended.json").read_text())
    report = collect([project.path / "reports"])
    assert report.exit_code == left["exit_code"]
    assert report.pairs[0].problem == left["reason"]
    return left["exit_code"], left["reason"]


def run(project: Project, *arguments: str) -> Done:
    return project.ttci("run", "tiny", "--device", "cpu", "--", "--test-check", "correctness", *arguments)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (USAGE.format("None"), "unrecognized arguments: --tmeout=3"),
        (USAGE.format("/a/tox.ini"), "unrecognized arguments: --tmeout=3 (with /a/tox.ini)"),
        ("ERROR: file or directory not found: x\n\n", "file or directory not found: x"),
        (
            "ERROR: not found: a.py::b\n(no match in any of [<Dir a>])\n\n",
            "not found: a.py::b\n(no match in any of [<Dir a>])",
        ),
        (UNCAUGHT, "/home/me/conftest.py:7: OSError: no network"),
        ("==== tests ====\nExit: no board\n!!! Exit !!!\n", "no board\n!!! Exit !!!"),
        ("the last line\n\n", "the last line"),
        ("", "it printed nothing"),
    ],
)
def test_the_reason_is_the_sentence_and_not_the_last_line(output: str, reason: str) -> None:
    assert reason_in(output) == reason


@pytest.mark.parametrize("hook", ["pytest_configure", "pytest_sessionfinish"])
def test_an_exception_of_a_hook_is_the_machinerys_and_is_shown(project: Project, hook: str) -> None:
    project.write("conftest.py", f"import os\ndef {hook}():\n    raise RuntimeError('the board is off')\n")
    done = run(project)
    assert done.code == 4
    assert "the board is off" in done.output
    assert ended(project) == (4, f"conftest.py:3: {hook}: RuntimeError: the board is off")


def test_a_hook_that_finds_wrong_usage_means_the_input_and_no_check_is_lost(project: Project) -> None:
    hook = "def pytest_collection_modifyitems():\n    raise pytest.UsageError('no such mark')\n"
    project.write("conftest.py", f"import pytest\n{hook}")
    assert run(project).code == 2
    place = "conftest.py:3: pytest_collection_modifyitems"
    assert ended(project) == (2, f"{place}: UsageError: no such mark")
    assert set(project.outcomes("reports/tiny@cpu/run.json").values()) == {"error"}


def test_a_conftest_that_ends_pytest_gives_the_reason(project: Project) -> None:
    hook = "def pytest_sessionstart():\n    pytest.exit('the board is off')\n"
    project.write("conftest.py", f"import pytest\n{hook}")
    assert run(project).code == 4
    assert ended(project) == (4, "conftest.py:3: pytest_sessionstart: Exit: the board is off")


def test_pytest_by_itself_shows_the_exception_of_a_hook_too(project: Project) -> None:
    project.write("conftest.py", "def pytest_configure():\n    raise RuntimeError('the board is off')\n")
    done = project.pytest("--test-model", "model.py::Tiny")
    assert done.code == 4
    assert "conftest.py:2: pytest_configure: RuntimeError: the board is off" in done.output
    assert "INTERNALERROR> RuntimeError: the board is off" in done.output


def test_in_workers_the_hook_is_named_as_well(project: Project) -> None:
    project.write("conftest.py", "def pytest_collection_modifyitems():\n    raise RuntimeError('off')\n")
    done = project.pytest("--test-model", "model.py::Tiny", "-n2", "-W", "default")
    assert done.code == 4
    assert "conftest.py:2: RuntimeError: off" in done.output


def test_a_pair_runs_where_pytest_loads_no_plugin_by_itself(project: Project) -> None:
    arguments = ("run", "tiny", "--device", "two", "--", "--test-check", "correctness")
    done = project.ttci(*arguments, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert done.code == 0, done.output


def test_pytest_ends_as_ttci_run_where_nothing_of_a_test_could_be_judged(project: Project) -> None:
    arguments = ("--test-check", "performance", "--benchmark-disable")
    assert project.pytest("--test-model", "model.py::Tiny", *arguments).code == 3


def test_a_fixture_that_fails_is_named_at_its_line(project: Project) -> None:
    fixture = "@pytest.fixture(autouse=True)\ndef board():\n    raise OSError('off \\udce4')\n"
    project.write("conftest.py", f"import pytest\n{fixture}")
    done = project.pytest("--test-model", "model.py::Tiny", "--run-json", "run.json", "-n2", "-W", "default")
    assert done.code == 1, done.output
    for result in project.run_json()["results"]:
        assert result["message"].startswith("conftest.py:4: OSError: off \\udce4\n")
