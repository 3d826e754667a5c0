"""Repositories with two commits of a model, and real runs of ``ttci compare`` in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.conftest import Done, Project
from tests.repositories import git

MANIFEST = """
[devices.cpu]
backend = "torch"

[models.tiny]
source = "model.py::Tiny"
devices = ["cpu"]
"""
MODEL = """
from torch import nn
from ttci.testing import TestableModule, TestConfig


class Tiny(TestableModule):
    def get_test_configs(self):
        return {"lin": (nn.Linear(8, WIDTH), TestConfig("lin", (1, 4, 8), test_cases=["memory"]))}
"""


def model(width: int = 8) -> str:
    """A model of one layer, whose memory is measured."""
    return MODEL.replace("WIDTH", str(width))


@dataclass(frozen=True)
class Repository:
    """A repository with a first commit."""

    project: Project

    @property
    def path(self) -> Path:
        """Its root."""
        return self.project.path

    def write(self, **files: str) -> None:
        """Write Python files, by their names without the ending."""
        for name, text in files.items():
            self.project.write(f"{name}.py", text)

    def commit(self) -> str:
        """Commit everything that is there; the commit."""
        git(self.path, "add", "-A")
        git(self.path, "commit", "-q", "-m", "a change")
        return git(self.path, "rev-parse", "HEAD")

    def compare(self, *arguments: str, **environment: str) -> Done:
        """Run ``ttci compare``; nothing of it is left afterwards."""
        done = self.project.ttci("compare", *arguments, **environment)
        assert "Traceback" not in done.output
        self.assert_nothing_is_left()
        return done

    def assert_nothing_is_left(self) -> None:
        """Whether the worktrees are gone."""
        assert git(self.path, "worktree", "list").count("\n") == 0

    def found(self) -> Any:
        """What comparison.json holds."""
        return json.loads((self.path / "reports" / "comparison.json").read_text(encoding="utf-8"))

    def words(self) -> dict[str, str]:
        """What is said of each figure."""
        return {f"{entry['id']} {entry['name']}": entry["comparison"] for entry in self.found()["figures"]}


@pytest.fixture
def make_repository(tmp_path: Path, _needs_torch: None) -> Callable[..., Repository]:
    def make(text: str = model(), manifest: str = MANIFEST) -> Repository:
        made = Repository(Project(tmp_path))
        git(tmp_path, "init", "-q", "-b", "main")
        (tmp_path / ".gitignore").write_text("reports\n__pycache__\n")
        (tmp_path / "models_manifest.toml").write_text(dedent(manifest))
        made.write(model=text)
        made.commit()
        return made

    return make
