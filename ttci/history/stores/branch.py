"""A history on a git branch, which any number of jobs push to at once.

Nothing is locked on the server: who finds that somebody else has pushed puts its files on
top of that and pushes again, after a pause that is drawn by lot and grows. Processes that
share a cache take turns by a lock. What could not be pushed waits in an outbox, and goes
with the next push.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout

from ttci.errors import InputError, MachineryError, quoted
from ttci.files import plain_cache_errors
from ttci.history import DEFAULT_BRANCH
from ttci.history.stores.clone import OutOfReachError, OwnRepository, Push, Rewritten
from ttci.history.stores.outbox import Outbox
from ttci.history.stores.protocol import store_folder
from ttci.history.stores.remote import Remote, find_remote

MOST_ATTEMPTS, MOST_SECONDS = 100, 300.0  # to push one change
_TURN_SECONDS = 2 * MOST_SECONDS  # to wait for another process of this cache
_MOST_DOUBLINGS = 4  # of a pause
_OUT_OF_REACH_SECONDS = (1.0, 4.0)  # pauses, after which it is given up
_BRANCH_NAME = re.compile(r"(?!.*(\.\.|//|/\.|\.lock(/|$)|[./]$))\w[\w./+-]*", re.ASCII)


class BranchStore:
    """A file a run below ``runs/`` of a branch of ``origin``."""

    def __init__(self, branch: str, repository: Path) -> None:
        if not _BRANCH_NAME.fullmatch(branch):
            what = f"git takes no branch of such a name; write branch:NAME, as branch:{DEFAULT_BRANCH}"
            raise InputError(f"history {quoted(f'branch:{branch}')}: {what}")
        self.source = f"branch:{branch}"
        self.notes: list[str] = []
        self._branch = branch
        self._user_folder = repository.absolute()

    @cached_property
    def key(self) -> str:
        """The remote and the branch, without secrets."""
        return f"{self.source} of {self._remote.place}"

    def names(self) -> list[str]:
        """Of every run's file, sorted, after a fetch; none where there is no such branch yet."""
        with self._turn():
            waiting = len(self._outbox.files())
            if waiting:
                self.notes.append(f"{self.source}: {self._said_to_wait(waiting)}")
            try:
                self._fetch()
            except MachineryError as error:
                raise MachineryError(f"{self.source}: {error}") from None
            return self._own.names()

    def names_as_last_fetched(self) -> list[str]:
        """Of every run's file, sorted, as they were at the last fetch; none where there was none."""
        return self._own.names() if self._own.path.exists() else []

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The files of these names as last fetched."""
        for name, content in self._own.read(names):
            if content is None:
                self.notes.append(f"{name}: too large; it is not read")
            yield name, content or b""

    def change(self, add: Mapping[str, bytes], replace: Mapping[str, bytes], message: str) -> list[str]:
        """Push one commit that adds and replaces files, and what still waits in the outbox.

        Returns the names that were added or replaced, without those of the outbox.

        Raises:
            InputError: the branch is not one of a history; nothing is pushed.
            MachineryError: it could not be pushed; the text says what is kept here.
        """
        self._outbox.keep(add)
        try:
            with self._turn():
                return self._changed(add, replace, message)
        except MachineryError as error:
            waiting = len(self._outbox.files())
            kept = f"nothing is lost: {self._said_to_wait(waiting)}" if waiting else "nothing is changed"
            raise MachineryError(f"{self.source}: {error}; {kept}") from None

    def _changed(self, add: Mapping[str, bytes], replace: Mapping[str, bytes], message: str) -> list[str]:
        waiting = self._outbox.files()
        put = self._put_until_there(waiting, replace, message)
        self._outbox.drop(waiting)
        earlier = sum(name not in add and name in waiting for name in put)
        if earlier:
            runs = "run" if earlier == 1 else "runs"
            self.notes.append(f"{self.source}: {earlier} {runs} that could not be pushed before went along")
        # Who had its turn before may have taken our files along.
        taken_along = set(add) - set(waiting)
        return [name for name in put if name in add or name in replace] + sorted(taken_along)

    def _put_until_there(
        self, add: Mapping[str, bytes], replace: Mapping[str, bytes], message: str
    ) -> list[str]:
        """The names that were put there, after as many attempts as it takes."""
        begin = time.monotonic()
        out_of_reach = iter(_OUT_OF_REACH_SECONDS)
        for attempt in range(MOST_ATTEMPTS):
            began = time.monotonic()
            try:
                put, lost = self._put(add, replace, message)
            except OutOfReachError as error:
                seconds = next(out_of_reach, None)
                if seconds is None:
                    raise MachineryError(f"out of reach after {attempt + 1} attempts: {error}") from None
                time.sleep(seconds * _LOT.uniform(0.5, 1))
                continue
            if not lost:
                return put
            now = time.monotonic()
            pause = (now - began) * _LOT.uniform(0, 2 ** min(attempt, _MOST_DOUBLINGS))
            if now + pause > begin + MOST_SECONDS:
                break
            time.sleep(pause)
        raise MachineryError(
            f"others pushed before us each time, {attempt + 1} times in {time.monotonic() - begin:.0f} s"
        )

    def _put(
        self, add: Mapping[str, bytes], replace: Mapping[str, bytes], message: str
    ) -> tuple[list[str], bool]:
        """One attempt: the names that it puts there, and whether somebody else was faster."""
        self._fetch()
        there = set(self._own.names(name.rpartition("/")[0] for name in (*add, *replace)))
        files = {name: content for name, content in add.items() if name not in there}
        files |= {name: content for name, content in replace.items() if name in there}
        if not files:
            return [], False
        self._own.commit(files, message)
        pushed = self._own.push()
        if pushed.end is Push.OUT_OF_REACH:
            raise OutOfReachError(pushed.reason)
        if pushed.end is Push.REFUSED:
            raise MachineryError(
                f"the push was refused: {pushed.reason}. Allow it (in GitHub Actions: permissions: contents: "
                f"write, and no rule that protects {self._branch}), or keep the history in a folder"
            )
        return list(files), pushed.end is Push.LOST_RACE

    def _fetch(self) -> None:
        try:
            rewritten = self._own.fetch()
        except MachineryError as error:
            raise type(error)(f"cannot be fetched: {error}") from None
        if rewritten:
            self.notes.append(f"{self.source} {self._said_of(rewritten)}")
        if self._own.holds_other_files():
            raise InputError(f"{self.source} holds other files than a history; name another branch")

    def _said_to_wait(self, runs: int) -> str:
        count = "1 run waits" if runs == 1 else f"{runs} runs wait"
        return (
            f"{count} in {self._outbox.folder} and will go with the next `ttci history add` on this machine"
        )

    def _said_of(self, rewritten: Rewritten) -> str:
        what = "was deleted" if rewritten.is_deleted else "was rewritten"
        gone = {0: "every run is still there", 1: "1 run that it had is gone"}.get(
            rewritten.gone, f"{rewritten.gone} runs that it had are gone"
        )
        return f"{what}, and {gone}; as it was before, it is kept in {self._own.path} as {rewritten.kept_as}"

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Our turn among the processes that share this cache."""
        folder = self._cache
        with plain_cache_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / "lock")
            try:
                lock.acquire(timeout=_TURN_SECONDS)
            except Timeout:
                raise MachineryError(
                    f"{lock.lock_file}: another process has held it for {_TURN_SECONDS:g} s"
                ) from None
        try:
            yield
        finally:
            lock.release()

    @cached_property
    def _remote(self) -> Remote:
        return find_remote(self._user_folder)

    @cached_property
    def _cache(self) -> Path:
        return store_folder(self)

    @cached_property
    def _own(self) -> OwnRepository:
        return OwnRepository(self._cache / "repository.git", self._remote, self._branch)

    @cached_property
    def _outbox(self) -> Outbox:
        return Outbox(self._cache / "outbox")


_LOT = random.SystemRandom()  # processes that were forked must not draw the same
