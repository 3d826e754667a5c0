"""Whether the worst row, column and element are off by more than rounding explains.

docs/explanation/correctness.md derives the bounds. Shapes: R rows (all dimensions but the last), C
columns (the last dimension).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ttci.checks.comparison import index_of
from ttci.checks.mean_squares import (
    as_matrix,
    blocks,
    column_mean_squares,
    differences,
    row_mean_squares,
)
from ttci.checks.number_types import Precision

_MARGIN = 2.0  # a right implementation rounds in another order, and its errors are not independent
_MARGIN_OF_SEEN = 2.0  # of the error that was seen at the very element
_JUMP = 4.0  # times what was seen before: a near tie was decided the other way
_MOSTLY = 0.9  # of the rows
_FALSE_ALARMS = 1e-6  # of a row, column or element among all, were errors normal and independent
_MOST_SUSPECTS = 1 << 20  # elements; more are not needed to call an output wrong


@dataclass(frozen=True)
class Suspect:
    """What is off by more than rounding explains: the worst of its kind.

    Attributes:
        kind: ``row``, ``column`` or ``element``.
        index: in the output's own dimensions; of a column, in the last one.
        error, explained: how far it is off and how far it may be; of a row the root mean
            square, of a column too, its rows weighted by how little noise they have.
        size: of the reference there, likewise.
        count: how many of its kind there are in all.
    """

    kind: str
    index: tuple[int, ...]
    error: float
    explained: float
    size: float
    count: int


@dataclass
class _Lines:
    """Mean squares of the rows, or of the columns: of errors, of the reference, of noise."""

    error: Tensor
    size: Tensor
    noise: Tensor
    roundoff: float  # of one rounding, relative

    @property
    def expected(self) -> Tensor:
        """What an error is expected to be, squared.

        Where a line's own noise happened to be small, what is usual for its size, or for a
        typical one's, stands in.
        """
        return self.noise + self.usual_of_each

    @property
    def usual_of_each(self) -> Tensor:
        """What noise is usual for the size of each line, squared."""
        return self.usual * (self.size + _median(self.size))

    @property
    def usual(self) -> float:
        """Noise in relation to size, squared: of half the lines at least, and of one rounding."""
        return self.roundoff**2 + _median((self.noise / self.size)[self.size > 0])

    def raise_noise(self, seen: Tensor, factor: float) -> None:
        """An error that grows with rounding is divided by the factor; one that jumps, of a choice, is not."""
        divided = seen / factor**2
        jumps = divided > _JUMP**2 * self.expected
        self.noise = torch.maximum(self.noise, torch.where(jumps, seen, divided))


class Noise:
    """An output of floating point, its reference of the same shape, and what rounding is seen to do to it."""

    def __init__(self, output: Tensor, reference: Tensor, precision: Precision) -> None:
        self._shape = tuple(reference.shape)
        self._reference = as_matrix(reference)
        self._output = as_matrix(output)
        self._roundoff = _roundoff(precision.dtype, output.dtype)
        error = row_mean_squares(self._output, self._reference)
        size = row_mean_squares(self._reference)
        self._rows = _Lines(error, size, torch.zeros_like(error), self._roundoff)
        self._weights = torch.ones_like(error)
        nothing = torch.zeros(self._reference.shape[1], dtype=torch.float64)
        self._columns = _Lines(nothing, nothing, nothing, self._roundoff)
        self._suspects: Tensor | None = None  # flat positions of elements
        self._suspects_noise = nothing[:0]

    def is_within_one_rounding(self) -> bool:
        """Whether nothing stands out even if the device rounded but once: no pass need be made."""
        self._weigh_columns()
        if self._worst_row() or self._worst_column():
            return False
        self._find_suspects(self._reference)
        found, self._suspects = self._suspects, None
        return found is not None and not len(found)

    def learn(self, rounded: Tensor, factor: float) -> None:
        """Take in the reference as it comes out of one pass whose errors were `factor` times as large."""
        if tuple(rounded.shape) != self._shape:
            return
        rounded = as_matrix(rounded)
        self._rows.raise_noise(row_mean_squares(rounded, self._reference), factor)
        self._weigh_columns()
        self._columns.raise_noise(column_mean_squares(rounded, self._weights, self._reference), factor)
        if self._suspects is None:
            self._find_suspects(rounded)
        else:
            seen = differences(self._at_suspects(rounded), self._at_suspects(self._reference))
            self._suspects_noise = torch.maximum(self._suspects_noise, seen.square_())

    def learn_from_error(self) -> None:
        """Where the reference cannot be rounded: every row and column has the error of the whole."""
        error, size = self._rows.error.mean().item(), self._rows.size.mean().item()
        relative = error / size if size else 0.0
        self._rows.noise = relative * self._rows.size
        self._weigh_columns()
        self._columns.noise = relative * self._columns.size
        self._find_suspects(self._reference)

    def steady_rows(self) -> Tensor | None:
        """Which rows no near tie of a choice decides, [R]; None where that is too few to judge the whole by.

        A row whose choice rounding decides has far more noise than is usual for its size.
        """
        steady = self._rows.noise <= _JUMP**2 * self._rows.usual_of_each
        return steady if steady.double().mean().item() >= _MOSTLY else None

    def suspects(self) -> list[Suspect]:
        """The worst row, column and element that rounding does not explain; none of a kind that has none."""
        found = [self._worst_row(), self._worst_column(), self._worst_element()]
        return [suspect for suspect in found if suspect is not None]

    def _weigh_columns(self) -> None:
        """A row counts by how little it is expected to be off: a noisy one hides no wrong column."""
        expected = self._rows.expected
        self._weights = torch.where(expected > 0, 1 / expected, 0.0)
        self._columns.error = column_mean_squares(self._output, self._weights, self._reference)
        self._columns.size = column_mean_squares(self._reference, self._weights)

    def _worst_row(self) -> Suspect | None:
        rows, columns = self._reference.shape
        if columns == 1 and rows > 1:
            return None  # its elements are judged
        allowed = _times(rows, columns) ** 2 * self._rows.expected
        return _worst("row", self._rows.error, allowed, self._rows.size, self._shape[:-1])

    def _worst_column(self) -> Suspect | None:
        rows, columns = self._reference.shape
        if rows == 1:
            return None
        unit = self._weights.mean().item()
        of_unit = 1 / unit if unit else 0.0
        allowed = _times(columns, rows) ** 2 * self._columns.expected
        error, size = self._columns.error * of_unit, self._columns.size * of_unit
        return _worst("column", error, allowed * of_unit, size, (columns,))

    def _worst_element(self) -> Suspect | None:
        if self._suspects is None:
            return None
        x = self._at_suspects(self._reference).double()
        error = differences(self._at_suspects(self._output), x).square_()
        rows, columns = self._suspects // self._reference.shape[1], self._suspects % self._reference.shape[1]
        product = self._rows.expected[rows] * self._columns.expected[columns]
        allowed = self._allowed_of_elements(x, product, self._suspects_noise)
        worst = _worst("element", error, allowed, x.square(), (len(x),))
        if worst is None:
            return None
        index = index_of(int(self._suspects[worst.index[0]]), self._shape)
        return Suspect("element", index, worst.error, worst.explained, worst.size, worst.count)

    def _find_suspects(self, rounded: Tensor) -> None:
        """The elements that one pass does not explain, with what it does to them."""
        found, noises, columns_in_all = [], [], self._reference.shape[1]
        of_rows, of_columns = self._rows.expected, self._columns.expected
        for rows, columns in blocks(self._reference):
            x = self._reference[rows, columns].double()
            error = differences(self._output[rows, columns], x).square_()
            noise = differences(rounded[rows, columns], x).square_()
            product = of_rows[rows, None] * of_columns[columns]
            where = (error > self._allowed_of_elements(x, product, noise)).nonzero()
            found.append((where[:, 0] + rows.start) * columns_in_all + where[:, 1] + columns.start)
            noises.append(noise[where[:, 0], where[:, 1]])
        self._suspects = torch.cat(found)[:_MOST_SUSPECTS]
        self._suspects_noise = torch.cat(noises)[:_MOST_SUSPECTS]

    def _allowed_of_elements(self, x: Tensor, product: Tensor, noise: Tensor) -> Tensor:
        """The largest square of an error: by its row and column, by its size, by its own noise."""
        expected = product + self._rows.usual * x.square()
        return expected * _times(self._reference.numel(), 1) ** 2 + _MARGIN_OF_SEEN**2 * noise

    def _at_suspects(self, matrix: Tensor) -> Tensor:
        assert self._suspects is not None
        return matrix[self._suspects // matrix.shape[1], self._suspects % matrix.shape[1]]


def _worst(kind: str, error: Tensor, allowed: Tensor, size: Tensor, shape: tuple[int, ...]) -> Suspect | None:
    """The one whose error exceeds what is allowed by most, all squared; None where none does."""
    excess = torch.where(error > allowed, error / allowed, 0.0)
    count = int(excess.count_nonzero())
    if not count:
        return None
    worst = int(excess.argmax())
    off, explained, large = (math.sqrt(values[worst].item()) for values in (error, allowed, size))
    return Suspect(kind, index_of(worst, shape), off, explained, large, count)


def _times(lines: int, length: int) -> float:
    """How many times its expected size the largest of `lines` root mean squares of `length` errors is.

    The tail of a chi-squared (Laurent and Massart, 2000, lemma 1): the root mean square of n
    standard normal numbers exceeds ``1 + sqrt(2 t / n)`` with a probability of at most exp(-t).
    """
    t = math.log(max(1, lines) / _FALSE_ALARMS)
    return _MARGIN * (1 + math.sqrt(2 * t / max(1, length)))


def _roundoff(*dtypes: torch.dtype) -> float:
    """The root mean square of the relative error of rounding to the coarsest of types, about.

    It is spread evenly over half a unit in the last place either way: 2**-9 of bfloat16.
    """
    return max(torch.finfo(dtype).eps for dtype in dtypes if dtype.is_floating_point) / 4


def _median(values: Tensor) -> float:
    return values.median().item() if len(values) else 0.0
