"""One side's process, seen from the one that starts it, and how it is started: as a copy of a template.

A template has imported torch and ttci, and copies itself (fork) for each process that is wanted: that takes
milliseconds, and the copies for both sides have everything at the same addresses but what their models bring.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ttci.compare.messages import EndedError, Line, Message, receive_with_socket, send_with_socket
from ttci.runner.child import STARTER_VARIABLE
from ttci.runner.ending import ended_by_itself, timed_out

_LAST_LINES = 12  # of what a process printed before it died
_CLOSE_S = 30.0  # for closing a board, and what it is in the middle of
_START_S = 300.0  # for importing torch, and for copying a template


class SideError(Exception):
    """One side cannot do what it is asked for; says why."""

    def __init__(self, side: str, reason: str, *, is_dead: bool = False) -> None:
        super().__init__(reason)
        self.side, self.reason, self.is_dead = side, reason, is_dead


class RefusedError(Exception):
    """What sides could not do."""

    def __init__(self, errors: Sequence[SideError]) -> None:
        super().__init__(*errors)
        self.errors = errors

    @property
    def is_end(self) -> bool:
        """Whether a process has died of it."""
        return any(error.is_dead for error in self.errors)


@dataclass(frozen=True)
class Subject:
    """The model that one side's processes import.

    Attributes:
        side: ``base`` or ``head``.
        python: of the environment that they run in.
        opening: the message that tells a worker what to import.
        timeout_s: for each answer.
    """

    side: str
    python: str
    opening: Mapping[str, Any]
    timeout_s: float


class Template:
    """A process that copies itself."""

    def __init__(self, folder: Path, connection: socket.socket) -> None:
        self._folder, self._connection = folder, connection
        self.log = folder / "template.txt"

    def copy(self, subject: Subject) -> Side:
        """A worker for one side.

        Raises:
            SideError: there is none, for the template has died: torch cannot be imported, say.
        """
        ours, theirs = socket.socketpair()
        log = self._folder / f"{subject.side}.txt"
        with theirs:
            try:
                pid = self._ask({"do": "copy", "log": str(log)}, theirs)["pid"]
            except (OSError, EndedError):
                ours.close()
                raise SideError(subject.side, _last_lines(self.log), is_dead=True) from None
        return Side(subject, pid, self, Line(ours), log)

    def end_of(self, pid: int) -> int:
        """How a copy that is gone has ended: its exit code, or minus its signal."""
        try:
            return int(self._ask({"do": "wait", "pid": pid})["code"])
        except (OSError, EndedError):
            return 0

    def _ask(self, message: Message, passed: socket.socket | None = None) -> Message:
        self._connection.settimeout(_START_S)
        send_with_socket(self._connection, message, passed)
        return receive_with_socket(self._connection)[0]


@contextmanager
def template(python: str) -> Iterator[Template]:
    """A template, as long as this lasts; of its copies none is left."""
    ours, theirs = socket.socketpair()
    with TemporaryDirectory(prefix="ttci-compare-") as name, ours:
        folder = Path(name)
        with theirs, (folder / "template.txt").open("wb") as printed:
            process = subprocess.Popen(
                [python, "-m", "ttci.compare.worker", str(theirs.fileno())],
                cwd=folder,  # of the commits' none: Python looks there first
                env={**os.environ, STARTER_VARIABLE: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        try:
            yield Template(folder, ours)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Side:
    """A worker of one side."""

    def __init__(self, subject: Subject, pid: int, made_by: Template, line: Line, log: Path) -> None:
        self.name = subject.side
        self._pid, self._template, self._line, self._log = pid, made_by, line, log
        self._timeout_s, self._is_gone = subject.timeout_s, False

    def send(self, message: Mapping[str, Any]) -> None:
        """Ask for something; `receive` gives the answer.

        Raises:
            SideError: the worker has died.
        """
        try:
            self._line.send(message)
        except EndedError:
            raise self._dead() from None

    def receive(self) -> Message:
        """The answer.

        Raises:
            SideError: the worker cannot do it, or has died.
        """
        try:
            answer = self._line.receive(self._timeout_s)
        except EndedError:
            raise self._dead() from None
        except TimeoutError:
            raise SideError(self.name, timed_out(self._timeout_s), is_dead=True) from None
        if "problem" in answer:
            raise SideError(self.name, answer["problem"])
        return answer

    def ask(self, message: Mapping[str, Any]) -> Message:
        """Ask for something, and wait for the answer.

        Raises:
            SideError: the worker cannot do it, or has died.
        """
        self.send(message)
        return self.receive()

    def close_device(self) -> None:
        """Let it close its device, which a board needs; not if that takes long, or it is dead."""
        if self._is_gone:
            return
        self._timeout_s = min(self._timeout_s, _CLOSE_S)
        with suppress(SideError):
            self.ask({"do": "close"})

    def end(self) -> None:
        """End it, whatever it does."""
        self._line.close()
        if self._is_gone:
            return
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        self._template.end_of(self._pid)

    def _dead(self) -> SideError:
        code, self._is_gone = self._template.end_of(self._pid), True
        how = ended_by_itself(code) if code < 0 else f"the process ended with exit code {code}"
        return SideError(self.name, "\n".join([how, _last_lines(self._log)]).strip(), is_dead=True)


def ask_each(sides: Sequence[Side], messages: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Ask all of them, which work on it at the same time, and wait for every answer.

    Raises:
        RefusedError: one side cannot do it, or several.
    """
    errors: dict[str, SideError] = {}
    answers: list[Message] = []
    for side, message in zip(sides, messages, strict=True):
        with _noted(errors):
            side.send(message)
    for side in sides:
        if side.name not in errors:
            with _noted(errors):
                answers.append(side.receive())
    if errors:
        raise RefusedError(tuple(errors.values()))
    return answers


@contextmanager
def _noted(errors: dict[str, SideError]) -> Iterator[None]:
    try:
        yield
    except SideError as error:
        errors[error.side] = error


def _last_lines(log: Path) -> str:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-_LAST_LINES:])
