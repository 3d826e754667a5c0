"""Where an output is wrong, pooled until it can be drawn: a heat map, a distribution, value by value."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ttci.results import ErrorMap

BINS = 41  # odd: errors around 0 have a bin of their own
_WORST_PAIRS = 50  # among the pairs


@dataclass(frozen=True)
class Detail:
    """How much of an error is kept.

    Attributes:
        most_cells: of the heat map, along each side.
        most_pairs: of a reference and a value.
        digits: of each figure.
    """

    most_cells: int
    most_pairs: int
    digits: int


OF_A_DEBUG_RUN = Detail(most_cells=128, most_pairs=1_000, digits=4)  # a file of its own
OF_A_RESULT = Detail(most_cells=64, most_pairs=200, digits=3)  # at most 40 kB of run.json


def error_map(output: Tensor, reference: Tensor, detail: Detail = OF_A_DEBUG_RUN) -> ErrorMap | None:
    """Of an output and what was expected.

    Rows are tokens and columns features; of four dimensions, rows are heads and columns positions, and
    the last dimension goes into the mean.

    Returns:
        None where their shapes differ, nothing is in them, or they are not of floating point.
    """
    if output.shape != reference.shape or not output.numel() or not output.is_floating_point():
        return None
    y, x = output.detach().cpu().double(), reference.detach().cpu().double()
    squares = _as_matrix((y - x).square())
    edges, counts = distribution(y - x)
    return ErrorMap(
        axes=("heads", "positions") if y.ndim == 4 else ("tokens", "features"),
        size=(squares.shape[0], squares.shape[1]),
        heat=_cells(pooled(squares, detail.most_cells).sqrt(), detail.digits),
        spread=_spread(x),
        edges=edges,
        counts=counts,
        pairs=pairs(y, x, detail),
    )


def pooled(matrix: Tensor, most: int) -> Tensor:
    """The mean of each block of a matrix, of at most so many rows and columns of blocks."""
    cells = min(matrix.shape[0], most), min(matrix.shape[1], most)
    return adaptive_avg_pool2d(matrix[None, None], cells)[0, 0]


def distribution(error: Tensor, bins: int = BINS) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Edges of bins around 0, and how many of the finite errors lie in each."""
    finite = error.flatten()[torch.isfinite(error.flatten())]
    reach = finite.abs().max().item() if finite.numel() else 0.0
    reach = reach or 1.0  # all of it is right
    counts = torch.histc(finite, bins, -reach, reach)
    edges = torch.linspace(-reach, reach, bins + 1, dtype=torch.float64)
    return tuple(float(f"{edge:.6g}") for edge in edges.tolist()), tuple(map(int, counts.tolist()))


def pairs(output: Tensor, reference: Tensor, detail: Detail) -> tuple[tuple[float, float], ...]:
    """Reference and output of elements that are finite: evenly spaced, then the most wrong."""
    y, x = output.flatten(), reference.flatten()
    finite = (torch.isfinite(y) & torch.isfinite(x)).nonzero().flatten()
    y, x = y[finite], x[finite]
    evenly = torch.linspace(0, max(0, len(y) - 1), min(len(y), detail.most_pairs - _WORST_PAIRS)).long()
    wrong = (y - x).abs().topk(min(len(y), _WORST_PAIRS)).indices
    chosen = sorted({*evenly.tolist(), *wrong.tolist()})
    found = zip(x[chosen].tolist(), y[chosen].tolist(), strict=True)
    digits = detail.digits
    return tuple((_rounded(expected, digits), _rounded(given, digits)) for expected, given in found)


def _as_matrix(squares: Tensor) -> Tensor:
    if squares.ndim == 4:
        squares = squares.mean(dim=-1)  # [B, H, S]
    if squares.ndim < 2:
        return squares.reshape(1, -1)
    return squares.reshape(-1, squares.shape[-1])


def _spread(reference: Tensor) -> float:
    """The standard deviation of what is finite."""
    finite = reference[torch.isfinite(reference)]
    return finite.std(correction=0).item() if finite.numel() else 0.0


def _cells(heat: Tensor, digits: int) -> tuple[tuple[float | None, ...], ...]:
    rows: list[list[float]] = heat.tolist()
    return tuple(
        tuple(_rounded(cell, digits) if math.isfinite(cell) else None for cell in row) for row in rows
    )


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
