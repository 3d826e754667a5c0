"""Checks that a run expected and did not judge: how they stand in run.json.

Such a check is an `error` from the moment it is expected, so that whatever ends
the run, its file never looks better than it was.
"""

from __future__ import annotations

from ttci.manifest import Identity
from ttci.results import Outcome, Result, Run

_NOT_JUDGED = "not judged: the run ended before this check began"
_RUNNING = "not judged: the run ended while this check was running"


def not_judged(identity: str) -> Result:
    """A check that has not begun."""
    return unmeasured(identity, Outcome.ERROR, _NOT_JUDGED)


def running(identity: str) -> Result:
    """A check that has begun."""
    return unmeasured(identity, Outcome.ERROR, _RUNNING)


def unmeasured(identity: str, outcome: Outcome, message: str, seconds: float = 0.0) -> Result:
    """A result that holds no measurement, only why."""
    known = Identity.parse(identity)
    return Result(
        id=identity,
        test=known.test,
        check=known.check,
        outcome=outcome,
        seconds=seconds,
        message=message,
    )


def is_unfinished(result: Result) -> bool:
    """Whether the run ended before this check did."""
    return result.outcome is Outcome.ERROR and result.message in (_NOT_JUDGED, _RUNNING)


def explain_end(run: Run, what: str) -> Run:
    """`run` with `what` ended it said at the checks that were running; at the first unjudged if none was."""
    unfinished = [result for result in run.results if is_unfinished(result)]
    struck = [result for result in unfinished if result.message == _RUNNING] or unfinished[:1]
    results = tuple(
        result.model_copy(update={"message": what}) if result in struck else result for result in run.results
    )
    return run.model_copy(update={"results": results})
