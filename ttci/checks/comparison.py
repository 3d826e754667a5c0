"""How far an output is from its reference, in one pass over the two tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

_CHUNK = 1 << 18  # elements: 2 MiB in float64, so that a chunk's buffers stay in cache
_CONSTANT = 1e-6  # a spread below this fraction of the mean is float32 rounding


@dataclass(frozen=True)
class Comparison:
    """Statistics of an output against its reference, in float64.

    Attributes:
        slope: of the least-squares line of the output on the reference.
        mean_shift: difference of means, in standard deviations of the reference.
        largest_excess: the most by which |output - reference| exceeds
            tolerance * (1 + |reference|); at most 0 means allclose.
    """

    count: int
    nonfinite: int
    nonfinite_reference: int
    correlation: float
    slope: float
    mean_shift: float
    largest_difference: float
    largest_excess: float
    is_constant: bool


@dataclass
class _Sums:
    """Sums over elements, shifted by the first chunk's mean where digits would cancel."""

    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    yy: float = 0.0
    xy: float = 0.0

    def add(self, x: Tensor, y: Tensor) -> None:
        self.x += x.sum().item()
        self.y += y.sum().item()
        self.xx += torch.dot(x, x).item()
        self.yy += torch.dot(y, y).item()
        self.xy += torch.dot(x, y).item()


def compare(output: Tensor, reference: Tensor, tolerance: float, *, elementwise: bool = True) -> Comparison:
    """Compare two tensors of one shape; needs a few MiB, whatever their size.

    Args:
        output: what the module gave.
        reference: of the same shape.
        tolerance: both the relative and the absolute one of allclose.
        elementwise: also find the largest difference, which costs as much again; it
            is always found for a constant reference, as nothing else judges that.
    """
    outputs, references = output.detach().reshape(-1), reference.detach().reshape(-1)
    sums, differences = _Sums(), _Differences(tolerance)
    shift: tuple[float, float] | None = None
    for y, x in _float64_chunks(outputs, references):
        if elementwise:
            differences.add(y, x)
        shift = shift or (_shift_of(x), _shift_of(y))
        sums.add(_shifted(x, shift[0]), _shifted(y, shift[1]))
    comparison = _conclude(outputs, references, sums, differences, shift or (0.0, 0.0))
    if comparison.is_constant and not elementwise:
        return compare(output, reference, tolerance)
    return comparison


def index_of(position: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index of a flat position in a tensor of that shape."""
    index: list[int] = []
    for size in reversed(shape):
        position, remainder = divmod(position, size)
        index.insert(0, remainder)
    return tuple(index)


def _float64_chunks(outputs: Tensor, references: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Chunks on the host; the next pair overwrites the one before: new memory costs more than the sums."""
    y, x = torch.empty(2, min(_CHUNK, outputs.numel()), dtype=torch.float64, device="cpu")
    for start in range(0, outputs.numel(), _CHUNK):
        count = min(_CHUNK, outputs.numel() - start)
        yield (
            y[:count].copy_(outputs[start : start + count]),
            x[:count].copy_(references[start : start + count]),
        )


class _Differences:
    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self.largest = 0.0
        self.excess = -math.inf

    def add(self, output: Tensor, reference: Tensor) -> None:
        difference = (output - reference).abs_()
        self.largest = max(self.largest, difference.max().item())
        allowed = reference.abs().add_(1).mul_(self._tolerance)
        self.excess = max(self.excess, difference.sub_(allowed).max().item())


def _conclude(
    outputs: Tensor, references: Tensor, sums: _Sums, differences: _Differences, shift: tuple[float, float]
) -> Comparison:
    count = outputs.numel()
    n = max(count, 1)
    var_x = sums.xx / n - (sums.x / n) ** 2
    var_y = sums.yy / n - (sums.y / n) ** 2
    covariance = sums.xy / n - (sums.x / n) * (sums.y / n)
    mean_x, mean_y = shift[0] + sums.x / n, shift[1] + sums.y / n
    is_constant = not var_x > (_CONSTANT * mean_x) ** 2
    # A NaN or an infinity anywhere makes its sum one too: only then are they counted.
    return Comparison(
        count=count,
        nonfinite=0 if math.isfinite(sums.yy) else _count_nonfinite(outputs),
        nonfinite_reference=0 if math.isfinite(sums.xx) else _count_nonfinite(references),
        correlation=_ratio(covariance, math.sqrt(max(var_x, 0.0) * max(var_y, 0.0))),
        slope=_ratio(covariance, var_x),
        mean_shift=_ratio(mean_y - mean_x, math.sqrt(max(var_x, 0.0))),
        largest_difference=differences.largest,
        largest_excess=differences.excess,
        is_constant=is_constant,
    )


def _shift_of(chunk: Tensor) -> float:
    """The mean where digits would cancel: where it is larger than the spread."""
    deviation, mean = (value.item() for value in torch.std_mean(chunk, correction=0))
    return mean if math.isfinite(mean) and abs(mean) > deviation else 0.0


def _shifted(chunk: Tensor, shift: float) -> Tensor:
    return chunk.sub_(shift) if shift else chunk


def _count_nonfinite(tensor: Tensor) -> int:
    return int((~torch.isfinite(tensor)).sum().item())


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan
