"""One side's process, measured while there is no other.

A board takes one process at a time, and of a large model there may be memory for one. Each side's process
of a pair then lives by itself; which side begins is drawn at random. What drifts meanwhile is noise here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ttci.compare.measured import SIDES
from ttci.compare.messages import Message
from ttci.compare.side import RefusedError, Side, SideError, Subject, Template

_TURN_S = 0.03  # of calls, about
_MOST_CALLS = 10_000  # in a turn


@dataclass
class Visit:
    """What one process of one side has found.

    Attributes:
        declared: its tests, by name.
        ready: what was said when a test was made ready, by its name.
        seconds: of a call, by test.
        errors: what it could not do, by test; the empty name stands for all of them. A test that it did not
            come to, for it died before, has neither an error nor seconds.
        turned_s: that its tests were measured for.
    """

    side: str
    declared: Mapping[str, Any] = field(default_factory=dict)
    ready: dict[str, Message] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    errors: dict[str, SideError] = field(default_factory=dict)
    turned_s: float = 0.0


def visit(template: Template, subject: Subject, asked: Sequence[Message], turns_s: float) -> Visit:
    """Start a process, let it measure, and end it when its device is closed.

    Args:
        template: of which it is a copy.
        subject: what it imports.
        asked: the message that makes a test ready, for each; for none, its tests are told.
        turns_s: how long each is measured.
    """
    found = Visit(subject.side)
    with _noted(found, ""), _process(template, subject) as side:
        found.declared = side.ask(subject.opening)["tests"]
        for message in asked:
            name = str(message["test"])
            with _noted(found, name):
                found.ready[name] = side.ask(message)
                if "seconds" in found.ready[name]:
                    found.turned_s += _called(side, found.ready[name]["seconds"], turns_s)
                released = side.ask({"do": "release"})
                if "seconds" in released:
                    found.seconds[name] = float(released["seconds"])
            if name in found.errors and found.errors[name].is_dead:
                break
    return found


def both(visits: Mapping[str, Visit], test: str) -> tuple[list[Message], list[float]]:
    """What both sides said of a test, base first, and the seconds of a call, if it was timed.

    Nothing, where one of them did not come to it.

    Raises:
        RefusedError: one of them could not do it.
    """
    in_order = [visits[side] for side in SIDES]
    errors = [each.errors[test] for each in in_order if test in each.errors]
    if errors:
        raise RefusedError(errors)
    if not all(test in each.ready for each in in_order):
        return [], []
    seconds = [each.seconds[test] for each in in_order if test in each.seconds]
    return [each.ready[test] for each in in_order], seconds


@contextmanager
def _process(template: Template, subject: Subject) -> Iterator[Side]:
    side = template.copy(subject)
    try:
        yield side
    finally:
        side.close_device()
        side.end()


@contextmanager
def _noted(found: Visit, test: str) -> Iterator[None]:
    try:
        yield
    except SideError as error:
        found.errors[test] = error


def calls_in_a_turn(call_s: float) -> int:
    """How many calls of `call_s` seconds are asked for at once."""
    return min(max(round(_TURN_S / max(call_s, 1e-9)), 1), _MOST_CALLS)


def _called(side: Side, call_s: float, turns_s: float) -> float:
    """Let it call until `turns_s` are over; how long that took."""
    calls = calls_in_a_turn(call_s)
    begin = time.monotonic()
    while True:
        side.ask({"do": "time", "calls": calls})
        took = time.monotonic() - begin
        if took >= turns_s:
            return took
