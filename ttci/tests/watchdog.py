"""Ends a process in which a check hangs, also while C code holds the interpreter's lock."""

from __future__ import annotations

import faulthandler
import os


class Watchdog:
    """Ends this process, with a dump of where each thread is, when a check takes too long.

    The timer is faulthandler's own thread, which needs no interpreter; there is one a
    process, so that it takes the place of pytest's ``faulthandler_timeout`` meanwhile.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        # pytest captures file descriptor 2 in a check; here it is still the real one.
        self._stderr = os.dup(2) if seconds else -1

    def arm(self, times: float = 1.0) -> None:
        """Count from now on; what ends by itself when its time is up is given some more."""
        if self._seconds:
            faulthandler.dump_traceback_later(self._seconds * times, exit=True, file=self._stderr)

    def disarm(self) -> None:
        """The check is over."""
        if self._seconds:
            faulthandler.cancel_dump_traceback_later()

    def close(self) -> None:
        """The session is over."""
        self.disarm()
        if self._seconds:
            os.close(self._stderr)
            self._seconds = None
