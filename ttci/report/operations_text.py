"""What a debug run found, for the terminal: the table of operations, and a small heat map."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ttci.artifacts.operations_file import DebugRun, Difference, OperationFound, TensorFacts
from ttci.results import ErrorMap
from ttci.text.table import align

HEADS = ("", "operation", "called at", "output", "its own error", "error so far", "as in the reference")
_MARKS = " ░▒▓█"
_ROWS, _COLUMNS = 16, 64  # of the heat map


def debug_text(run: DebugRun, width: int | None = None) -> str:
    """The table, what it shows, and where the output is wrong.

    Args:
        run: what was found.
        width: characters of the terminal; None of a file or a pipe.
    """
    parts = [
        "\n".join(filter(None, (f"{run.id}: {run.outcome}", run.message))),
        align([HEADS, *(_row(each, run) for each in run.operations)], width)
        if run.operations
        else "no operation was recorded",
        "\n".join(_said(run)),
        heat_text(run.error_map) if run.error_map else "",
    ]
    return "\n\n".join(filter(None, parts))


def error_text(found: Difference | None) -> str:
    """``0.28 %``; a dash where there is none."""
    if found is None:
        return "-"
    if found.not_finite:
        return f"{found.not_finite:,} not finite"
    return "infinite" if found.relative is None else f"{100 * found.relative:.2g} %"


def tensor_text(facts: TensorFacts) -> str:
    """``1x32x64 bfloat16 tile DRAM interleaved``."""
    shape = "x".join(map(str, facts.shape)) or "scalar"
    return " ".join(filter(None, (shape, facts.dtype, facts.layout, facts.memory)))


def said_of_output(run: DebugRun) -> str:
    """How far it is off the reference, and how far the float32 run is; empty where neither is known."""
    if run.output is None:
        return ""
    left = f"; {error_text(run.in_float32)} in float32" if run.in_float32 is not None else ""
    return f"the output is {error_text(run.output)} off the reference{left}"


def _row(operation: OperationFound, run: DebugRun) -> tuple[str, ...]:
    settings = f" ({operation.settings})" if operation.settings else ""
    return (
        f"{'>' if operation.number in run.marked else ' '}{operation.number}",
        f"{operation.name}{settings}",
        operation.place or "",
        "; ".join(map(tensor_text, operation.outputs)),
        error_text(operation.own),
        error_text(operation.so_far),
        operation.as_reference or "",
    )


def _said(run: DebugRun) -> Iterator[str]:
    yield from run.findings
    if run.output is not None:
        yield said_of_output(run)
    if run.error:
        yield f"the call ended with {run.error.partition(chr(10))[0]}"
    for operation in run.operations:
        if operation.note:
            yield f"operation {operation.number}: {operation.note}"


def heat_text(found: ErrorMap) -> str:
    """The heat map in block characters, with what they stand for."""
    cells = _pooled(found.heat)
    most = max((cell for row in cells for cell in row if math.isfinite(cell)), default=0.0)
    rows, columns = found.axes
    size = f"{found.size[0]:,} {rows} down, {found.size[1]:,} {columns} across"
    lines = ["".join(_mark(cell, most) for cell in row) for row in cells]
    edge = "─" * len(lines[0])
    legend = (
        f"error of the output: {size}; █ is {most:.2g}, where the reference spreads by {found.spread:.2g}"
    )
    return "\n".join([legend, f"┌{edge}┐", *(f"│{line}│" for line in lines), f"└{edge}┘"])


def _pooled(heat: Sequence[Sequence[float | None]]) -> list[list[float]]:
    """The largest of each block, so that one wrong row or column is seen."""
    rows, columns = _blocks(len(heat), _ROWS), _blocks(len(heat[0]), _COLUMNS)
    return [
        [max(_size(heat[row][column]) for row in down for column in across) for across in columns]
        for down in rows
    ]


def _blocks(size: int, most: int) -> list[range]:
    count = min(size, most)
    return [range(at * size // count, (at + 1) * size // count) for at in range(count)]


def _size(value: float | None) -> float:
    return math.inf if value is None else value


def _mark(value: float, most: float) -> str:
    """A darker one for a larger error; ``!`` for what is not finite."""
    if not math.isfinite(value):
        return "!"
    return _MARKS[min(len(_MARKS) - 1, round(value / most * (len(_MARKS) - 1)))] if most else _MARKS[0]
