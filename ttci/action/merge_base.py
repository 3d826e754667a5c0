"""Where a change has left its base, in a checkout that may be shallow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttci.environment import github_event
from ttci.errors import InputError, MachineryError
from ttci.git import git_output, run_git

# actions/checkout leaves one commit, the merge of both: its parents are enough for most pull requests.
_DEEPER = ("--deepen=1", "--deepen=50", "--unshallow")


_NO_COMMIT = "0" * 40  # what a branch was at before it was made


@dataclass(frozen=True)
class Change:
    """The newest commits of its base and of its own branch, as the event names them."""

    base: str
    head: str


def change_of(environ: Mapping[str, str], *, pushes: bool) -> Change | None:
    """The change that a job is for: a pull request or, with `pushes`, what a push has added to its branch."""
    asked = pull_request_of(environ)
    if asked or not pushes or environ.get("GITHUB_EVENT_NAME") != "push":
        return asked
    event = github_event(environ)
    before = event.get("before")
    return None if before == _NO_COMMIT else _change(before, event.get("after"))


def pull_request_of(environ: Mapping[str, str]) -> Change | None:
    """The pull request, or the group of a merge queue, that a job is for; None where there is neither."""
    event = github_event(environ)
    asked = event.get("pull_request")
    if isinstance(asked, dict):
        return _change(*(_table(asked.get(side)).get("sha") for side in ("base", "head")))
    group = _table(event.get("merge_group"))
    return _change(group.get("base_sha"), group.get("head_sha"))


def _change(base: Any, head: Any) -> Change | None:
    is_known = isinstance(base, str) and isinstance(head, str)
    return Change(base, head) if is_known else None


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def merge_base(folder: Path, asked: Change) -> str:
    """The commit that the checkout of `folder` is to be compared with; what it lacks is fetched.

    Raises:
        InputError: there is no repository, or the commit is not there and cannot be fetched.
    """
    if git_output(folder, "rev-parse", "HEAD") is None:
        raise InputError(f"compare: {folder.resolve()} is in no git repository; use actions/checkout before")
    found = _known(folder, asked)
    why = "the branches have no commit in common"
    for reason in () if found else _fetched(folder, asked):
        why = reason or why
        found = _known(folder, asked)
        if found:
            break
    if not found:
        what = f"compare: the commit that this change begins at is not in the checkout ({why})"
        raise InputError(f"{what}; give actions/checkout the input fetch-depth: 0")
    return found


def _known(folder: Path, asked: Change) -> str | None:
    """As far as the checkout tells: the base in GitHub's merge commit, else where both branches part."""
    commit = git_output(folder, "cat-file", "commit", "HEAD") or ""
    head = commit.partition("\n\n")[0].splitlines()
    parents = [line.removeprefix("parent ") for line in head if line.startswith("parent ")]
    if parents[1:] == [asked.head]:
        return git_output(folder, "rev-parse", "--verify", "--quiet", f"{parents[0]}^{{commit}}")
    return git_output(folder, "merge-base", asked.base, "HEAD")


def _fetched(folder: Path, asked: Change) -> Iterator[str]:
    """Fetch more and more; each time what went wrong, empty where nothing did."""
    is_shallow = git_output(folder, "rev-parse", "--is-shallow-repository") == "true"
    commits = [str(git_output(folder, "rev-parse", "HEAD")), asked.base]
    for depth in [[option] for option in _DEEPER] if is_shallow else [[]]:
        options = ["--quiet", "--no-tags", "--no-recurse-submodules", *depth]
        try:
            done = run_git(["fetch", *options, "origin", *commits], folder)
            yield done.reason if done.code else ""
        except MachineryError as error:
            yield str(error)
