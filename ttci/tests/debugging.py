"""The recording of operations within a session: in its own time, and with what was found kept before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ttci.results import Result
from ttci.testing.debug import Debugging
from ttci.tests.recorder import Recorder
from ttci.tests.watchdog import Watchdog

_TIMES_ITS_TIME = 1.25  # after which its process is ended, where no operation comes to its end


def in_its_own_time(left: Mapping[str, Any], watchdog: Watchdog, recorder: Recorder | None) -> dict[str, Any]:
    """The members of a `Case` in `left`; where it records operations, that is no part of its check's time."""
    debugging: Debugging | None = left["debugging"]
    if debugging is None:
        return dict(left)

    def begins(result: Result) -> None:
        watchdog.arm(_TIMES_ITS_TIME)
        if recorder:
            recorder.keep_before_debugging(result)

    return {**left, "debugging": replace(debugging, begins=begins)}
