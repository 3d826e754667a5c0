"""Which earlier runs a run is compared with.

Only runs of the default branch are, all of them, also several of one commit. A run of that
branch is compared with those before it; a pull request with those up to where it left the
branch: what others changed there since is not its doing. Where git knows the commits, "before"
is their order, so that a run made late of an old commit stands where its commit does; else it
is the time at which the runs started.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ttci.history.commits import Commits
from ttci.history.index.index import Index
from ttci.history.index.stored_run import StoredRun
from ttci.history.record import run_id
from ttci.history.series import SHORT_COMMIT, branch_of, commit_of, in_utc
from ttci.results import Run

MOST_POINTS = 100  # of a window
# Looked through for them: a check that only every fourth run makes still has a whole window.
MOST_RUNS = 4 * MOST_POINTS


@dataclass(frozen=True)
class Baseline:
    """The runs that one is compared with, oldest first.

    Attributes:
        follows: the run is the next one of their branch, not one beside it.
        which: what they are, in words.
    """

    runs: tuple[StoredRun, ...]
    branch: str | None
    follows: bool
    which: str

    @property
    def sentence(self) -> str:
        """For who reads a verdict."""
        return f"Compared with {self.which}."


def baseline_of(run: Run, index: Index, commits: Commits, default_branch: str | None) -> Baseline:
    """The baseline of a recorded run; it may stand in the index already, and never is its own baseline."""
    own, before = branch_of(run), in_utc(run.started)
    if default_branch is None or not index.runs_on(run.pair, default_branch, before, most=1):
        return _of_own_branch(run, index, commits, default_branch)
    if own == default_branch:
        runs, order = _line_to(commit_of(run), run, index, commits, own)
        return Baseline(runs, own, follows=True, which=f"the runs of {own} before it, {order}")
    left_at = commits.left_at(commit_of(run), default_branch)
    runs, order = _line_to(left_at, run, index, commits, default_branch)
    if left_at is None:
        where = f"that started before it, as git does not know where it left {default_branch}"
    else:
        where = f"up to {left_at[:SHORT_COMMIT]}, where it left that branch, {order}"
    return Baseline(runs, default_branch, follows=False, which=f"the runs of {default_branch} {where}")


def _of_own_branch(run: Run, index: Index, commits: Commits, default_branch: str | None) -> Baseline:
    """What there is where the default branch has not run yet, or nobody knows which one it is."""
    own = branch_of(run)
    runs, order = _line_to(commit_of(run), run, index, commits, own)
    lacking = f"history holds none of {default_branch}" if default_branch else "nobody names a default branch"
    named = own or "no named branch"
    return Baseline(runs, own, follows=True, which=f"the runs of {named} before it, {order}: {lacking}")


_BY_COMMITS, _BY_TIME = "in the order of the commits", "by the time they started"


def _line_to(
    commit: str | None, run: Run, index: Index, commits: Commits, branch: str | None
) -> tuple[tuple[StoredRun, ...], str]:
    """The runs of a branch up to a commit that started before `run`, oldest first, and in which order."""
    own_id = run_id(run)
    newest_first = index.runs_on(run.pair, branch, in_utc(run.started), MOST_RUNS + 1)
    candidates = [found for found in newest_first if found.run_id != own_id][:MOST_RUNS]
    line = commits.line(commit) if commit else ()
    if candidates and commits.is_ordered(line):
        ordered = _in_commit_order(candidates, line, commits)
        if ordered is not None:
            return ordered, _BY_COMMITS
    last = _last_of(commit, run, index, branch)
    up_to = [found for found in candidates if last is None or found.started <= last]
    return tuple(reversed(up_to)), _BY_TIME


def _last_of(commit: str | None, run: Run, index: Index, branch: str | None) -> datetime | None:
    """When the newest run of the commit itself started: git does not know what came after it."""
    if commit is None:
        return None
    found = index.runs_on(run.pair, branch, in_utc(run.started), most=1, commit=commit)
    return found[0].started if found else None


def _in_commit_order(
    candidates: Sequence[StoredRun], line: tuple[str, ...], commits: Commits
) -> tuple[StoredRun, ...] | None:
    """Those on the line, behind older ones that git cannot place; None where it knows none of them.

    What git cannot place is of before the line's end, or of before the branch was written anew.
    """
    position = {commit: -index for index, commit in enumerate(line)}
    placed = [run for run in candidates if run.commit in position]
    if not placed:
        elsewhere = commits.known(run.commit for run in candidates if run.commit)
        return () if elsewhere and commits.is_whole(line) else None
    placed.sort(key=lambda run: (position[run.commit or ""], run.started))
    oldest = min(run.started for run in placed)
    older = [run for run in candidates if run.commit not in position and run.started < oldest]
    return (*sorted(older, key=lambda run: run.started), *placed)
