"""Real git repositories with a bare remote, for tests of the history on a branch."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.pair_folders import latency, result_of, run_of
from ttci.history import DEFAULT_BRANCH, record
from ttci.results import Run

BEGIN = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
PAIR = "llama3@n150"


@dataclass(frozen=True)
class Repositories:
    """A bare remote, and clones of it."""

    folder: Path

    @property
    def remote(self) -> Path:
        """The bare repository."""
        return self.folder / "remote.git"

    def clone(self, name: str = "clone") -> Path:
        """A repository whose origin is the remote, made where it is not there."""
        path = self.folder / name
        if not path.exists():
            git(self.folder, "init", "--quiet", str(path))
            git(path, "remote", "add", "origin", str(self.remote))
        return path

    def branch(self, *arguments: str) -> str:
        """What git says of the history's branch on the remote."""
        return git(self.remote, *arguments, DEFAULT_BRANCH)

    def names(self) -> list[str]:
        """The files on the history's branch of the remote."""
        return self.branch("ls-tree", "-r", "--name-only").splitlines()


def git(folder: Path, *arguments: str, feed: str = "") -> str:
    """What git prints; raises where it ends badly."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, input=feed, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def make_repositories(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Repositories:
    """An empty remote; git knows nothing of who runs the tests."""
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)
    (folder / "home").mkdir()
    (folder / "home" / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("TTCI_CACHE", str(folder / "cache"))
    git(folder, "init", "--quiet", "--bare", "remote.git")
    return Repositories(folder)


def measured_run(number: int, samples: Iterable[float] = (), pair: str = PAIR, host: str = "rack7") -> Run:
    """The run that began so many minutes after the first; it took 4 ms and a hundredth of its number."""
    value = 4 + number / 100
    result = result_of(pair, "attention", "performance", measurements=[latency(value, samples=samples)])
    started = BEGIN + timedelta(minutes=number)
    run = run_of(pair, result).model_copy(
        update={"started": started, "finished": started + timedelta(seconds=30)}
    )
    return run.model_copy(update={"environment": run.environment | {"host": host}})


def files_of(*runs: Run) -> dict[str, bytes]:
    """The files of runs, as a store keeps them."""
    kept = [record.recorded(run) for run in runs]
    return {record.file_name(run): record.encode(run) for run in kept}
