"""The output of a running process: every line to the log; in a terminal, what runs right now."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import IO, TYPE_CHECKING

from ttci.runner.expectation import Expectation
from ttci.text.terminal import can_be_redrawn

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_KEPT_LINES = 100
_TICK_S = 0.5


class Progress:
    """Follows a process: plain lines, and under them in a terminal the check that is running.

    Args:
        begun: says which checks have begun since it was last asked.
        is_quiet: whether the lines go into the log alone.
    """

    def __init__(
        self,
        title: str,
        log: IO[str],
        expectation: Expectation | None = None,
        begun: Callable[[], Iterable[str]] = tuple,
        *,
        is_quiet: bool = False,
    ) -> None:
        self._title = title
        self._log = log
        self._begun = begun
        self._expectation = expectation or Expectation()
        self._is_quiet = is_quiet
        self._kept: deque[str] = deque(maxlen=_KEPT_LINES)
        self._bar = _terminal_bar() if can_be_redrawn() else None

    def __enter__(self) -> Progress:
        if self._bar:
            self._task = self._bar.add_task(self._title, left=self._expectation)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def follow(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        """Show what `process` prints until it ends; False if `deadline` (monotonic seconds) came first.

        A child that outlives the process and holds its output open is not waited for.
        """
        assert process.stdout is not None
        output = process.stdout.fileno()
        pending = b""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(output, selectors.EVENT_READ)
                while (remaining := deadline - time.monotonic()) > 0:
                    has_ended = process.poll() is not None
                    self._show_begun()
                    if not selector.select(min(remaining, _TICK_S)):
                        if has_ended:
                            return True
                        continue
                    chunk = os.read(output, 65536)
                    if not chunk:
                        return True
                    pending = self._show_chunk(pending + chunk)
            return False
        finally:
            if pending:
                self.show(_text(pending))

    def show(self, line: str) -> None:
        """Print a line where that is asked for, and keep it in the log."""
        self._kept.append(line)
        self._log.write(f"{line}\n")
        self._log.flush()
        if self._is_quiet:
            return
        if self._bar:
            self._bar.console.out(line, highlight=False)
        else:
            print(line, flush=True)

    def last_lines(self, count: int) -> str:
        """The end of what was shown."""
        return "\n".join(list(self._kept)[-count:])

    def _show_chunk(self, chunk: bytes) -> bytes:
        *lines, unfinished = chunk.split(b"\n")
        for line in lines:
            self.show(_text(line))
        return unfinished

    def _show_begun(self) -> None:
        for check in self._begun():
            said = self._expectation.begin(check)
            if said:
                self.show(said)
            if self._bar:
                self._bar.reset(self._task, description=check)


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")


def _terminal_bar() -> RichProgress:
    from rich.progress import Progress as RichProgress
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    running, left = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[left]}")
    return RichProgress(SpinnerColumn(), running, TimeElapsedColumn(), left, transient=True)
