"""The output of a running process: every line to the log; in a terminal, what runs right now."""

from __future__ import annotations

import os
import selectors
import sys
import time
from collections import deque
from types import TracebackType
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_KEPT_LINES = 100


class Progress:
    """Follows a process: plain lines, and under them in a terminal the check that is running."""

    def __init__(self, title: str, log: IO[str]) -> None:
        self._title = title
        self._log = log
        self._kept: deque[str] = deque(maxlen=_KEPT_LINES)
        self._bar = _terminal_bar() if sys.stdout.isatty() else None

    def __enter__(self) -> Progress:
        if self._bar:
            self._task = self._bar.add_task(self._title)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def follow(self, stream: IO[bytes], deadline: float) -> bool:
        """Show `stream` until it ends; True if `deadline` (monotonic seconds) came first."""
        pending = b""
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while True:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return True
                if not selector.select(min(remaining, 1.0)):
                    continue
                chunk = os.read(stream.fileno(), 65536)
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    self._show(line.decode(errors="replace").rstrip("\r"))
                self._show_running(pending.decode(errors="replace"))
                if not chunk:
                    return False

    def last_lines(self, count: int) -> str:
        """The end of what was shown."""
        return "\n".join(list(self._kept)[-count:])

    def _show(self, line: str) -> None:
        self._kept.append(line)
        self._log.write(f"{line}\n")
        self._log.flush()
        if self._bar:
            self._bar.console.out(line, highlight=False)
        else:
            print(line, flush=True)

    def _show_running(self, unfinished_line: str) -> None:
        """Pytest begins a line with the test's id and ends it with the outcome."""
        identity = unfinished_line.partition("::")[2].strip()
        if self._bar and identity:
            self._bar.reset(self._task, description=identity)


def _terminal_bar() -> RichProgress:
    from rich.progress import Progress as RichProgress
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    return RichProgress(*columns, transient=True)
