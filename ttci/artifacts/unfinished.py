"""Checks that a run expected and did not judge: how they stand in run.json, and what kept them.

Such a check is an `error` from the moment it is expected, so that whatever ends
the run, its file never looks better than it was.
"""

from __future__ import annotations

from ttci.errors import encodable
from ttci.manifest import Identity
from ttci.results import Outcome, Result, Run, State


def not_judged(identity: str) -> Result:
    """A check that has not begun."""
    message = "not judged: the run ended before this check began"
    return unmeasured(identity, Outcome.ERROR, message, state=State.WAITING)


def running(identity: str) -> Result:
    """A check that has begun."""
    message = "not judged: the run ended while this check was running"
    return unmeasured(identity, Outcome.ERROR, message, state=State.RUNNING)


def unmeasured(
    identity: str,
    outcome: Outcome,
    message: str,
    seconds: float = 0.0,
    state: State = State.JUDGED,
) -> Result:
    """A result that holds no measurement, only why."""
    known = Identity.parse(identity)
    return Result(
        id=identity,
        test=known.test,
        check=known.check,
        outcome=outcome,
        seconds=seconds,
        message=encodable(message),
        state=state,
    )


def unfinished_in(run: Run) -> list[str]:
    """The identities of the checks that are still to be judged."""
    return [result.id for result in run.results if result.is_unfinished]


def is_any_running(run: Run) -> bool:
    """Whether the run ended in the middle of a check, or while the operations of one were recorded."""
    return any(result.is_running or _is_debugged(result) for result in run.results)


def explain_end(run: Run, what: str, *, began: bool = False) -> Run:
    """`run` with `what` ended it said at the checks that were running.

    Where none was, it is said at the first unjudged check, or, where the process
    `began` with its checks and so died between two of them, at the one before: what
    it left behind is to blame, and the next one has not had its turn. One whose operations
    were being recorded keeps what was found.
    """
    if any(map(_is_debugged, run.results)):
        kept = (each.without_operations(what) if _is_debugged(each) else each for each in run.results)
        return run.model_copy(update={"results": tuple(kept)})
    at = _struck(run, began=began)
    results = tuple(result.lost(what) if result.id in at else result for result in run.results)
    return run.model_copy(update={"results": results})


def _is_debugged(result: Result) -> bool:
    return result.state is State.DEBUGGING


def _struck(run: Run, *, began: bool) -> list[str]:
    unfinished = [result for result in run.results if result.is_unfinished]
    struck = [result.id for result in unfinished if result.is_running]
    if struck or not unfinished:
        return struck
    position = run.results.index(unfinished[0])
    return [run.results[position - 1 if began and position else position].id]
