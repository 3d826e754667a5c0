"""What the jobs of GitHub's runner have, for tests that run their steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.action.github_expressions import Expressions


@pytest.fixture(scope="session")
def expressions(node_folder: Path) -> Expressions:
    """GitHub's own library of workflow expressions."""
    return Expressions(node_folder)


@pytest.fixture(scope="session")
def runner_temp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RUNNER_TEMP, one for all jobs: the action keeps the environment that it made in it."""
    return tmp_path_factory.mktemp("runner temp")
