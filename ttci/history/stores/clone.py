"""A bare repository of ttci's own in its cache, which holds a branch of history as last fetched.

The user's checkout and its objects are left alone. It can be thrown away at any time, which
is done where a process that was killed has left it broken.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path

from ttci.errors import MachineryError
from ttci.git import Done, Settings, run_git
from ttci.history.record import MOST_BYTES, is_file_name
from ttci.history.stores.remote import NAME, Remote

_FETCHED, _NEXT, _BEFORE = "refs/ttci/fetched", "refs/ttci/next", "refs/ttci/before"
_MOST_FOLDERS = 100  # on a command line
_READ_BYTES = 32 * 2**20  # at a time
_IS_BROKEN = re.compile(
    r"\.lock': File exists|not a git repository: |is corrupt|is empty|bad object|unable to read|invalid sha1"
    r"|unable to find [0-9a-f]{40}|missing (blob|tree|commit)|does not point to a valid object"
    r"|bad (tree|signature|pack)"
)
_IS_A_RACE = re.compile(
    r"fetch first|non-fast-forward|stale info|lock ref|failed to lock|failed to update ref"
    r"|incorrect old value|reference already exists|but expected|shallow update not allowed"
)
_IS_OUT_OF_REACH = re.compile(
    r"could not resolve|connection|connect to|timed out|timeout|network|early eof|rpc failed|error: 5\d\d"
    r"|hung up|unexpected disconnect|internal server error|temporar|try again",
    re.IGNORECASE,
)


class Push(Enum):
    """How a push ended."""

    DONE = "done"
    LOST_RACE = "lost race"  # somebody else pushed
    OUT_OF_REACH = "out of reach"  # and perhaps not for long
    REFUSED = "refused"


@dataclass(frozen=True)
class Pushed:
    """How a push ended, and what git says of it."""

    end: Push
    reason: str = ""


@dataclass(frozen=True)
class Rewritten:
    """A branch that is not what it was and more: how many files are gone, and the ref that has them."""

    is_deleted: bool
    gone: int
    kept_as: str


class OutOfReachError(MachineryError):
    """The remote could not be reached, and perhaps can be soon."""


class OwnRepository:
    """What is known here of one branch of a remote; for the holder of its lock, save for reading."""

    def __init__(self, path: Path, remote: Remote, branch: str) -> None:
        self.path = path
        self._remote = remote
        self._branch = branch
        self._is_there = False  # the branch, at the last fetch

    def fetch(self) -> Rewritten | None:
        """Fetch the branch, which need not be there; says where it was rewritten.

        Raises:
            OutOfReachError, MachineryError: it could not be fetched.
        """
        try:
            return self._fetch()
        except _BrokenError:
            shutil.rmtree(self.path)
            return self._fetch()

    def names(self, folders: Iterable[str] = ()) -> list[str]:
        """Of the files of runs as last fetched, sorted: of all, or of some folders."""
        below = sorted(set(folders))
        below = below if 0 < len(below) <= _MOST_FOLDERS else ["runs"]
        done = self._git("ls-tree", "-r", "-z", "--name-only", "--full-tree", _FETCHED, "--", *below)
        if done.code != 0 and "Not a valid object name" not in done.said:
            raise MachineryError(f"{self.path}: {done.reason}")
        return sorted(filter(is_file_name, done.out.decode(errors="replace").split("\0")))

    def holds_other_files(self) -> bool:
        """Whether the branch as fetched has anything beside the folder ``runs``: then it is none of ours."""
        done = self._git("ls-tree", "-z", "--full-tree", _FETCHED) if self._is_there else None
        entries = done.out.decode(errors="replace").split("\0") if done else []
        return any(
            not (entry.startswith("040000 tree ") and entry.endswith("\truns")) for entry in entries if entry
        )

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        """The files of these names as last fetched; without content where they are too large."""
        sizes = self._sizes(names)
        batch: list[str] = []
        batch_bytes = 0
        for name, size in sizes.items():
            if size > MOST_BYTES:
                yield name, None
                continue
            if batch_bytes + size > _READ_BYTES:
                yield from self._read(batch)
                batch, batch_bytes = [], 0
            batch.append(name)
            batch_bytes += size
        yield from self._read(batch)

    def commit(self, files: Mapping[str, bytes], message: str) -> None:
        """Make the next commit of the branch, for `push`: these files on top of what was fetched."""
        parts = [
            f"commit {_NEXT}\ncommitter {self._remote.person} {time.time():.0f} +0000\n".encode(
                errors="surrogateescape"
            ),
            _data(message.encode()),
            f"from {_FETCHED}^0\n".encode() if self._is_there else b"",
        ]
        for name, content in files.items():
            parts += [f"M 100644 inline {name}\n".encode(), _data(content)]
        done = self._git("fast-import", "--quiet", "--force", feed=b"".join(parts))
        if done.code != 0:
            raise MachineryError(f"{self.path}: cannot be written: {done.reason}")

    def push(self) -> Pushed:
        """Push the commit that was made."""
        done = self._git("push", "--porcelain", NAME, f"{_NEXT}:refs/heads/{self._branch}")
        if done.code == 0:
            return Pushed(Push.DONE)
        rejected = [line for line in done.out.decode(errors="replace").splitlines() if line.startswith("!")]
        if not rejected:
            is_brief = _IS_OUT_OF_REACH.search(done.said)
            return Pushed(Push.OUT_OF_REACH if is_brief else Push.REFUSED, done.reason)
        words = rejected[0].rpartition("\t")[2]  # [remote rejected] (protected branch hook declined)
        if _IS_A_RACE.search(words):
            return Pushed(Push.LOST_RACE, words)
        end = Push.OUT_OF_REACH if _IS_OUT_OF_REACH.search(words) else Push.REFUSED
        return Pushed(end, f"{words} {_server_says(done.said)}".strip())

    def _fetch(self) -> Rewritten | None:
        self._make()
        before = self._tip()
        # Later fetches bring every commit since, so that git sees where the branch was rewritten.
        done = self._git("fetch", "--no-tags", *([] if before else ["--depth=1"]), NAME)
        self._is_there = done.code == 0
        if self._is_there:
            return self._rewritten(before) if before and "(forced update)" in done.said else None
        if "couldn't find remote ref" in done.said:
            return self._rewritten(before, is_deleted=True) if before else None
        if _IS_BROKEN.search(done.said) and "remote:" not in done.said:
            raise _BrokenError(done.reason)
        kind = OutOfReachError if _IS_OUT_OF_REACH.search(done.said) else MachineryError
        raise kind(done.reason)

    def _make(self) -> None:
        if not (self.path / "HEAD").exists():
            shutil.rmtree(self.path, ignore_errors=True)  # of a process that was killed
            self.path.parent.mkdir(parents=True, exist_ok=True)
            done = run_git(["init", "--quiet", "--bare", "--template=", str(self.path)], self.path.parent)
            if done.code != 0:
                raise MachineryError(f"{self.path}: cannot be made: {done.reason}")

    def _rewritten(self, before: str, *, is_deleted: bool = False) -> Rewritten:
        """Keeps what was there before under a ref, for nobody else may have it."""
        kept_as = f"{_BEFORE}/{before}"
        self._git("update-ref", kept_as, before)
        if is_deleted:
            gone = len(self.names())
            self._git("update-ref", "-d", _FETCHED)
        else:
            changed = self._git("diff-tree", "-r", "-z", "--name-only", "--diff-filter=D", before, _FETCHED)
            gone = sum(map(is_file_name, changed.out.decode(errors="replace").split("\0")))
        return Rewritten(is_deleted, gone, kept_as)

    def _tip(self) -> str:
        return self._git("rev-parse", "--quiet", "--verify", _FETCHED).out.decode().strip()

    def _sizes(self, names: Sequence[str]) -> dict[str, int]:
        answers = self._cat_files("--batch-check", names)
        found = {}
        for name, line in zip(names, answers.decode(errors="replace").splitlines(), strict=False):
            kind, _, size = line.rpartition(" ")
            if kind == "blob":
                found[name] = int(size)
        return found

    def _read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        out = self._cat_files("--batch", names)
        position = 0
        for name in names:
            end_of_line = out.index(b"\n", position)
            begin, size = end_of_line + 1, out[position:end_of_line].rpartition(b" ")[2]
            if size == b"missing":  # another process has fetched a branch without it
                position = begin
                continue
            end = begin + int(size)
            yield name, out[begin:end]
            position = end + 1

    def _cat_files(self, how: str, names: Sequence[str]) -> bytes:
        done = self._git("cat-file", f"{how}=%(objecttype) %(objectsize)", feed=_asked(names))
        if names and done.code != 0:
            raise MachineryError(f"{self.path}: cannot be read: {done.reason}")
        return done.out

    def _git(self, *arguments: str, feed: bytes = b"") -> Done:
        return run_git(
            arguments, self._remote.folder, settings=self._settings, repository=self.path, feed=feed
        )

    @cached_property
    def _settings(self) -> Settings:
        return [
            *self._remote.settings_for(self.path),
            (f"remote.{NAME}.fetch", f"+refs/heads/{self._branch}:{_FETCHED}"),
            ("core.hooksPath", "/dev/null"),  # the user's are for the user's commits
            ("gc.autoDetach", "false"),
            ("core.fsync", "none"),  # what is not on the remote yet lies in the outbox too
        ]


class _BrokenError(MachineryError):
    """The repository cannot be used any more."""


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _asked(names: Iterable[str]) -> bytes:
    return "".join(f"{_FETCHED}:{name}\n" for name in names).encode()


def _server_says(said: str) -> str:
    lines = [line.removeprefix("remote:").strip() for line in said.splitlines() if line.startswith("remote:")]
    return " ".join(filter(None, lines))
