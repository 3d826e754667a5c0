"""What a table of operations shows: where precision is lost, and where something else is computed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ttci.artifacts.operations_file import Difference, OperationFound
from ttci.diagnosis.differences import size_of

_SAME = 1e-2  # relative: goldens in float32 and a reference that compute the same differ by less
_STANDS_OUT = 3.0  # times the next largest
_ROUNDING = 2.0**-8  # twice what bfloat16 rounds off at most: less is no loss that stands out


@dataclass(frozen=True)
class Finding:
    """What the table shows.

    Attributes:
        text: a sentence without its full stop.
        operation: the number of that which it names, if it names one.
    """

    text: str
    operation: int | None = None


def findings_of(operations: Sequence[OperationFound], in_float32: Difference | None) -> tuple[Finding, ...]:
    """Nothing where the table shows nothing.

    Args:
        operations: the table.
        in_float32: the output's error against the reference in the float32 run.
    """
    if in_float32 is not None and size_of(in_float32) > _SAME:
        off = f"the output is still {percent(in_float32)} off the reference"
        what = f"in float32, with nothing rounded, {off}: precision is not what is wrong"
        found: tuple[Finding | None, ...] = (Finding(what), _departure(operations))
    else:
        found = (_not_finite(operations), _precision(operations))
    return tuple(finding for finding in found if finding is not None)


def where(operation: OperationFound) -> str:
    """``operation 3, ttnn.linear at model.py:21``."""
    at = f" at {operation.place}" if operation.place else ""
    return f"operation {operation.number}, {operation.name}{at}"


def percent(found: Difference) -> str:
    """The relative error."""
    size = size_of(found)
    return f"{100 * size:.2g} %" if math.isfinite(size) else "infinitely"


def departure(operations: Sequence[OperationFound]) -> OperationFound | None:
    """The first that has no value of the reference's, and none of those that are made of what it gives.

    None where no operation has one: then they are not to be told apart.
    """
    if not any(operation.as_reference for operation in operations):
        return None
    known = _leading_to(operations, [each.number for each in operations if each.as_reference])
    to_the_end = _leading_to(operations, [operations[-1].number])
    return next(
        (each for each in operations if each.number in to_the_end - known and _could_be_known(each)), None
    )


def _leading_to(operations: Sequence[OperationFound], numbers: Iterable[int]) -> set[int]:
    """The numbers of these operations, and of all whose outputs went into them, however far before."""
    found = set(numbers)
    for operation in reversed(operations):
        if operation.number in found:
            found |= set(operation.made_from)
    return found


def _could_be_known(operation: OperationFound) -> bool:
    """Whether it gives numbers that values are known again by, and no positions."""
    return any("float" in output.dtype for output in operation.outputs)


def _departure(operations: Sequence[OperationFound]) -> Finding | None:
    first = departure(operations)
    if first is None:
        return _stops_early(operations)
    what = "gives no value of the reference's, nor does what is made of it"
    return Finding(f"{where(first)}, {what}; look there, and at what it was given", first.number)


def _stops_early(operations: Sequence[OperationFound]) -> Finding | None:
    """Where the last value is one of the reference's, the output should be another, or lie otherwise."""
    last = operations[-1] if operations else None
    if last is None or not last.as_reference:
        return None
    what = (
        f"gives the numbers of the reference's {last.as_reference}: in another order, or what follows there"
    )
    return Finding(f"{where(last)}, {what} is missing", last.number)


def _not_finite(operations: Sequence[OperationFound]) -> Finding | None:
    first = next((each for each in operations if each.so_far and each.so_far.not_finite), None)
    return (
        Finding(f"{where(first)}, is the first that gives what is not finite", first.number)
        if first
        else None
    )


def _precision(operations: Sequence[OperationFound]) -> Finding | None:
    first, *others = sorted(operations, key=lambda each: size_of(each.own), reverse=True) or (None,)
    if first is None or first.own is None or not size_of(first.own):
        return None
    settings = f" ({first.settings})" if first.settings else ""
    size = f"{percent(first.own)}{settings}"
    second = others[0].own if others else None
    if second is None or size_of(first.own) <= max(_ROUNDING, _STANDS_OUT * size_of(second)):
        return Finding(f"no operation stands out: {where(first)}, has the largest error of its own, {size}")
    said = f"{where(first)}, has the largest error of its own: {size}; of the others none has more than"
    return Finding(f"{said} {percent(second)}", first.number)
