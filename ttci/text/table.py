"""Aligned columns of text."""

from __future__ import annotations

import io
from collections.abc import Sequence

_BETWEEN = 2  # spaces


def align(rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """`rows` as lines, each column as wide as its widest cell.

    Args:
        rows: the first is the heading.
        width: characters of the terminal that it is for: where the table is wider, cells are broken into
            several lines. None for a file or a pipe, which has a line a row.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if width is not None and sum(widths) + _BETWEEN * (len(widths) - 1) > width:
        return _wrapped(rows, width)
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _wrapped(rows: Sequence[Sequence[str]], width: int) -> str:
    from rich.console import Console  # takes as long as reading a manifest
    from rich.table import Table

    heading, *others = rows
    table = Table(box=None, padding=(0, _BETWEEN, 0, 0), pad_edge=False, header_style="")
    for name in heading:
        table.add_column(name, overflow="fold")
    for row in others:
        table.add_row(*row)
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().rstrip("\n").splitlines())
