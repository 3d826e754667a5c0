"""Runs of commits, compared with the commit before and kept: what history then knows of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.compare.conftest import Repository
from tests.compare.test_two_commits import timed
from tests.repositories import git

CHECK = "tiny@cpu/lin[performance]"
HISTORY = ("--history", "folder:kept")


@pytest.fixture
def repository(make_repository: Callable[..., Repository]) -> Repository:
    """One commit, run and kept."""
    made = make_repository(timed(20))
    (made.path / ".gitignore").write_text("reports\nkept\n__pycache__\n")
    made.commit()
    _run_and_keep(made)
    return made


def _run_and_keep(repository: Repository, *comparison: str) -> None:
    commands = [("run", "tiny"), *([("compare", *comparison)] if comparison else [])]
    for command in [*commands, ("history", "add", *HISTORY)]:
        done = repository.project.ttci(*command)
        assert done.code == 0, done.output


def test_a_slowdown_is_in_the_history_with_the_first_run_that_was_compared(repository: Repository) -> None:
    before = git(repository.path, "rev-parse", "HEAD")
    repository.write(model=timed(400))
    repository.commit()
    _run_and_keep(repository, before, "--seconds", "60", "--test", "lin")
    done = repository.project.ttci("history", "explain", CHECK, *HISTORY)
    assert f"{CHECK} latency_ms: slower" in done.output
    assert f"Measured beside {before[:10]} on one machine: ratio " in done.output
    assert "History alone: Too few: 1 of 14 earlier runs." in done.output
    reported = repository.project.ttci("report", *HISTORY, "--fail-on", "drift")
    assert reported.code == 1
    assert "history: 1 slower" in reported.output


def test_a_run_without_comparison_is_judged_by_values_as_before(repository: Repository) -> None:
    repository.write(model=timed(60))
    repository.commit()
    _run_and_keep(repository)
    done = repository.project.ttci("history", "explain", CHECK, *HISTORY)
    assert f"{CHECK} latency_ms: too-few" in done.output
    assert "easured beside" not in done.output


def test_a_comparison_that_is_torn_is_said_and_the_run_is_kept(repository: Repository) -> None:
    assert repository.project.ttci("run", "tiny").code == 0
    (repository.path / "reports" / "comparison.json").write_text("{")
    done = repository.project.ttci("history", "add", *HISTORY)
    assert done.code == 4
    assert "comparison.json: not a comparison.json" in done.output
    assert "1 added to" in done.output
