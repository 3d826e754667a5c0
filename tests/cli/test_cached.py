"""``ttci run --cached``: results of pairs of which nothing has changed, and that they say so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Done, Project

MODEL = """
import beside
from torch import nn
from ttci.testing import ModuleTest

CHECKS = ["correctness", "memory"]
TESTS = [ModuleTest("linear", test_cases=CHECKS, input_shape=(1, 4, beside.DIM), module=nn.Linear(8, 8))]
"""
MANIFEST = """\
[devices.cpu]
backend = "torch"

[models.small]
source = "model.py"
devices = ["cpu"]

[history]
store = "folder:kept"
"""
CACHED = "small@cpu: cached, for nothing of it has changed since it was well"


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    made = make_project(MODEL, MANIFEST)
    made.write("beside.py", "DIM = 8\n")
    made.write("weights.json", "[]\n")
    return made


def run(project: Project, *arguments: str) -> Done:
    cache = str(project.path / "cache")
    return project.ttci("run", "-q", "--cached", *arguments, TTCI_CACHE=cache)


def test_unchanged_pair_is_taken_from_the_cache_and_says_so(project: Project) -> None:
    first = run(project)
    assert (first.code, CACHED in first.lines) == (0, False)
    before = project.run_json("reports/small@cpu/run.json")
    again = run(project)
    assert (again.code, again.lines[0]) == (0, CACHED)
    assert again.lines[2].split()[-2] == "cached"
    assert again.lines[3].split()[-2] == "yes"
    assert again.lines[-1].endswith(", 1 cached")
    after = project.run_json("reports/small@cpu/run.json")
    assert after["environment"].pop("cached").startswith(before["started"][:19])
    assert after == before
    report = project.ttci("report")
    assert report.code == 0
    assert ", 1 cached" in report.lines[-1]
    history = project.ttci("history", "add")
    assert "its results are copies of an earlier run's, from the cache" in history.output


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("model.py", "(1, 4,", "(1, 2,"),
        ("beside.py", "8", "4 + 4"),
        ("weights.json", "[]", "[1]"),
        ("models_manifest.toml", 'backend = "torch"', 'backend = "torch"\ndtype = "bfloat16"'),
    ],
)
def test_pair_runs_again_when_something_of_it_has_changed(
    project: Project, name: str, old: str, new: str
) -> None:
    run(project)
    file = project.path / name
    project.write(name, file.read_text(encoding="utf-8").replace(old, new))
    done = run(project)
    assert (done.code, CACHED in done.lines) == (0, False), done.output
    assert run(project).lines[0] == CACHED


def test_result_of_code_that_was_edited_while_it_ran_is_kept_as_that_of_the_code_before(
    project: Project,
) -> None:
    edits_itself = "from pathlib import Path\n\nDIM = 8\nPath(__file__).write_text('DIM = 8\\n')\n"
    project.write("beside.py", edits_itself)
    assert run(project).code == 0
    assert CACHED not in run(project).lines


def test_other_arguments_of_pytest_are_another_run(project: Project) -> None:
    run(project)
    assert CACHED not in run(project, "--", "-k", "correctness").lines


def test_failed_pair_is_not_kept_and_nothing_is_cached_that_nobody_asks_for(project: Project) -> None:
    missed = "\n[models.small.targets.cpu.linear]\nmemory_mb = 1e-9\n"
    project.write("models_manifest.toml", MANIFEST + missed)
    assert [run(project).code for _ in range(2)] == [1, 1]
    project.write("models_manifest.toml", MANIFEST)
    run(project)
    plain = project.ttci("run", "-q", TTCI_CACHE=str(project.path / "cache"))
    assert "cached" not in plain.output


def test_cache_that_cannot_be_written_is_said(project: Project) -> None:
    Path(project.path / "cache").write_text("a file", encoding="utf-8")
    done = run(project)
    assert done.code == 4
    assert "set TTCI_CACHE to another folder" in done.output
    assert "Traceback" not in done.output
