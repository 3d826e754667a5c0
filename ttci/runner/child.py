"""Run a process with its children to an end: its own, a deadline's or a user's."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from ttci.runner.progress import Progress

_ENDS = (signal.SIGTERM, signal.SIGHUP)
_INTERRUPT_GRACE_S = 10.0  # for pytest to write its files
STARTER_VARIABLE = "TTCI_STARTED_BY"  # the process id of who runs a child
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int  # negative: the signal it died of
    timed_out: bool


class Terminated(BaseException):  # as KeyboardInterrupt, which it is like
    """We were told to end, by the signal `number`; our child is killed already."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def end(self) -> None:
        """End as the signal would have ended us."""
        signal.signal(self.number, signal.SIG_DFL)
        os.kill(os.getpid(), self.number)


def end_with_starter() -> None:
    """In a child of `run_child` or a child of that: be killed when the one above is, by whatever."""
    starter = os.environ.get(STARTER_VARIABLE)
    if starter is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        os.kill(int(starter), 0)
    except ProcessLookupError:  # before we asked
        os.kill(os.getpid(), signal.SIGKILL)


def run_child(
    command: Sequence[str], environment: Mapping[str, str], progress: Progress, deadline: float
) -> Ended:
    """Run `command` until it ends or `deadline` (monotonic seconds) comes; no child of it is left.

    At the deadline, and when the user interrupts, it is interrupted as by Ctrl-C
    first and killed when it does not end. When we are terminated it is killed, and
    Terminated raised; whoever starts processes may write files before it ends.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**environment, STARTER_VARIABLE: str(os.getpid())},
        start_new_session=True,
    )
    with _ends_with_us(process):
        try:
            timed_out = not _ends_before(deadline, process, progress)
            if timed_out:
                _interrupt(process, progress)
        except KeyboardInterrupt:
            _interrupt(process, progress)
            raise
    return Ended(process.returncode, timed_out)


def _ends_before(deadline: float, process: subprocess.Popen[bytes], progress: Progress) -> bool:
    if not progress.follow(process, deadline):
        return False
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _interrupt(process: subprocess.Popen[bytes], progress: Progress) -> None:
    _signal_all(process, signal.SIGINT)
    _ends_before(time.monotonic() + _INTERRUPT_GRACE_S, process, progress)


@contextmanager
def _ends_with_us(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill the process and its children when we leave or are terminated: nobody else would."""

    def terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # as signal calls it
        _signal_all(process, signal.SIGKILL)
        raise Terminated(number)

    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, terminate) for number in _ENDS} if is_main else {}
    try:
        yield
    finally:
        _signal_all(process, signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()
        for number, handler in before.items():
            signal.signal(number, handler)


def _signal_all(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
