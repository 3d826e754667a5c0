"""Seconds of a call, without those in which another process had the core."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

_FILE = "/proc/thread-self/schedstat"
_MOST_BYTES = 100


class Clock:
    """Times calls of the thread that makes it.

    The kernel counts for how long a thread was ready to run and had to wait for a core (the second
    number of its ``schedstat``, Documentation/scheduler/sched-stats.rst of Linux). That is another
    process's time, and is taken off; where the kernel does not tell, nothing is.
    """

    def __init__(self) -> None:
        try:
            self._file: int | None = os.open(_FILE, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = None

    def seconds(self, call: Callable[[], object]) -> float:
        """Of one call."""
        clock, waited = time.perf_counter, self._waited_s()
        start = clock()
        call()
        took = clock() - start
        waited = self._waited_s() - waited
        return took - waited if waited < took else took

    def _waited_s(self) -> float:
        if self._file is None:
            return 0.0
        _, waited_ns, _ = os.pread(self._file, _MOST_BYTES, 0).split()
        return int(waited_ns) / 1e9
