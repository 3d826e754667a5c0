"""One output against its reference: the whole, and what stands out of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ttci.checks.comparison import Comparison, compare
from ttci.checks.explained import Noise, Suspect
from ttci.checks.integers import Differing
from ttci.checks.mean_squares import as_matrix
from ttci.checks.nearly_constant import Constancy
from ttci.checks.number_types import Precision
from ttci.checks.rounding import Roughness

_SLACK = 5  # slope and mean may be off by this many tolerances: they are means, not extremes
_FACTORS = (1.0, 2.0, 4.0, 8.0, 4.0) * 3
_PASSES = (Roughness(), *(Roughness(seed, factor) for seed, factor in enumerate(_FACTORS, start=1)))
_ENOUGH_PASSES = 4
_MOST_SECONDS = 20.0  # beyond which no more than enough passes are made


@dataclass(frozen=True)
class RoundedReferences:
    """How the references come out when they are rounded as a device rounds.

    Attributes:
        compute: the references of one pass; None where they cannot be computed so.
    """

    precision: Precision
    compute: Callable[[Roughness], Sequence[Tensor] | None]


class JudgedOutput(Protocol):
    """An output that is judged, if need be after passes that show what rounding does to it."""

    @property
    def correlation(self) -> float:
        """With the reference; NaN where it has none, or none that says anything."""

    @property
    def is_open(self) -> bool:
        """Whether another pass may change the verdict."""

    def learn(self, rounded: Tensor | None, factor: float) -> None:
        """Take in the reference of one pass; None where it cannot be computed with rounding."""

    def problems(self) -> list[str]:
        """What is wrong; nothing where it is right."""

    def notes(self) -> list[str]:
        """What a reader of a pass should know."""


def judged_output(
    output: Tensor, reference: Tensor, tolerance: float, *, exact: bool, precision: Precision | None
) -> JudgedOutput:
    """An output with its reference, of the same shape."""
    if output.is_complex() or reference.is_complex():
        output, reference = (_as_real(tensor.to(torch.complex64)) for tensor in (output, reference))
    if reference.is_floating_point():
        return _Floats(output, reference, tolerance, exact=exact, precision=precision)
    return _Integers(output, reference)


def learn_from_passes(outputs: Sequence[JudgedOutput], rounded: RoundedReferences) -> None:
    """Compute the references with rounding, once, and again while something is not explained."""
    start = time.monotonic()
    for number, roughness in enumerate(_PASSES):
        if not any(output.is_open for output in outputs):
            return
        if number >= _ENOUGH_PASSES and time.monotonic() - start > _MOST_SECONDS:
            return
        references = rounded.compute(roughness)
        if references is not None and len(references) != len(outputs):
            references = None
        for index, output in enumerate(outputs):
            output.learn(references[index] if references else None, roughness.factor)
        if references is None:
            return


class _Floats:
    def __init__(
        self, output: Tensor, reference: Tensor, tolerance: float, *, exact: bool, precision: Precision | None
    ) -> None:
        whole = _compared(output, reference, tolerance, exact=exact)
        self._problems = [*_problems_of_whole(whole, output, tolerance, exact)]
        self._correlation = whole.correlation
        self._noise: Noise | None = None
        self._constancy: Constancy | None = None
        self._passes = 0
        if precision is None or not whole.count or whole.nonfinite or whole.nonfinite_reference:
            return
        self._precision = precision
        noise = Noise(output, reference, precision)
        if not self._problems and noise.is_within_one_rounding():
            return
        self._noise = noise
        self._both, self._tolerance = (as_matrix(output), as_matrix(reference)), tolerance
        if self._problems:
            self._constancy = Constancy(output, reference, precision.dtype, tolerance, _SLACK * tolerance)

    @property
    def correlation(self) -> float:
        return math.nan if self._is_nearly_constant else self._correlation

    @property
    def _is_nearly_constant(self) -> bool:
        return self._constancy is not None and self._constancy.explains

    @property
    def is_open(self) -> bool:
        if self._noise is None or self._fails_for_good:
            return False
        return not self._passes or bool(self._noise.suspects()) or self._fails_as_whole

    @property
    def _fails_as_whole(self) -> bool:
        return bool(self._problems) and not self._is_nearly_constant

    @property
    def _fails_for_good(self) -> bool:
        """After some passes the whole is wrong still, and it is not nearly constant."""
        is_near = self._constancy is not None and self._constancy.is_near
        return self._passes >= _ENOUGH_PASSES and self._fails_as_whole and not is_near

    def learn(self, rounded: Tensor | None, factor: float) -> None:
        if self._noise is None or not self.is_open:
            return
        self._passes += 1
        if rounded is None:
            self._noise.learn_from_error()
            return
        rounded = _as_real(rounded) if rounded.is_complex() else rounded
        self._noise.learn(rounded, factor)
        if self._constancy is not None and factor == 1:
            self._constancy.learn(rounded)
        if self._fails_as_whole:
            self._judge_steady_rows(self._noise)

    def _judge_steady_rows(self, noise: Noise) -> None:
        """A few rows of which rounding decides a choice say nothing of the whole."""
        steady = noise.steady_rows()
        if steady is not None and not steady.all():
            output, reference = (matrix[steady] for matrix in self._both)
            whole = _compared(output, reference, self._tolerance, exact=False)
            if not [*_problems_of_whole(whole, output, self._tolerance, exact=False)]:
                self._problems, self._correlation = [], whole.correlation

    def problems(self) -> list[str]:
        whole = [] if self._is_nearly_constant else self._problems
        suspects = self._noise.suspects() if self._noise is not None else []
        if not suspects:
            return whole
        telling = min(suspects, key=lambda suspect: (suspect.count, suspect.kind != "element"))
        return [*whole, _described(telling, self._precision)]

    def notes(self) -> list[str]:
        if self._constancy is None or not self._constancy.explains:
            return []
        if not self._constancy.is_nearly_constant:
            return [f"of so few values that the rounding of {self._precision} explains how far it is off"]
        return [f"nearly constant for {self._precision}, whose rounding explains how far it is off"]


class _Integers:
    correlation = math.nan

    def __init__(self, output: Tensor, reference: Tensor) -> None:
        self._differing = Differing(output, reference)

    @property
    def is_open(self) -> bool:
        return not self._differing.is_explained

    def learn(self, rounded: Tensor | None, factor: float) -> None:  # noqa: ARG002  # a flip has no size
        if rounded is not None:
            self._differing.learn(rounded)

    def problems(self) -> list[str]:
        if self._differing.is_explained:
            return []
        index, value, expected = self._differing.first_unexplained()
        text = f"{self._share()} differ from the reference"
        if self._differing.has_learned:
            text += f", {self._differing.unexplained:,} of them by more than rounding explains"
        return [f"{text}, the first at {index}: {value:.17g}, expected {expected:.17g}"]

    def notes(self) -> list[str]:
        if not self._differing.count or not self._differing.is_explained:
            return []
        return [f"{self._share()} differ from the reference, all at near ties that rounding decides"]

    def _share(self) -> str:
        count, total = self._differing.count, self._differing.total
        return f"{count:,} of {total:,} values ({count / total:.2%})"


def _as_real(tensor: Tensor) -> Tensor:
    """Real and imaginary parts side by side in the last dimension."""
    return torch.view_as_real(tensor.resolve_conj()).flatten(-2)


def _compared(output: Tensor, reference: Tensor, tolerance: float, *, exact: bool) -> Comparison:
    comparison = compare(output, reference, tolerance, elementwise=exact)
    if comparison.is_constant and output.is_floating_point():
        # Its one value may be rounded in the output's type by more than `tolerance`.
        comparison = compare(output, reference, max(tolerance, torch.finfo(output.dtype).eps))
    return comparison


def _problems_of_whole(c: Comparison, output: Tensor, tolerance: float, exact: bool) -> Iterator[str]:
    if c.count == 0:
        return
    if c.nonfinite or c.nonfinite_reference:
        yield from _nonfinite_problems(c, output)
        return
    if c.is_constant:
        if c.largest_excess > 0:
            yield (
                f"the reference is constant and the output differs from it by {c.largest_difference:.3g}, "
                "more than allclose allows"
            )
        return
    if not c.correlation >= 1 - tolerance:
        yield f"correlation {c.correlation:.6f} with the reference, at least {1 - tolerance:.6f} is needed"
    if not abs(c.slope - 1) <= _SLACK * tolerance:
        yield (
            f"the output is scaled by {c.slope:.5f} against the reference, "
            f"at most 1 ± {_SLACK * tolerance:g} is allowed"
        )
    if not abs(c.mean_shift) <= _SLACK * tolerance:
        yield (
            f"the output's mean is shifted by {c.mean_shift:.4g} standard deviations of the reference, "
            f"at most {_SLACK * tolerance:g} is allowed"
        )
    if exact and c.largest_excess > 0:
        yield (
            f"the output differs from the reference by up to {c.largest_difference:.3g}, "
            f"more than allclose(rtol={tolerance:g}, atol={tolerance:g}) allows in float32"
        )


def _nonfinite_problems(c: Comparison, output: Tensor) -> Iterator[str]:
    if c.nonfinite:
        nan = int(torch.isnan(output).sum().item())
        infinite = c.nonfinite - nan
        where = tuple(torch.nonzero(~torch.isfinite(output))[0].tolist())
        yield f"{nan} NaN and {infinite} infinite of {c.count} output values, the first at {where}"
    if c.nonfinite_reference:
        yield f"{c.nonfinite_reference} of {c.count} reference values are NaN or infinite"


def _described(suspect: Suspect, precision: Precision) -> str:
    others = f", and {suspect.count - 1:,} more" if suspect.count > 1 else ""
    index = suspect.index if suspect.kind != "column" else suspect.index[0]
    how = "" if suspect.kind == "element" else " in the root mean square"
    return (
        f"{suspect.kind} {index} is off by {suspect.error:.3g}{how}, where the reference has "
        f"{suspect.size:.3g} and the rounding of {precision} explains {suspect.explained:.2g}{others}"
    )
