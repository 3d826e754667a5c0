"""What the jobs of GitHub's runner have, for tests that run their steps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.action.github_expressions import Expressions
from tests.action.steps import Steps
from tests.conftest import clean_environment
from tests.repositories import Repository


@pytest.fixture(scope="session")
def expressions(node_folder: Path) -> Expressions:
    """GitHub's own library of workflow expressions."""
    return Expressions(node_folder)


@pytest.fixture(scope="session")
def runner_temp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RUNNER_TEMP, one for all jobs: the action keeps the environment that it made in it."""
    return tmp_path_factory.mktemp("runner temp")


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Steps:
    for name in os.environ.keys() - clean_environment().keys():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TTCI_CACHE", str(tmp_path / "cache"))
    return Steps(Repository.make(tmp_path), monkeypatch, capfd)
