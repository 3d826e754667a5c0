"""What git knows of the commits that were measured: reads the user's repository, and changes nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from ttci.environment import github_event
from ttci.git import git_output

MOST_COMMITS = 500  # of a line
_COMMIT = re.compile(r"[0-9a-f]{7,64}")  # anything else could be an option of git's


class Commits:
    """The commits of the repository that holds `folder`; each question is asked of git once.

    Every answer is None or empty where git does not know: there is no repository, it is
    shallow, the commit is of another one.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str] = os.environ) -> None:
        self._folder = folder
        self._environ = environ
        self.line = cache(self._line)
        self.left_at = cache(self._left_at)

    def default_branch(self) -> str | None:
        """As GitHub's event says, else as the remote does, else main or master where there is one."""
        return self._of_event() or self._of_remote() or next(filter(self._tip, ("main", "master")), None)

    def _line(self, commit: str) -> tuple[str, ...]:
        """The commit and those before it, newest first, as its branch went (first parents)."""
        if not _COMMIT.fullmatch(commit):
            return ()
        most = f"--max-count={MOST_COMMITS}"
        return tuple((self._git("rev-list", "--first-parent", most, commit) or "").split())

    def is_whole(self, line: tuple[str, ...]) -> bool:
        """Whether a line goes back to the first commit there is."""
        return 0 < len(line) < MOST_COMMITS and self._git("rev-parse", "--is-shallow-repository") == "false"

    def is_ordered(self, line: tuple[str, ...]) -> bool:
        """Whether a line tells what came before what: one commit does where nothing was before it."""
        return len(line) > 1 or self.is_whole(line)

    def known(self, commits: Iterable[str]) -> frozenset[str]:
        """Those of the commits that are here, of whatever branch."""
        asked = filter(_COMMIT.fullmatch, commits)
        return frozenset((self._git("rev-list", "--no-walk", "--ignore-missing", *asked) or "").split())

    def _left_at(self, commit: str | None, branch: str) -> str | None:
        """Where the line of `commit` left `branch`.

        A shallow clone of a pull request knows it too: GitHub checks out a merge commit that it makes,
        of which the first parent is the tip of the branch.
        """
        is_safe = commit is not None and _COMMIT.fullmatch(commit)
        tip = self._tip(branch)
        base = self._git("merge-base", tip, commit) if tip and commit and is_safe else None
        return base or next(
            filter(None, map(self._merged_into, self._merges(commit if is_safe else None))), None
        )

    def _merges(self, commit: str | None) -> list[str]:
        """Where GitHub's merge commit may be: the run's own, else what is checked out for this event."""
        is_checked_out = self._environ.get("GITHUB_EVENT_NAME") == "pull_request"
        return [*([commit] if commit else []), *(["HEAD"] if is_checked_out else [])]

    def _merged_into(self, commit: str) -> str | None:
        head = (self._git("cat-file", "commit", commit) or "").partition("\n\n")[0]
        parents = [line.removeprefix("parent ") for line in head.splitlines() if line.startswith("parent ")]
        return parents[0] if len(parents) > 1 else None

    def _tip(self, branch: str) -> str | None:
        """The remote's, which is the newest that is known of it; else one's own."""
        for reference in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
            if found := self._git("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}"):
                return found
        return None

    def _of_event(self) -> str | None:
        repository = github_event(self._environ).get("repository")
        name = repository.get("default_branch") if isinstance(repository, dict) else None
        return name if isinstance(name, str) and name else None

    def _of_remote(self) -> str | None:
        head = self._git("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD") or ""
        return head.removeprefix("refs/remotes/origin/") or None

    def _git(self, *arguments: str) -> str | None:
        return git_output(self._folder, *arguments)
