"""Repositories of users with a remote, and what GitHub's runner says of the event that a job is for."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.conftest import clean_environment

MODEL = """
from torch import nn
from ttci.testing import TestableModule, TestConfig


class Green(TestableModule):
    def get_test_configs(self):
        return {"layer": (nn.Linear(8, 8), TestConfig("layer", (1, 4, 8), test_cases=["memory"]))}
"""
MANIFEST = """
[devices.cpu]
backend = "torch"
[models.green]
source = "model.py::Green"
devices = ["cpu"]
"""
GIT = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"} | {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "a"), ("EMAIL", "a@example.org"))
}
BRANCH = "ttci-history"


def git(folder: Path, *arguments: str) -> str:
    environment = clean_environment() | GIT
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@dataclass(frozen=True)
class Repository:
    """A clone of a bare repository, with a model."""

    clone: Path
    remote: Path

    @classmethod
    def make(cls, folder: Path) -> Repository:
        made = cls(folder / "clone", folder / "remote.git")
        git(folder, "init", "-q", "--bare", "-b", "main", str(made.remote))
        git(folder, "clone", "-q", str(made.remote), str(made.clone))
        (made.clone / "model.py").write_text(dedent(MODEL))
        (made.clone / "models_manifest.toml").write_text(dedent(MANIFEST))
        git(made.clone, "checkout", "-q", "-b", "main")
        git(made.clone, "add", ".")
        git(made.clone, "commit", "-q", "-m", "first")
        git(made.clone, "push", "-q", "origin", "main")
        return made

    def kept(self) -> list[str]:
        """The files of the history on the remote."""
        known = git(self.remote, "branch", "--list", BRANCH)
        names = git(self.remote, "ls-tree", "-r", "--name-only", BRANCH).splitlines() if known else []
        return [name for name in names if name.startswith("runs/")]


def event(folder: Path, name: str = "push", ref: str = "refs/heads/main", **payload: Any) -> dict[str, str]:
    """What GitHub's runner says of the event, in a repository whose default branch is main."""
    repository = {"repository": {"full_name": "owner/models", "default_branch": "main"}}
    path = folder / "event.json"
    path.write_text(json.dumps(repository | payload))
    return {
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_REF": ref,
        "GITHUB_REPOSITORY": "owner/models",
    }


def pull_request(folder: Path) -> dict[str, str]:
    """Of a fork, from a branch that is called as the default one is."""
    head = {"ref": "main", "repo": {"full_name": "somebody/models", "fork": True}}
    said = event(folder, "pull_request", "refs/pull/7/merge", pull_request={"head": head})
    return said | {"GITHUB_HEAD_REF": "main", "GITHUB_BASE_REF": "main"}
