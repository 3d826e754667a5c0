"""Where a run happened: also in a checkout that another user owns, and in one without git."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.repositories import git
from ttci.environment import describe_environment
from ttci.history.stores.remote import find_remote
from ttci.testing.places import place_text

ANOTHER_USER = 12345
SHA = "4" * 40


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit and a remote."""
    folder = tmp_path / "checkout"
    (folder / "models").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    git(folder, "remote", "add", "origin", "../remote.git")
    return folder


def give_away(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, ANOTHER_USER, ANOTHER_USER)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_checkout_that_another_user_owns_is_read(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    give_away(checkout)
    here = describe_environment(checkout / "models")
    assert (here["git_commit"], here["git_branch"]) == (commit, "main")
    assert find_remote(checkout / "models").place == str(checkout.parent / "remote.git")


def test_without_git_a_workflow_says_the_commit_of_its_own_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"GITHUB_WORKSPACE": str(tmp_path / "w"), "GITHUB_SHA": SHA, "GITHUB_REF_NAME": "fix"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GITHUB_HEAD_REF", raising=False)
    for folder, expected in (("w/models", (SHA, "fix")), ("elsewhere", (None, None))):
        (tmp_path / folder).mkdir(parents=True)
        here = describe_environment(tmp_path / folder)
        assert (here["git_commit"], here["git_branch"]) == expected
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("git") is None
    assert describe_environment(tmp_path / "w")["git_commit"] == SHA


def test_a_path_is_relative_to_its_repository_wherever_it_is_given(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout / "models")
    assert place_text(("../models_manifest.toml", 3)) == "models_manifest.toml:3"
    assert place_text((str(checkout / "models" / ".." / "m.py"), 1)) == "m.py:1"
    (checkout / "link").symlink_to(checkout / "models" / "deep", target_is_directory=True)
    (checkout / "models" / "deep").mkdir()
    assert place_text((str(checkout / "link" / ".." / "m.py"), 1)) == "models/m.py:1"
