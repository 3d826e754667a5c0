"""A wrong order of indices in words: runs swapped, moved, reversed, interleaved."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ttci.diagnosis.wording import named_range, noun

_MOST_RUNS = 8


def order_in_words(order: Sequence[int], dimension: int, dimensions: int) -> str:
    """What puts indices back, for a sentence that goes on after ``once``.

    Args:
        order: of each index, the one whose numbers it holds.
        dimension: whose indices they are.
        dimensions: how many there are.
    """
    many, size = noun(dimension, dimensions), len(order)
    if list(order) == [*range(size - 1, -1, -1)] and size > 2:
        return f"the order of the {many} is reversed"
    by = order[0]
    if all(where == (index + by) % size for index, where in enumerate(order)) and size > 2:
        return f"the {many} are rolled by {by if by <= size // 2 else by - size}"
    return (
        _swapped(order, dimension, dimensions)
        or _interleaved(order, many)
        or _runs_in_words(order, dimension, dimensions)
    )


def _swapped(order: Sequence[int], dimension: int, dimensions: int) -> str | None:
    moved = [run for run in _runs(order) if run[0] != run[1]]
    if len(moved) != 2:
        return None
    (start, origin, length), (other, other_origin, other_length) = moved
    if (origin, other_origin) != (other, start) or length != other_length:
        return None
    first = named_range(start, length, dimension, dimensions)
    numbers = f"{other} to {other + length - 1}" if length > 1 else str(other)
    if length == 1:
        return f"{noun(dimension, dimensions).partition(' ')[0]} {start} and {numbers} are swapped"
    return f"{first} and {numbers} are swapped"


def _interleaved(order: Sequence[int], many: str) -> str | None:
    """Each group of columns, or of blocks of them, is a table read by columns instead of by rows."""
    block = math.gcd(*(number for run in _runs(order) for number in run))
    blocks = [where // block for where in order[::block]]
    names = many if block == 1 else f"blocks of {block} {many}"
    size = len(blocks)
    for width in (width for width in range(4, size + 1) if size % width == 0):
        parts = blocks[1]
        if not 1 < parts < width or width % parts:
            continue
        pattern = [column + row for row in range(parts) for column in range(0, width, parts)]
        starts = [index - index % width for index in range(size)]
        if blocks == [start + pattern[index % width] for index, start in enumerate(starts)]:
            return _interleaved_in_words(parts, width, size, names)
    return None


def _interleaved_in_words(parts: int, width: int, size: int, names: str) -> str:
    within = f" within every {width} of them" if width < size else ""
    if parts * 2 == width:
        return f"the {names}, interleaved instead of halved, are put in halves{within}"
    if parts == 2:
        return f"the {names}, halved instead of interleaved, are interleaved{within}"
    return (
        f"the {names}, read as {parts} by {width // parts}, are read as {width // parts} by {parts}{within}"
    )


def _runs_in_words(order: Sequence[int], dimension: int, dimensions: int) -> str:
    runs, many = _runs(order), noun(dimension, dimensions)
    if len(runs) <= _MOST_RUNS:
        places = ", ".join(
            f"{start} to {start + n - 1}" if n > 1 else str(start)
            for start, _, n in sorted(runs, key=lambda run: run[1])
        )
        return f"the {many} are put in the order {places}"
    index = next(index for index, where in enumerate(order) if index != where)
    return (
        f"the {many} are put back in their order: {named_range(index, 1, dimension, dimensions)} holds what "
        f"belongs at {order[index]}, and so on"
    )


def _runs(order: Sequence[int]) -> list[tuple[int, int, int]]:
    """Start, origin and length of the longest runs that stayed together."""
    runs: list[tuple[int, int, int]] = []
    for index, where in enumerate(order):
        if runs and where == runs[-1][1] + runs[-1][2]:
            start, origin, length = runs[-1]
            runs[-1] = start, origin, length + 1
        else:
            runs.append((index, where, 1))
    return runs
