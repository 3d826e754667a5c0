"""Why pytest ended before its checks did, for who reads the output and for `ttci run`."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from types import TracebackType

import pytest

from ttci.artifacts.ended import write_ended
from ttci.errors import ExitCode, describe, encodable
from ttci.runner.ending import reason_in
from ttci.runner.handshake import ENDED_VARIABLE

_REWRITTEN = "\nassert False"  # what pytest adds to the error of an assertion of pytest-xdist's


def explain_end_of_pytest(error: BaseException) -> str:
    """The sentence of `error` with the user's own file and line, where it comes from there."""
    from ttci.testing.places import place_text, user_frames

    frames = user_frames(error)
    if frames:
        place = place_text((frames[-1].filename, frames[-1].lineno))
        return f"{place}: {frames[-1].name}: {describe(error)}"
    if isinstance(error, AssertionError) and "Traceback" in str(error):  # how pytest-xdist passes it on
        return f"in a worker of pytest-xdist: {reason_in(str(error).removesuffix(_REWRITTEN))}"
    return f"pytest met an internal error: {describe(error)}"


def said_by(report: pytest.TestReport) -> str:
    """What pytest shows of an exception, and before it where it was raised and what it says."""
    from ttci.testing.places import place_text

    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:  # as a text it has no line of pytest-xdist's before it
        return report.longrepr if isinstance(report.longrepr, str) else report.longreprtext
    said = str(crash.message).partition("\n")[0]
    return f"{place_text((crash.path, crash.lineno))}: {said}\n{report.longreprtext}"


def make_encodable(report: pytest.TestReport) -> None:
    """Let what the user's code says be sent by pytest-xdist, which knows no halves of characters."""
    if isinstance(report.longrepr, tuple):  # of what is skipped
        file, line, reason = report.longrepr
        report.longrepr = (file, line, encodable(reason))
    elif encodable(report.longreprtext) != report.longreprtext:
        report.longrepr = encodable(said_by(report))


def leave_end(config: pytest.Config, code: int, reason: str) -> None:
    """Tell the run of the pair that this process is of, if it is, why no further check begins."""
    folder = os.environ.get(ENDED_VARIABLE)
    if folder:
        pair = f"{config.getoption('--test-model')}@{config.getoption('--test-device')}"
        write_ended(Path(folder), pair, code, reason)


def leave_wrong_usage(config: pytest.Config, error: pytest.UsageError) -> None:
    """As `leave_end`, where the user's own code raised it; `ttci run` finds what pytest itself says."""
    from ttci.testing.places import user_frames

    if user_frames(error):
        leave_end(config, ExitCode.BAD_INPUT, explain_end_of_pytest(error))


def tell_of_uncaught(config: pytest.Config) -> None:
    """Leave the reason also where an exception ends the process outside of what pytest guards."""
    sys.excepthook = partial(_leave_uncaught, config, sys.excepthook)


def _leave_uncaught(
    config: pytest.Config,
    before: object,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
) -> None:
    if not isinstance(error, KeyboardInterrupt):
        leave_end(config, ExitCode.MACHINERY, explain_end_of_pytest(error))
    if callable(before):
        before(kind, error, trace)


def code_of_exit(returncode: int | None, *, has_results: bool) -> int:
    """What pytest.exit means to us: its own default and what it ends early come from the machinery."""
    if has_results or returncode in (None, pytest.ExitCode.INTERRUPTED):
        return ExitCode.MACHINERY
    return ExitCode.NOTHING_MATCHED if returncode == 0 else returncode
