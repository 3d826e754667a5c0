"""Outputs that hardly vary or have few values: how far rounding alone makes them miss the whole's rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ttci.checks.comparison import compare
from ttci.checks.mean_squares import as_matrix, row_mean_squares
from ttci.checks.number_types import rounded_to_nearest

_MARGIN = 1.5  # a mean over all elements hardly varies
_SHARE = 0.25  # of the tolerance


@dataclass(frozen=True)
class _Distance:
    """How far a tensor as a whole is from the reference, in what the check judges."""

    lack_of_correlation: float
    slope: float  # its distance from 1
    shift: float
    mean_square: float

    @classmethod
    def of(cls, output: Tensor, reference: Tensor) -> _Distance:
        c = compare(output, reference, 1.0, elementwise=False)
        correlation, slope, shift = (
            0.0 if math.isnan(value) else value for value in (c.correlation, c.slope, c.mean_shift)
        )
        mean_square = row_mean_squares(as_matrix(output), as_matrix(reference)).mean().item()
        return cls(1 - correlation, abs(slope - 1), abs(shift), mean_square)

    def with_margins(self) -> Iterator[tuple[str, float, float]]:
        """Each by its name; the squares among them with the margin squared."""
        yield "lack_of_correlation", self.lack_of_correlation, _MARGIN**2
        yield "slope", self.slope, _MARGIN
        yield "shift", self.shift, _MARGIN
        yield "mean_square", self.mean_square, _MARGIN**2


class Constancy:
    """An output whose whole is wrong by the rules, and whether its reference could have met them."""

    def __init__(
        self, output: Tensor, reference: Tensor, dtype: torch.dtype, tolerance: float, mean_tolerance: float
    ) -> None:
        """Take in both, and what the rules allow: of correlation, and of scale and shift."""
        rounded = rounded_to_nearest(reference, dtype)
        if output.is_floating_point():
            rounded = rounded_to_nearest(rounded, output.dtype)
        self._reference = reference
        self._seen = [_Distance.of(rounded, reference)]
        self._own = _Distance.of(output, reference)
        self._mean_tolerance = mean_tolerance
        self.is_nearly_constant = self._seen[0].lack_of_correlation >= _SHARE * tolerance

    def learn(self, rounded: Tensor) -> None:
        """Take in the reference as it comes out with rounding."""
        self._seen.append(_Distance.of(rounded, self._reference))

    @property
    def is_near(self) -> bool:
        """Whether what rounding was seen to do comes near to what a rule allows."""
        return self.is_nearly_constant or self._has_few_values

    @property
    def _has_few_values(self) -> bool:
        """Rounding has no scale and no shift on average: it has where few values are rounded, or few sums."""
        off = max(max(seen.slope, seen.shift) for seen in self._seen)
        return off >= _SHARE * self._mean_tolerance

    @property
    def explains(self) -> bool:
        """Whether rounding alone does as much to the reference as was found.

        Only where the reference, rounded once to the output's type, loses a quarter of the
        correlation that may be lacking: it is nearly constant for that type; or where the
        rounding of a whole pass is seen to scale or to shift it by a quarter of what is
        allowed: it comes from few values. An error of few values may be all scale or all
        shift: its size alone says whether it is rounding's, also where they hardly vary.
        """
        return self.is_near and all(
            value <= margin * max(getattr(seen, name) for seen in self._seen)
            for name, value, margin in self._own.with_margins()
            if not self._has_few_values or name not in ("slope", "shift")
        )
