"""The store on a git branch: real repositories, and what can go wrong with a remote."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.history_repositories import Repositories, files_of, git, make_repositories, measured_run
from ttci.errors import InputError, MachineryError
from ttci.git import Done, run_git
from ttci.history.stores import branch as branch_store
from ttci.history.stores.branch import BranchStore
from ttci.history.stores.clone import OwnRepository
from ttci.history.stores.protocol import store_folder

BRANCH = "ttci-history"


@pytest.fixture
def repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repositories:
    return make_repositories(tmp_path, monkeypatch)


@pytest.fixture
def on_two_machines(
    repositories: Repositories, monkeypatch: pytest.MonkeyPatch
) -> tuple[BranchStore, BranchStore]:
    """Two stores of one branch, each with a cache of its own."""
    stores = []
    for name in ("here", "there"):
        monkeypatch.setenv("TTCI_CACHE", str(repositories.folder / f"cache of {name}"))
        stores.append(BranchStore(BRANCH, repositories.clone(name)))
        assert store_folder(stores[-1]) == stores[-1]._cache
    return stores[0], stores[1]


@pytest.fixture
def headers() -> Iterator[tuple[str, list[dict[str, list[str]]]]]:
    """A server that lets nobody in: its URL, and the headers of each request."""
    seen: list[dict[str, list[str]]] = []

    class Closed(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append({key.lower(): self.headers.get_all(key, []) for key in self.headers})
            self.send_error(403)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Closed)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", seen
    server.shutdown()
    thread.join()
    server.server_close()


def refuse(remote: Path) -> Path:
    """A hook that takes no push; returns it."""
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'error: GH006: Protected branch update failed.' >&2\nexit 1\n")
    hook.chmod(0o755)
    return hook


def before_push(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object], times: int = 1) -> list[int]:
    """Let something happen between the fetch and the push of the next attempts; how often it did."""
    push = OwnRepository.push
    done: list[int] = []

    def late(own: OwnRepository) -> object:
        if len(done) < times:
            done.append(1)
            monkeypatch.setattr(OwnRepository, "push", push)
            happens()
            monkeypatch.setattr(OwnRepository, "push", late)
        return push(own)

    monkeypatch.setattr(OwnRepository, "push", late)
    return done


def state_of(clone: Path) -> dict[str, bytes]:
    """Every file of a repository."""
    return {str(path): path.read_bytes() for path in clone.rglob("*") if path.is_file()}


def test_branch_that_is_not_there_is_an_empty_history(repositories: Repositories) -> None:
    store = BranchStore(BRANCH, repositories.clone())
    assert store.names() == []
    assert store.names_as_last_fetched() == []
    assert list(store.read(["runs/x@y/2026-01/x.json"])) == []
    assert store.notes == []


def test_first_push_makes_the_branch(repositories: Repositories) -> None:
    store = BranchStore(BRANCH, repositories.clone())
    files = files_of(measured_run(1), measured_run(2))
    assert sorted(store.change(files, {}, "Add 2 runs")) == sorted(files)
    assert repositories.names() == sorted(files)
    assert repositories.branch("log", "--format=%an <%ae> %s") == "Ada <ada@example.org> Add 2 runs"
    assert store.names() == sorted(files)
    assert dict(store.read(sorted(files))) == files


def test_users_repository_is_left_as_it_was(repositories: Repositories) -> None:
    clone = repositories.clone()
    before = state_of(clone)
    store = BranchStore(BRANCH, clone)
    store.change(files_of(measured_run(1)), {}, "")
    store.names()
    assert state_of(clone) == before


def test_run_that_is_there_already_makes_no_commit(repositories: Repositories) -> None:
    store = BranchStore(BRANCH, repositories.clone())
    files = files_of(measured_run(1))
    store.change(files, {}, "")
    assert store.change(files, {}, "") == []
    assert repositories.branch("rev-list", "--count") == "1"


def test_only_the_newest_commit_is_fetched_at_first(
    on_two_machines: tuple[BranchStore, BranchStore], repositories: Repositories
) -> None:
    here, there = on_two_machines
    for number in range(3):
        here.change(files_of(measured_run(number)), {}, "")
    assert len(there.names()) == 3
    assert git(there._own.path, "rev-list", "--count", "refs/ttci/fetched") == "1"
    here.change(files_of(measured_run(6)), {}, "")
    assert len(there.change(files_of(measured_run(7)), {}, "")) == 1
    assert repositories.branch("rev-list", "--count") == "5"
    assert there.notes == []


def test_who_is_second_puts_its_runs_on_top(
    on_two_machines: tuple[BranchStore, BranchStore],
    repositories: Repositories,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, there = on_two_machines
    here.change(files_of(measured_run(0)), {}, "")
    others = iter(range(1, 4))
    lost = before_push(monkeypatch, lambda: here.change(files_of(measured_run(next(others))), {}, ""), 3)
    there.change(files_of(measured_run(9)), {}, "")
    assert len(lost) == 3
    assert repositories.names() == sorted(files_of(*map(measured_run, (0, 1, 2, 3, 9))))
    assert repositories.branch("rev-list", "--count") == "5"
    assert repositories.branch("rev-list", "--merges") == ""


def test_two_first_pushes_both_survive(
    on_two_machines: tuple[BranchStore, BranchStore],
    repositories: Repositories,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, there = on_two_machines
    before_push(monkeypatch, lambda: here.change(files_of(measured_run(1)), {}, ""))
    there.change(files_of(measured_run(2)), {}, "")
    assert repositories.names() == sorted(files_of(measured_run(1), measured_run(2)))
    assert repositories.branch("rev-list", "--max-parents=0", "--count") == "1"


def test_same_run_added_by_two_at_once_is_there_once(
    on_two_machines: tuple[BranchStore, BranchStore],
    repositories: Repositories,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, there = on_two_machines
    files = files_of(measured_run(1))
    before_push(monkeypatch, lambda: here.change(files, {}, ""))
    there.change(files, {}, "")
    assert repositories.names() == list(files)
    assert repositories.branch("rev-list", "--count") == "1"
    assert there._outbox.files() == {}


def test_who_is_second_too_often_gives_up_and_keeps_its_runs(
    on_two_machines: tuple[BranchStore, BranchStore],
    repositories: Repositories,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, there = on_two_machines
    monkeypatch.setattr(branch_store, "MOST_ATTEMPTS", 2)
    others = iter(range(1, 9))
    before_push(monkeypatch, lambda: here.change(files_of(measured_run(next(others))), {}, ""), 2)
    with pytest.raises(MachineryError) as caught:
        there.change(files_of(measured_run(10)), {}, "")
    assert "others pushed before us each time, 2 times" in str(caught.value)
    assert f"nothing is lost: 1 run waits in {there._outbox.folder}" in str(caught.value)
    assert there.change(files_of(measured_run(11)), {}, "") == list(files_of(measured_run(11)))
    assert there.notes == [f"branch:{BRANCH}: 1 run that could not be pushed before went along"]
    assert repositories.names() == sorted(files_of(*map(measured_run, (1, 2, 10, 11))))
    assert there._outbox.files() == {}


def test_refused_push_is_said_at_once_and_goes_along_later(
    repositories: Repositories, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = refuse(repositories.remote)
    store = BranchStore(BRANCH, repositories.clone())
    attempts = before_push(monkeypatch, lambda: None, 9)
    with pytest.raises(MachineryError) as caught:
        store.change(files_of(measured_run(1)), {}, "")
    assert len(attempts) == 1
    for part in (
        "branch:ttci-history: the push was refused: [remote rejected] (pre-receive hook declined)",
        "error: GH006: Protected branch update failed.",
        "contents: write",
        "nothing is lost: 1 run waits in",
    ):
        assert part in str(caught.value)
    hook.unlink()
    store.change(files_of(measured_run(2)), {}, "")
    assert repositories.names() == sorted(files_of(measured_run(1), measured_run(2)))


def test_refused_compaction_changes_nothing_and_waits_for_nothing(repositories: Repositories) -> None:
    store = BranchStore(BRANCH, repositories.clone())
    (name,) = store.change(files_of(measured_run(1)), {}, "")
    refuse(repositories.remote)
    with pytest.raises(MachineryError, match=r"nothing is changed$"):
        store.change({}, {name: b"{}"}, "")


def test_hooks_of_the_user_do_not_run(repositories: Repositories) -> None:
    hooks = repositories.folder / "hooks"
    hooks.mkdir()
    (hooks / "pre-push").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-push").chmod(0o755)
    git(repositories.folder, "config", "--global", "core.hooksPath", str(hooks))
    BranchStore(BRANCH, repositories.clone()).change(files_of(measured_run(1)), {}, "")
    assert len(repositories.names()) == 1


def test_hook_that_calls_is_in_nobodys_way(
    repositories: Repositories, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = repositories.clone()
    monkeypatch.setenv("GIT_DIR", str(clone / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(clone / ".git" / "index"))
    before = state_of(clone)
    BranchStore(BRANCH, clone).change(files_of(measured_run(1)), {}, "")
    monkeypatch.delenv("GIT_DIR")
    assert len(repositories.names()) == 1
    assert state_of(clone) == before


def test_what_was_fetched_is_still_read_where_the_remote_is_gone(repositories: Repositories) -> None:
    store = BranchStore(BRANCH, repositories.clone())
    files = files_of(measured_run(1))
    store.change(files, {}, "")
    repositories.remote.rename(repositories.folder / "away.git")
    with pytest.raises(MachineryError, match=r"^branch:ttci-history: cannot be fetched: '.*remote\.git"):
        store.names()
    assert store.names_as_last_fetched() == list(files)
    assert dict(store.read(list(files))) == files


def test_push_that_cannot_reach_the_remote_is_tried_again_and_kept(
    repositories: Repositories, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = repositories.clone()
    git(clone, "remote", "set-url", "origin", "http://127.0.0.1:1/x.git")
    monkeypatch.setattr(branch_store, "_OUT_OF_REACH_SECONDS", (0.01, 0.01))
    store = BranchStore(BRANCH, clone)
    with pytest.raises(
        MachineryError,
        match=r"out of reach after 3 attempts: cannot be fetched: unable to .*; nothing is lost: 1 run",
    ):
        store.change(files_of(measured_run(1)), {}, "")
    # The same remote has come back, under the same name.
    git(clone, "config", f"url.{repositories.remote}.insteadOf", "http://127.0.0.1:1/x.git")
    BranchStore(BRANCH, clone).change({}, {}, "")
    assert repositories.names() == list(files_of(measured_run(1)))


def test_rewritten_branch_is_said_and_what_is_gone_stays_gone(
    repositories: Repositories, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = BranchStore(BRANCH, repositories.clone())
    mine = files_of(measured_run(1))
    store.change(mine, {}, "")
    git(repositories.remote, "update-ref", "-d", f"refs/heads/{BRANCH}")
    monkeypatch.setenv("TTCI_CACHE", str(repositories.folder / "cache of another"))
    others = files_of(measured_run(2))
    BranchStore(BRANCH, repositories.clone("other")).change(others, {}, "")
    late = files_of(measured_run(3))
    store.change(late, {}, "")
    assert repositories.names() == sorted([*others, *late])
    [note] = store.notes
    assert note.startswith(
        "branch:ttci-history was rewritten, and 1 run that it had is gone; as it was before"
    )
    kept_as = note.rpartition(" ")[2]
    assert git(store._own.path, "ls-tree", "-r", "--name-only", kept_as).splitlines() == list(mine)
    store.names()
    assert len(store.notes) == 1


def test_branch_that_lost_its_past_and_no_run_is_said(repositories: Repositories) -> None:
    store = BranchStore(BRANCH, repositories.clone())
    for number in range(2):
        store.change(files_of(measured_run(number)), {}, "")
    identity = ["-c", "user.name=x", "-c", "user.email=x"]
    squashed = git(repositories.remote, *identity, "commit-tree", "-m", "squashed", f"{BRANCH}^{{tree}}")
    git(repositories.remote, "update-ref", f"refs/heads/{BRANCH}", squashed)
    assert len(store.names()) == 2
    [note] = store.notes
    assert "was rewritten, and every run is still there" in note


def test_deleted_branch_is_said_and_begins_anew(repositories: Repositories) -> None:
    store = BranchStore(BRANCH, repositories.clone())
    store.change(files_of(measured_run(1)), {}, "")
    git(repositories.remote, "update-ref", "-d", f"refs/heads/{BRANCH}")
    assert store.names() == []
    [note] = store.notes
    assert "was deleted, and 1 run that it had is gone" in note
    store.change(files_of(measured_run(2)), {}, "")
    assert repositories.names() == list(files_of(measured_run(2)))


@pytest.mark.parametrize("damage", ["shallow.lock", "refs/ttci/fetched.lock", "objects", "HEAD", "config"])
def test_repository_that_was_left_broken_is_made_anew(repositories: Repositories, damage: str) -> None:
    clone = repositories.clone()
    store = BranchStore(BRANCH, clone)
    store.change(files_of(measured_run(1)), {}, "")
    own = store._own.path
    if damage == "objects":
        for path in [path for path in own.glob("objects/??/*") if path.is_file()]:
            path.chmod(0o644)
            path.write_bytes(b"")
    elif damage.endswith(".lock"):
        # Somebody else pushes, so that the fetch has something to write.
        folder = repositories.folder / "elsewhere"
        git(
            repositories.folder, "clone", "--quiet", "--branch", BRANCH, str(repositories.remote), str(folder)
        )
        (folder / "runs" / "README.md").write_text("x")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", "x")
        git(folder, "push", "--quiet", "origin", BRANCH)
        (own / damage).write_text("")
    else:
        (own / damage).unlink()
    again = BranchStore(BRANCH, clone)
    again.change(files_of(measured_run(2)), {}, "")
    assert len([name for name in repositories.names() if name.endswith(".json")]) == 2


def test_foreign_files_of_the_branch_are_neither_read_nor_lost(repositories: Repositories) -> None:
    folder = repositories.folder / "by hand"
    git(repositories.folder, "clone", "--quiet", str(repositories.remote), str(folder))
    for name in ("runs/README.md", "runs/a\nb/2026-01/x.json", "runs/x@y/2026-01/é.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "x")
    git(folder, "push", "--quiet", "origin", f"HEAD:refs/heads/{BRANCH}")
    store = BranchStore(BRANCH, repositories.clone())
    assert store.names() == []
    store.change(files_of(measured_run(1)), {}, "")
    assert len(repositories.names()) == 4
    assert store.names() == list(files_of(measured_run(1)))


@pytest.mark.parametrize("foreign", ["README.md", "src/model.py", "runs"])
def test_branch_that_holds_other_files_is_refused_and_left_as_it_is(
    repositories: Repositories, foreign: str
) -> None:
    folder = repositories.folder / "source"
    git(repositories.folder, "clone", "--quiet", str(repositories.remote), str(folder))
    (folder / foreign).parent.mkdir(exist_ok=True)
    (folder / foreign).write_text("x")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "x")
    git(folder, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    store = BranchStore("main", repositories.clone())
    refusal = r"^branch:main holds other files than a history; name another branch$"
    for ask in (store.names, lambda: store.change(files_of(measured_run(1)), {}, "")):
        with pytest.raises(InputError, match=refusal):
            ask()
    assert git(repositories.remote, "rev-list", "--count", "main") == "1"


def test_reason_of_git_is_one_sentence() -> None:
    said = (
        "ssh: connect to host example.org port 22: Connection refused\n"
        "fatal: Could not read from remote repository.\n\n"
        "Please make sure you have the correct access rights\nand the repository exists.\n"
    )
    assert Done(128, b"", said).reason == "ssh: connect to host example.org port 22: Connection refused"


def test_file_that_is_too_large_comes_empty_and_is_said(
    repositories: Repositories, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = BranchStore(BRANCH, repositories.clone())
    large, small = files_of(measured_run(1)), files_of(measured_run(2))
    monkeypatch.setattr("ttci.history.stores.clone.MOST_BYTES", 1000)
    names = store.change(dict.fromkeys(large, b"x" * 1001) | small, {}, "")
    assert dict(store.read(names)) == dict.fromkeys(large, b"") | small
    assert store.notes == [f"{name}: too large; it is not read" for name in large]


def test_file_that_is_gone_while_others_are_read_is_left_out(
    repositories: Repositories, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = BranchStore(BRANCH, repositories.clone())
    names = store.change(files_of(measured_run(1), measured_run(2)), {}, "")
    monkeypatch.setattr("ttci.history.stores.clone._READ_BYTES", 1)  # so that one is read at a time
    reading = store.read(names)
    assert next(reading)[0] == names[0]
    git(repositories.remote, "update-ref", "-d", f"refs/heads/{BRANCH}")
    assert BranchStore(BRANCH, repositories.clone()).names() == []
    assert list(reading) == []


@pytest.mark.parametrize("place", ["clone", "clone/sub/folder", "tree"])
def test_relative_remote_is_found_from_any_folder(repositories: Repositories, place: str) -> None:
    clone = repositories.clone()
    git(clone, "remote", "set-url", "origin", "../remote.git")
    (clone / "sub" / "folder").mkdir(parents=True)
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "x")
    git(clone, "worktree", "add", "--quiet", "../tree")
    store = BranchStore(BRANCH, repositories.folder / place)
    assert store.key == f"branch:{BRANCH} of {os.path.realpath(repositories.remote)}"
    store.change(files_of(measured_run(1)), {}, "")
    assert len(repositories.names()) == 1


def test_push_goes_to_the_remotes_push_url(repositories: Repositories) -> None:
    clone = repositories.clone()
    git(repositories.folder, "init", "--quiet", "--bare", "mirror.git")
    git(clone, "config", "remote.origin.pushurl", str(repositories.remote))
    git(clone, "config", "remote.origin.url", str(repositories.folder / "mirror.git"))
    BranchStore(BRANCH, clone).change(files_of(measured_run(1)), {}, "")
    assert len(repositories.names()) == 1


def test_folder_without_a_repository_is_said(repositories: Repositories) -> None:
    (repositories.folder / "plain").mkdir()
    with pytest.raises(InputError, match=r"plain\": no git repository, .*--history folder:PATH"):
        BranchStore(BRANCH, repositories.folder / "plain").names()


def test_repository_without_an_origin_is_said(repositories: Repositories) -> None:
    git(repositories.clone(), "remote", "rename", "origin", "upstream")
    with pytest.raises(InputError, match=r"no remote origin, .*git remote add origin URL"):
        BranchStore(BRANCH, repositories.clone()).names()


def test_machine_without_git_is_said(repositories: Repositories, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = repositories.clone()
    monkeypatch.setenv("PATH", str(repositories.folder))
    with pytest.raises(InputError, match="git is not installed here"):
        BranchStore(BRANCH, clone).names()


@pytest.mark.parametrize("scope", ["--local", "--global", "included", "both"])
def test_header_of_the_user_comes_once_and_is_told_nobody(
    repositories: Repositories,
    headers: tuple[str, list[dict[str, list[str]]]],
    monkeypatch: pytest.MonkeyPatch,
    scope: str,
) -> None:
    """As actions/checkout leaves it; GitHub refuses one that comes twice."""
    url, seen = headers
    clone, secret = repositories.clone(), "AUTHORIZATION: basic c2VjcmV0"
    git(clone, "remote", "set-url", "origin", f"{url}user/repository")
    setting = [f"http.{url}.extraheader", secret]
    if scope == "included":
        included = repositories.folder / "credentials"
        git(clone, "config", "--file", str(included), *setting)
        git(clone, "config", "--local", f"includeIf.gitdir:{clone}/.git.path", str(included))
    elif scope == "both":
        git(clone, "config", "--local", *setting)
        git(clone, "config", "--global", "http.proxy", "")
    else:
        git(clone, "config", scope, *setting)
    commands = logged_commands(repositories, monkeypatch)
    with pytest.raises(MachineryError) as caught:
        BranchStore(BRANCH, clone).change(files_of(measured_run(1)), {}, "")
    assert [request["authorization"] for request in seen] == [["basic c2VjcmV0"]]
    assert "403" in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value) + commands.read_text()


def test_password_in_a_url_is_told_nobody(
    repositories: Repositories,
    headers: tuple[str, list[dict[str, list[str]]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clone = repositories.clone()
    url = headers[0].replace("//", "//ada:s3cret@")
    git(clone, "remote", "set-url", "origin", f"{url}user/repository")
    commands = logged_commands(repositories, monkeypatch)
    store = BranchStore(BRANCH, clone)
    with pytest.raises(MachineryError) as caught:
        store.names()
    assert "s3cret" not in str(caught.value) + store.key + commands.read_text()
    assert store.key.endswith(f" of {headers[0]}user/repository")


def logged_commands(repositories: Repositories, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command lines of git are written from now on."""
    real, log = shutil.which("git"), repositories.folder / "commands.txt"
    wrapper = repositories.folder / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> "{log}"\nexec {real} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", str(wrapper.parent), prepend=os.pathsep)
    return log


def test_git_that_does_not_end_is_ended(repositories: Repositories) -> None:
    clone = repositories.clone()
    git(clone, "config", "remote.origin.uploadpack", "sleep 600; true")
    with pytest.raises(MachineryError, match=r"^git fetch took more than 0\.5 s and was ended$"):
        run_git(["fetch", "origin"], clone, most_seconds=0.5)


def test_nobody_is_asked_for_a_password(repositories: Repositories) -> None:
    clone = repositories.clone()
    done = run_git(
        ["-c", "credential.helper=", "credential", "fill"], clone, feed=b"url=https://x.invalid\n\n"
    )
    assert done.code != 0
    assert "terminal prompts disabled" in done.reason
