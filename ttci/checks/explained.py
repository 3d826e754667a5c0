"""Whether the worst row, column and element are off by more than rounding explains.

docs/correctness.md derives the bounds. Shapes: R rows (all dimensions but the last), C
columns (the last dimension).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ttci.checks.comparison import Comparison, compare, index_of
from ttci.checks.number_types import Precision, rounded_to_nearest

_MARGIN = 2.0  # a right implementation rounds in another order, and its errors are not independent
_MARGIN_OF_SEEN = 2.0  # of the error that was seen at the very element
_JUMP = 4.0  # times what was seen before: a near tie was decided the other way
_FALSE_ALARMS = 1e-6  # of a row, column or element among all, were errors normal and independent
_MARGIN_OF_WHOLE = 1.5  # a mean over all elements hardly varies
_NEARLY_CONSTANT = 0.25  # of the tolerance: what rounding the reference itself takes of the correlation
_CHUNK = 1 << 18  # elements: 2 MiB in float64
_MOST_SUSPECTS = 1 << 20

Block = tuple[slice, slice]


@dataclass(frozen=True)
class Suspect:
    """What is off by more than rounding explains: the worst of its kind.

    kind: ``row``, ``column`` or ``element``.
    index: in the output's own dimensions; of a column, in the last one.
    error, explained: how far it is off and how far it may be; of a row and a column the
        root mean square.
    size: of the reference there, likewise.
    count: how many of its kind there are in all.
    """

    kind: str
    index: tuple[int, ...]
    error: float
    explained: float
    size: float
    count: int


class Noise:
    """An output of floating point, its reference, and what rounding is seen to do to it.

    output, reference: of one shape, all finite.
    whole: their comparison.
    """

    def __init__(self, output: Tensor, reference: Tensor, precision: Precision, whole: Comparison) -> None:
        self._shape = tuple(reference.shape)
        self._reference = _as_matrix(reference)  # [R, C]
        self._output = _as_matrix(output)
        self._roundoff = _roundoff(precision.dtype, output.dtype)
        self._whole = whole
        self._error = _MeanSquares.of(self._output, self._reference)
        self._size = _MeanSquares.of(self._reference)
        self._noise = _MeanSquares.zeros_like(self._error)
        self._suspects: Tensor | None = None  # flat positions of elements
        self._suspects_noise = torch.zeros(0, dtype=torch.float64)
        self._rounded_wholes = [self._reference_rounded(precision.dtype, output.dtype)]

    def learn(self, rounded: Tensor, factor: float) -> None:
        """Take in the reference as it comes out of one pass whose errors were `factor` times as large."""
        if tuple(rounded.shape) != self._shape:
            return
        rounded = _as_matrix(rounded)
        self._raise_noise(_MeanSquares.of(rounded, self._reference), factor)
        if factor == 1:
            self._rounded_wholes.append(_Whole.of(rounded, self._reference))
        if self._suspects is None:
            self._find_suspects(rounded)
        else:
            error = _at(rounded, self._suspects) - _at(self._reference, self._suspects)
            self._suspects_noise = torch.maximum(self._suspects_noise, error.square_())

    def _raise_noise(self, seen: _MeanSquares, factor: float) -> None:
        """An error that grows with rounding is divided by the factor; one that jumps, of a choice, is not."""
        raised = []
        for lines, noise, size in zip(seen.lines, self._noise.lines, self._size.lines, strict=True):
            divided = lines / factor**2
            jumps = divided > _JUMP**2 * (noise + self._floor(noise, size))
            raised.append(torch.where(jumps, lines, divided))
        self._noise.raise_to(_MeanSquares((raised[0], raised[1])))

    def learn_from_error(self) -> None:
        """Where the reference cannot be rounded: every row and column has the error of the whole."""
        relative = self._error.whole / self._size.whole if self._size.whole else 0.0
        self._noise.raise_to(self._size.multiplied_by(relative))
        self._find_suspects(self._reference)

    @property
    def is_explained(self) -> bool:
        """Whether no row, column or element stands out."""
        return not self.suspects()

    def is_nearly_constant(self, tolerance: float) -> bool:
        """Whether the reference itself, rounded once, loses a quarter of `tolerance` of its correlation."""
        return self._rounded_wholes[0].lack_of_correlation >= _NEARLY_CONSTANT * tolerance

    def explains_whole(self, tolerance: float) -> bool:
        """Whether the reference is nearly constant, and rounding alone does as much to it as was found."""
        if not self.is_nearly_constant(tolerance):
            return False
        own = _Whole.from_comparison(self._whole, self._error.whole)
        return all(
            value <= margin * max(getattr(rounded, name) for rounded in self._rounded_wholes)
            for name, value, margin in own.with_margins()
        )

    def suspects(self) -> list[Suspect]:
        """The worst row, column and element that rounding does not explain; none of a kind that has none."""
        found = [self._worst_line(0), self._worst_line(1), self._worst_element()]
        return [suspect for suspect in found if suspect is not None]

    def _worst_line(self, dim: int) -> Suspect | None:
        """Of the rows (0) or the columns (1)."""
        lines, length = self._reference.shape[dim], self._reference.shape[1 - dim]
        if not lines or not length or (length == 1 and lines > 1) or (dim == 1 and lines == 1):
            return None  # its elements are judged
        error, noise, size = (sums.lines[dim] for sums in (self._error, self._noise, self._size))
        explained = noise + self._floor(noise, size)
        explained *= _times(lines, length) ** 2
        excess = torch.where(error > explained, error / explained, 0.0)
        if not (count := int(excess.count_nonzero())):
            return None
        worst = int(excess.argmax())
        index = index_of(worst, self._shape[:-1]) if dim == 0 else (worst,)
        roots = (math.sqrt(value[worst].item()) for value in (error, explained, size))
        off, may_be, large = roots
        return Suspect(("row", "column")[dim], index, off, may_be, large, count)

    def _worst_element(self) -> Suspect | None:
        if self._suspects is None or not len(self._suspects):
            return None
        rows, columns = self._suspects // self._reference.shape[1], self._suspects % self._reference.shape[1]
        x = _at(self._reference, self._suspects)
        error = (_at(self._output, self._suspects) - x).square_()
        explained = self._element_bound(x, self._suspects_noise, rows, columns)
        excess = torch.where(error > explained, error / explained, 0.0)
        if not (count := int(excess.count_nonzero())):
            return None
        worst = int(excess.argmax())
        index = index_of(int(self._suspects[worst]), self._shape)
        off, may_be = math.sqrt(error[worst].item()), math.sqrt(explained[worst].item())
        return Suspect("element", index, off, may_be, abs(x[worst].item()), count)

    def _find_suspects(self, rounded: Tensor) -> None:
        """The elements that one pass does not explain, with what it does to them."""
        found, noises, columns_in_all = [], [], self._reference.shape[1]
        for block in _blocks(self._reference):
            x = self._reference[block].double()
            error = (self._output[block].double() - x).square_()
            noise = _finite_(rounded[block].double() - x).square_()
            explained = self._element_bound(x, noise, block[0], block[1])
            where = (error > explained).nonzero()
            found.append((where[:, 0] + block[0].start) * columns_in_all + where[:, 1] + block[1].start)
            noises.append(noise[where[:, 0], where[:, 1]])
        self._suspects = torch.cat(found)[:_MOST_SUSPECTS] if found else torch.zeros(0, dtype=torch.int64)
        self._suspects_noise = torch.cat(noises)[:_MOST_SUSPECTS] if noises else self._suspects_noise

    def _element_bound(
        self, x: Tensor, noise: Tensor, rows: slice | Tensor, columns: slice | Tensor
    ) -> Tensor:
        """The largest square of an error: by its row and column, as a product; its size; its own noise."""
        of_rows, of_columns = self._noise.lines
        if isinstance(rows, slice):
            product = of_rows[rows, None] * of_columns[None, columns]
        else:
            product = of_rows[rows] * of_columns[columns]
        whole = self._noise.whole
        relative = self._roundoff**2 + (whole / self._size.whole if self._size.whole else 0.0)
        typical = self._size.lines[0].median()
        expected = (product / whole if whole else 0.0) + relative * (x.square() + typical)
        expected *= _times(self._reference.numel(), 1) ** 2
        return expected + _MARGIN_OF_SEEN**2 * noise

    def _floor(self, noise: Tensor, size: Tensor) -> Tensor:
        """What a line may be off though its own noise happened to be small: by its size, or a typical one."""
        usual = (noise / size)[size > 0]
        relative = self._roundoff**2 + (usual.median().item() if len(usual) else 0.0)
        return relative * (size + size.median())

    def _reference_rounded(self, *dtypes: torch.dtype) -> _Whole:
        rounded = self._reference
        for dtype in dtypes:
            if dtype.is_floating_point and rounded.is_floating_point():
                rounded = rounded_to_nearest(rounded, dtype)
        return _Whole.of(rounded, self._reference)


@dataclass
class _MeanSquares:
    """Mean squares of the rows and of the columns of a matrix."""

    lines: tuple[Tensor, Tensor]  # [R], [C]

    @classmethod
    def of(cls, values: Tensor, minus: Tensor | None = None) -> _MeanSquares:
        rows, columns = (torch.zeros(count, dtype=torch.float64) for count in values.shape)
        for block in _blocks(values):
            chunk = values[block].double()
            if minus is not None:
                chunk = _finite_(chunk - minus[block])
            chunk = chunk.square()
            rows[block[0]] += chunk.sum(1)
            columns[block[1]] += chunk.sum(0)
        return cls((rows / max(1, values.shape[1]), columns / max(1, values.shape[0])))

    @classmethod
    def zeros_like(cls, other: _MeanSquares) -> _MeanSquares:
        return cls((torch.zeros_like(other.lines[0]), torch.zeros_like(other.lines[1])))

    @property
    def whole(self) -> float:
        return self.lines[0].mean().item() if len(self.lines[0]) else 0.0

    def raise_to(self, other: _MeanSquares) -> None:
        rows, columns = (torch.maximum(*pair) for pair in zip(self.lines, other.lines, strict=True))
        self.lines = rows, columns

    def multiplied_by(self, factor: float) -> _MeanSquares:
        return _MeanSquares((self.lines[0] * factor, self.lines[1] * factor))


@dataclass(frozen=True)
class _Whole:
    """How far a tensor as a whole is from the reference, in what the check judges."""

    lack_of_correlation: float
    slope: float  # its distance from 1
    shift: float
    mean_square: float

    @classmethod
    def of(cls, output: Tensor, reference: Tensor) -> _Whole:
        mean_square = _MeanSquares.of(output, reference).whole
        return cls.from_comparison(compare(output, reference, 1.0, elementwise=False), mean_square)

    @classmethod
    def from_comparison(cls, c: Comparison, mean_square: float) -> _Whole:
        correlation = 0.0 if math.isnan(c.correlation) else c.correlation
        slope, shift = (0.0 if math.isnan(value) else value for value in (c.slope - 1, c.mean_shift))
        return cls(1 - correlation, abs(slope), abs(shift), mean_square)

    def with_margins(self) -> Iterator[tuple[str, float, float]]:
        margin = _MARGIN_OF_WHOLE
        yield "lack_of_correlation", self.lack_of_correlation, margin**2
        yield "slope", self.slope, margin
        yield "shift", self.shift, margin
        yield "mean_square", self.mean_square, margin**2


def _times(lines: int, length: int) -> float:
    """How many times its expected size the largest of `lines` root mean squares of `length` errors is.

    The tail of a chi-squared (Laurent and Massart, 2000, lemma 1): the root mean square of n
    standard normal numbers exceeds ``1 + sqrt(2 t / n)`` with a probability of at most exp(-t).
    """
    t = math.log(max(1, lines) / _FALSE_ALARMS)
    return _MARGIN * (1 + math.sqrt(2 * t / max(1, length)))


def _as_matrix(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    if tensor.ndim == 0:
        return tensor.reshape(1, 1).cpu()
    return tensor.reshape(math.prod(tensor.shape[:-1]), tensor.shape[-1]).cpu()


def _roundoff(*dtypes: torch.dtype) -> float:
    """The root mean square of the relative error of rounding to the coarsest of types, about.

    It is spread evenly over half a unit in the last place either way: 2**-9 of bfloat16.
    """
    return max(torch.finfo(dtype).eps for dtype in dtypes if dtype.is_floating_point) / 4


def _blocks(matrix: Tensor) -> Iterator[Block]:
    """Parts of at most _CHUNK elements."""
    rows, columns = matrix.shape
    width = min(columns, _CHUNK)
    height = max(1, _CHUNK // max(1, width))
    for top in range(0, rows, height):
        for left in range(0, columns, max(1, width)):
            yield slice(top, min(top + height, rows)), slice(left, min(left + width, columns))


def _finite_(values: Tensor) -> Tensor:
    """An overflow in a rounded reference explains nothing."""
    return values.nan_to_num_(0.0, 0.0, 0.0)


def _at(matrix: Tensor, positions: Tensor) -> Tensor:
    return _finite_(matrix[positions // matrix.shape[1], positions % matrix.shape[1]].double())
