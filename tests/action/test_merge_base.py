"""Where a pull request begins, found in real clones, shallow ones too."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.repositories import Repository, git
from ttci.action.merge_base import Change, merge_base, pull_request_of
from ttci.errors import InputError


@dataclass(frozen=True)
class Asked:
    """A pull request on the remote: its base has gone on since it began.

    Attributes:
        began: the commit where both branches part.
        base, head: their newest commits.
        merged: GitHub's merge of both.
    """

    remote: Path
    began: str
    base: str
    head: str
    merged: str

    @property
    def event(self) -> Change:
        """As the event names it: the base as it was when the event happened."""
        return Change(self.began, self.head)

    def checkout(self, folder: Path, ref: str, depth: int | None) -> Path:
        """A checkout as actions/checkout makes it."""
        folder.mkdir()
        git(folder, "init", "-q")
        git(folder, "remote", "add", "origin", self.remote.as_uri())
        options = [f"--depth={depth}"] if depth else []
        git(folder, "fetch", "-q", "--no-tags", *options, "origin", f"+{ref}:refs/remotes/pull/7")
        git(folder, "checkout", "-q", "--detach", "refs/remotes/pull/7")
        return folder


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    made = Repository.make(tmp_path)
    clone = made.clone

    def commit(what: str) -> str:
        git(clone, "commit", "-q", "--allow-empty", "-m", what)
        return git(clone, "rev-parse", "HEAD")

    began = commit("began")
    git(clone, "checkout", "-q", "-b", "change")
    head = [commit(f"change {number}") for number in range(3)][-1]
    git(clone, "checkout", "-q", "main")
    base = commit("gone on")
    git(clone, "checkout", "-q", "--detach")
    git(clone, "merge", "-q", "--no-ff", "-m", "merge", "change")
    merged = git(clone, "rev-parse", "HEAD")
    git(clone, "push", "-q", "origin", "main", "change", f"{merged}:refs/pull/7/merge")
    return Asked(made.remote, began, base, head, merged)


@pytest.mark.parametrize("depth", [None, 1, 2])
def test_of_githubs_merge_commit_it_is_the_bases_side_however_shallow_the_checkout(
    asked: Asked, tmp_path: Path, depth: int | None
) -> None:
    folder = asked.checkout(tmp_path / "checkout", "refs/pull/7/merge", depth)
    assert merge_base(folder, asked.event) == asked.base
    assert git(folder, "cat-file", "-t", asked.base) == "commit"
    assert git(folder, "rev-parse", "HEAD") == asked.merged


@pytest.mark.parametrize("depth", [None, 1, 2])
def test_of_the_pull_requests_own_branch_it_is_where_that_has_left_the_base(
    asked: Asked, tmp_path: Path, depth: int | None
) -> None:
    folder = asked.checkout(tmp_path / "checkout", "refs/heads/change", depth)
    assert merge_base(folder, Change(asked.base, asked.head)) == asked.began


def test_a_remote_that_cannot_be_asked_is_said_with_what_to_write(asked: Asked, tmp_path: Path) -> None:
    folder = asked.checkout(tmp_path / "checkout", "refs/pull/7/merge", 1)
    git(folder, "remote", "set-url", "origin", str(tmp_path / "nowhere.git"))
    with pytest.raises(InputError, match="nowhere") as raised:
        merge_base(folder, asked.event)
    assert "begins at is not in the checkout (" in str(raised.value)
    assert str(raised.value).endswith("; give actions/checkout the input fetch-depth: 0")


def test_branches_without_a_common_commit_are_said(asked: Asked, tmp_path: Path) -> None:
    folder = asked.checkout(tmp_path / "checkout", "refs/heads/change", None)
    git(folder, "checkout", "-q", "--orphan", "other")
    git(folder, "commit", "-q", "-m", "other")
    with pytest.raises(InputError, match="the branches have no commit in common"):
        merge_base(folder, asked.event)


def test_a_folder_without_a_repository_is_said(tmp_path: Path, asked: Asked) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is in no git repository; use actions/checkout before"):
        merge_base(tmp_path / "empty", asked.event)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"pull_request": {"base": {"sha": "a"}, "head": {"sha": "b"}}}, Change("a", "b")),
        ({"merge_group": {"base_sha": "a", "head_sha": "b"}}, Change("a", "b")),
        ({"pull_request": {"base": {}, "head": {"sha": "b"}}}, None),
        ({"pull_request": []}, None),
        ({"before": "a", "after": "b"}, None),
        ([], None),
    ],
)
def test_only_a_pull_request_and_a_merge_queue_have_a_base(
    tmp_path: Path, event: Any, expected: Change | None
) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event))
    assert pull_request_of({"GITHUB_EVENT_PATH": str(path)}) == expected
