"""Where an output is wrong, pooled until it can be drawn: a heat map, a distribution, value by value."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ttci.artifacts.operations_file import ErrorMap

MOST_CELLS = 128  # of the heat map, along each side
BINS = 41  # odd: errors around 0 have a bin of their own
MOST_PAIRS = 1_000
_WORST_PAIRS = 50  # among them
_DIGITS = 4


def error_map(output: Tensor, reference: Tensor) -> ErrorMap | None:
    """Of an output and what was expected; None where their shapes differ or nothing is in them.

    Rows are tokens and columns features; of four dimensions, rows are heads and columns positions, and
    the last dimension goes into the mean.
    """
    if output.shape != reference.shape or not output.numel():
        return None
    y, x = output.detach().cpu().double(), reference.detach().cpu().double()
    squares = _as_matrix((y - x).square())
    edges, counts = distribution(y - x)
    return ErrorMap(
        axes=("heads", "positions") if y.ndim == 4 else ("tokens", "features"),
        size=(squares.shape[0], squares.shape[1]),
        heat=tuple(tuple(map(_short, row)) for row in pooled(squares).sqrt().tolist()),
        spread=x.std(correction=0).item(),
        edges=edges,
        counts=counts,
        pairs=pairs(y, x),
    )


def pooled(matrix: Tensor, most: int = MOST_CELLS) -> Tensor:
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


def pairs(output: Tensor, reference: Tensor, most: int = MOST_PAIRS) -> tuple[tuple[float, float], ...]:
    """Reference and output of elements that are finite: evenly spaced, then the most wrong."""
    y, x = output.flatten(), reference.flatten()
    finite = (torch.isfinite(y) & torch.isfinite(x)).nonzero().flatten()
    y, x = y[finite], x[finite]
    evenly = torch.linspace(0, max(0, len(y) - 1), min(len(y), most - _WORST_PAIRS)).long()
    wrong = (y - x).abs().topk(min(len(y), _WORST_PAIRS)).indices
    chosen = sorted({*evenly.tolist(), *wrong.tolist()})
    found = zip(x[chosen].tolist(), y[chosen].tolist(), strict=True)
    return tuple((_rounded(expected), _rounded(given)) for expected, given in found)


def _as_matrix(squares: Tensor) -> Tensor:
    if squares.ndim == 4:
        squares = squares.mean(dim=-1)  # [B, H, S]
    if squares.ndim < 2:
        return squares.reshape(1, -1)
    return squares.reshape(-1, squares.shape[-1])


def _short(value: float) -> float | None:
    return _rounded(value) if math.isfinite(value) else None


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
