"""Which runs a run is compared with: in real repositories, whole, shallow and absent."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.recorded_runs import put, run_at, timed
from ttci.history.baseline import MOST_RUNS, Baseline, baseline_of
from ttci.history.commits import Commits
from ttci.history.index.index import updated_index
from ttci.history.record import run_id
from ttci.report.whole_history import view_of_history
from ttci.results import Run

WHO = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}


class Repository:
    """A repository in which commits are made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._commits = 0
        path.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self) -> str:
        self._commits += 1
        self.git("commit", "-q", "--allow-empty", "-m", f"Work {self._commits}")
        return self.git("rev-parse", "HEAD")

    def clone(self, path: Path, *options: str) -> Path:
        self.git("clone", "-q", *options, self.path.as_uri(), str(path))
        return path


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in (WHO | {"TTCI_CACHE": str(tmp_path / "cache")}).items():
        monkeypatch.setenv(key, value)
    for variable in ("GITHUB_EVENT_PATH", "GITHUB_EVENT_NAME"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def baseline(run: Run, earlier: Iterable[Run], folder: Path, default_branch: str | None = "main") -> Baseline:
    with (
        tempfile.TemporaryDirectory() as history,
        updated_index(put(Path(history), earlier)) as index,
    ):
        return baseline_of(run, index, Commits(folder), default_branch)


def ids(runs: Iterable[Run]) -> list[str]:
    return [run_id(run) for run in runs]


def found(baseline: Baseline) -> list[str]:
    return [run.run_id for run in baseline.runs]


def test_a_run_of_main_follows_the_runs_of_main_before_it(repository: Repository) -> None:
    earlier = [run_at(hour, git_commit=repository.commit()) for hour in range(4)]
    run = run_at(9, git_commit=repository.commit())
    judged = baseline(run, earlier, repository.path)
    assert found(judged) == ids(earlier)
    assert judged.follows
    assert judged.sentence == "Compared with the runs of main before it, in the order of the commits."


def test_runs_stand_in_the_order_of_their_commits_not_of_their_clocks(repository: Repository) -> None:
    commits = [repository.commit() for _ in range(4)]
    made_late = run_at(8, git_commit=commits[0])
    others = [run_at(hour, git_commit=commit) for hour, commit in enumerate(commits[1:3], 1)]
    judged = baseline(run_at(9, git_commit=commits[3]), [made_late, *others], repository.path)
    assert found(judged) == ids([made_late, *others])


def test_a_run_made_late_of_an_old_commit_stands_once_in_the_view_of_a_history(
    repository: Repository, tmp_path: Path
) -> None:
    commits = [repository.commit() for _ in range(5)]
    made_late = run_at(8, git_commit=commits[0])
    others = [run_at(hour, git_commit=commit) for hour, commit in enumerate(commits[1:])]
    newest = run_at(9, git_commit=commits[4])
    store = put(tmp_path / "history", [*others, made_late, newest])
    with updated_index(store) as index:
        [series] = view_of_history(store, index, repository.path, "main", 0.05).series
    assert [point.run_id for point in series.window] == ids([made_late, *others])


def test_a_run_of_an_older_commit_is_not_compared_with_newer_ones(repository: Repository) -> None:
    commits = [repository.commit() for _ in range(4)]
    earlier = [run_at(hour, git_commit=commit) for hour, commit in enumerate(commits)]
    again = run_at(9, git_commit=commits[1])
    assert found(baseline(again, earlier, repository.path)) == ids(earlier[:2])


def test_all_runs_of_a_commit_count_and_a_run_is_not_its_own_baseline(repository: Repository) -> None:
    commit = repository.commit()
    following = repository.commit()
    twice = [run_at(1, git_commit=commit), run_at(2, git_commit=commit)]
    run = run_at(3, git_commit=following)
    assert found(baseline(run, [*twice, run], repository.path)) == ids(twice)
    rerun = run_at(4, git_commit=following)
    assert found(baseline(rerun, [*twice, run], repository.path)) == ids([*twice, run])


def test_a_run_of_the_root_commit_is_not_compared_with_later_commits(repository: Repository) -> None:
    commits = [repository.commit() for _ in range(3)]
    earlier = [run_at(hour, git_commit=commit) for hour, commit in enumerate(commits)]
    again = run_at(9, git_commit=commits[0])
    judged = baseline(again, earlier, repository.path)
    assert found(judged) == ids(earlier[:1])
    assert judged.sentence.endswith("in the order of the commits.")
    assert found(baseline(again, earlier[1:], repository.path)) == []


def test_a_branch_is_compared_with_main_up_to_where_it_left(repository: Repository) -> None:
    before = [run_at(hour, git_commit=repository.commit()) for hour in range(3)]
    repository.git("switch", "-q", "-c", "feature")
    ours = [run_at(4, git_commit=repository.commit(), git_branch="feature")]
    tip = repository.commit()
    repository.git("switch", "-q", "main")
    since = [run_at(5, timed(9.0), git_commit=repository.commit())]
    run = run_at(6, git_commit=tip, git_branch="feature")
    judged = baseline(run, [*before, *ours, *since], repository.path)
    assert found(judged) == ids(before)
    assert not judged.follows
    assert "where it left that branch" in judged.sentence


@pytest.mark.parametrize("depth", [1, 2])
def test_a_pull_request_in_a_shallow_clone_is_compared_with_the_tip_it_was_merged_into(
    repository: Repository, tmp_path: Path, depth: int
) -> None:
    root = repository.commit()
    base = repository.commit()
    repository.git("switch", "-q", "-c", "feature", root)
    repository.commit()
    repository.git("switch", "-q", "--detach", base)
    repository.git("merge", "-q", "--no-ff", "-m", "Merge", "feature")
    merge = repository.git("rev-parse", "HEAD")
    repository.git("branch", "-q", "merged")
    earlier = [run_at(1, git_commit=root), run_at(2, git_commit=base)]
    newer = run_at(3, timed(9.0), git_commit="f" * 40)
    clone = repository.clone(tmp_path / "clone", f"--depth={depth}", "--branch=merged")
    run = run_at(4, git_commit=merge, git_branch="feature", event="pull_request")
    judged = baseline(run, [*earlier, newer], clone)
    assert found(judged) == ids(earlier)
    assert base[:10] in judged.sentence


def test_a_forks_pull_request_from_its_main_is_beside_ours(repository: Repository) -> None:
    earlier = [run_at(1, git_commit=repository.commit())]
    fork = run_at(2, timed(9.0), git_commit="e" * 40, event="pull_request")
    judged = baseline(run_at(3, git_commit="d" * 40, event="pull_request"), [*earlier, fork], repository.path)
    assert found(judged) == ids(earlier)
    assert not judged.follows
    assert "git does not know where" in judged.sentence


def test_without_git_the_runs_stand_in_the_order_of_their_starts(tmp_path: Path) -> None:
    folder = tmp_path / "no repository"
    folder.mkdir()
    earlier = [run_at(hour, git_commit=f"{hour}" * 40) for hour in range(1, 4)]
    later = run_at(9, git_commit="9" * 40)
    judged = baseline(run_at(5, git_commit="5" * 40), [*reversed(earlier), later], folder)
    assert found(judged) == ids(earlier)
    assert judged.sentence == "Compared with the runs of main before it, by the time they started."


def test_in_a_shallow_clone_the_runs_that_git_cannot_place_come_first(
    repository: Repository, tmp_path: Path
) -> None:
    commits = [repository.commit() for _ in range(6)]
    earlier = [run_at(hour, git_commit=commit) for hour, commit in enumerate(commits[:5])]
    clone = repository.clone(tmp_path / "clone", "--depth=3")
    judged = baseline(run_at(9, git_commit=commits[5]), earlier, clone)
    assert found(judged) == ids(earlier)


def test_where_a_branch_left_main_before_its_first_run_there_is_nothing_to_compare(
    repository: Repository,
) -> None:
    repository.commit()
    repository.commit()
    repository.git("branch", "feature")
    since = [run_at(1, git_commit=repository.commit()), run_at(2, git_commit=repository.commit())]
    repository.git("switch", "-q", "feature")
    run = run_at(3, git_commit=repository.commit(), git_branch="feature")
    assert found(baseline(run, since, repository.path)) == []


def test_where_main_has_no_run_the_branchs_own_runs_serve_and_that_is_said(repository: Repository) -> None:
    earlier = [run_at(hour, git_commit=repository.commit(), git_branch="next") for hour in range(3)]
    run = run_at(4, git_commit=repository.commit(), git_branch="next")
    judged = baseline(run, [*earlier, run_at(1, git_branch="other")], repository.path)
    assert found(judged) == ids(earlier)
    assert "history holds none of main" in judged.sentence


def test_runs_that_name_no_branch_are_compared_with_each_other(tmp_path: Path) -> None:
    earlier = [run_at(hour, git_branch=None) for hour in range(3)]
    judged = baseline(run_at(4, git_branch=None), earlier, tmp_path, default_branch=None)
    assert found(judged) == ids(earlier)
    assert "nobody names a default branch" in judged.sentence


def test_other_pairs_are_no_baseline(repository: Repository) -> None:
    commit = repository.commit()
    other = run_at(1, timed(pair="bert@cpu"), pair="bert@cpu", git_commit=commit)
    assert found(baseline(run_at(2, git_commit=commit), [other], repository.path)) == []


def test_runs_beyond_the_most_are_left_out_oldest_first(tmp_path: Path) -> None:
    earlier = [run_at(hour / 100, timed(None)) for hour in range(MOST_RUNS + 20)]
    judged = baseline(run_at(99, timed(None)), earlier, tmp_path)
    assert found(judged) == ids(earlier[20:])


def test_a_message_in_another_encoding_hides_no_commit(repository: Repository) -> None:
    root = repository.commit()
    repository.git("switch", "-q", "-c", "feature")
    repository.commit()
    repository.git("switch", "-q", "main")
    repository.git("config", "i18n.commitEncoding", "ISO-8859-1")
    message = repository.path / ".git" / "message"
    message.write_bytes("Füge zusammen".encode("latin-1"))
    repository.git("merge", "-q", "--no-ff", "-F", str(message), "feature")
    merge = repository.git("rev-parse", "HEAD")
    assert Commits(repository.path).left_at(merge, "gone") == root


@pytest.mark.parametrize("branch", ["a\0b", "\ud800", "-v", "../x", "main^{tree}"])
def test_a_branch_of_an_odd_name_is_unknown(repository: Repository, branch: str) -> None:
    commit = repository.commit()
    assert Commits(repository.path, {}).left_at(commit, branch) is None


@pytest.mark.parametrize("commit", ["--output=stolen", "HEAD", "$(touch stolen)", "", "abc; touch stolen"])
def test_a_commit_that_is_none_never_reaches_git(repository: Repository, commit: str) -> None:
    earlier = [run_at(1, git_commit=repository.commit())]
    for branch in ("main", "feature"):
        run = run_at(2, git_commit=commit, git_branch=branch)
        assert found(baseline(run, earlier, repository.path)) == ids(earlier)
    assert sorted(path.name for path in repository.path.iterdir()) == [".git"]


def test_default_branch_is_what_githubs_event_says(repository: Repository, tmp_path: Path) -> None:
    repository.commit()
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"repository": {"default_branch": "trunk"}}))
    assert Commits(repository.path, {"GITHUB_EVENT_PATH": str(event)}).default_branch() == "trunk"
    for content in ("", "[1]", '{"repository": null}', '{"repository": {"default_branch": 3}}'):
        event.write_text(content)
        assert Commits(repository.path, {"GITHUB_EVENT_PATH": str(event)}).default_branch() == "main"


def test_default_branch_is_what_the_remote_says(repository: Repository, tmp_path: Path) -> None:
    repository.commit()
    repository.git("branch", "-q", "-m", "main", "trunk")
    clone = repository.clone(tmp_path / "clone")
    assert Commits(clone, {}).default_branch() == "trunk"


def test_default_branch_is_main_or_master_where_nobody_says(repository: Repository, tmp_path: Path) -> None:
    repository.commit()
    repository.git("branch", "-q", "-m", "main", "master")
    assert Commits(repository.path, {}).default_branch() == "master"
    repository.git("branch", "-q", "-m", "master", "other")
    assert Commits(repository.path, {}).default_branch() is None
    assert Commits(tmp_path, {}).default_branch() is None


def test_a_time_without_a_zone_is_utc_on_every_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    time.tzset()
    try:
        zoned = run_at(1)
        naive = run_at(2).model_copy(update={"started": run_at(2).started.replace(tzinfo=None)})
        judged = baseline(run_at(3), [zoned, naive], tmp_path)
        assert [run.started - zoned.started for run in judged.runs] == [timedelta(0), timedelta(hours=1)]
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
