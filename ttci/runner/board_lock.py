"""One user a board at a time, among all processes and users of a host.

A lock is the kernel's (flock): it is gone with its process, however that ends. What
stands in the file only tells the others who holds it.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import re
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

from ttci.errors import DeviceUnavailableError, MachineryError

HELD_VARIABLE = "TTCI_BOARDS_HELD"  # by the process that started this one
_FOLDER_VARIABLE = "TTCI_LOCK_DIR"
_SHARED_FOLDERS = (Path("/run/lock"), Path("/tmp"))  # not TMPDIR: it differs by user
_BOARDS = Path("/dev/tenstorrent")
_POLL_S = 0.2


def boards_in_use() -> list[str]:
    """The boards that this process opens: those it is shown, else every one of the host."""
    shown = os.environ.get("TT_VISIBLE_DEVICES", "")
    boards = {board.strip() for board in shown.split(",")} - {""}
    if not boards and _BOARDS.is_dir():
        boards = {entry.name for entry in _BOARDS.iterdir() if not entry.is_dir()}
    return sorted(boards) or ["all"]


def held_environment() -> dict[str, str]:
    """What tells the processes that the holder starts not to wait for it."""
    return {HELD_VARIABLE: ",".join(boards_in_use())}


@contextmanager
def hold_boards(what: str, timeout_s: float, say: Callable[[str], object]) -> Iterator[None]:
    """Hold the locks of this process's boards, for `what`.

    Args:
        what: they are held for, as others are told.
        timeout_s: to wait for each.
        say: is called once with who holds a board that is waited for.

    Raises:
        DeviceUnavailableError: a board is still held by another after `timeout_s`.
        MachineryError: the folder of the locks cannot be written.
    """
    from_parent = os.environ.get(HELD_VARIABLE, "").split(",")
    with ExitStack() as stack:
        for board in boards_in_use():  # in one order for all, or two could wait for each other
            if board not in from_parent:
                stack.enter_context(_held(board, what, timeout_s, say))
        yield


@contextmanager
def _held(board: str, what: str, timeout_s: float, say: Callable[[str], object]) -> Iterator[None]:
    file_name = re.sub(r"[^\w.-]", "_", f"ttci-board-{board}.lock")
    descriptor = _open(_folder() / file_name)
    try:
        _wait(descriptor, board, timeout_s, say)
        _write_holder(descriptor, what)
        yield
    finally:
        os.close(descriptor)


def _folder() -> Path:
    """The same for all users of the host, unless the environment names another."""
    named = os.environ.get(_FOLDER_VARIABLE)
    return Path(named) if named else next(filter(_is_for_all, _SHARED_FOLDERS), _SHARED_FOLDERS[-1])


def _is_for_all(folder: Path) -> bool:
    return folder.is_dir() and bool(folder.stat().st_mode & stat.S_IWOTH)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CLOEXEC
    try:
        try:
            # Without O_CREAT: in a sticky folder the kernel refuses it on a file that
            # another user made (fs.protected_regular).
            return os.open(path, flags)
        except FileNotFoundError:
            _make(path)
            return os.open(path, flags)
    except OSError as error:
        raise MachineryError(
            f"the board's lock {path} cannot be opened: {error.strerror}; "
            f"set {_FOLDER_VARIABLE} to a folder that every user of the board can write"
        ) from None


def _make(path: Path) -> None:
    """Make the file, for everybody to write whatever our umask, or leave the one another has just made."""
    descriptor, own = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        os.fchmod(descriptor, 0o666)
        os.link(own, path)
    except FileExistsError:
        pass
    finally:
        os.close(descriptor)
        Path(own).unlink()


def _wait(descriptor: int, board: str, timeout_s: float, say: Callable[[str], object]) -> None:
    deadline = time.monotonic() + timeout_s
    has_said = False
    while not _is_ours(descriptor):
        holder = _holder(descriptor)
        if time.monotonic() > deadline:
            raise DeviceUnavailableError(
                f"board {board} is still held by {holder}, after {timeout_s / 60:g} minutes; try later"
            )
        if not has_said:
            say(f"waiting for board {board}: held by {holder}")
            has_said = True
        time.sleep(_POLL_S)


def _is_ours(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_holder(descriptor: int, what: str) -> None:
    since = datetime.now(timezone.utc).isoformat(timespec="seconds")
    holder = {"pid": os.getpid(), "user": _user(), "what": what, "since": since}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())


def _holder(descriptor: int) -> str:
    """Who holds the lock, as its file says; it may be about to be written."""
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return "pid {pid} ({user}) for {what} since {since}".format(**holder)
    except (ValueError, KeyError, TypeError):
        return "another process"
