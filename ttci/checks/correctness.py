"""Is the output right? Compared with a float32 reference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ttci.checks.comparison import Comparison, compare
from ttci.checks.findings import Findings
from ttci.results import Measurement, Verdict

Shape = tuple[int, ...]
_SLACK = 5  # slope and mean may be off by this many tolerances: they are means, not extremes


@dataclass(frozen=True)
class Observed:
    """What running a test's module gave: every output tensor, flattened in order."""

    outputs: Sequence[Tensor]
    second_outputs: Sequence[Tensor]  # of a second call on the same inputs
    references: Sequence[Tensor]  # in float32
    inputs_before: Sequence[Tensor]
    inputs_after: Sequence[Tensor]


def check_correctness(
    observed: Observed, tolerance: float, expected_shape: Shape | None = None, *, exact: bool = False
) -> Findings:
    """Judge shape, finiteness, correlation, scale, shift, inputs left alone, repeatability.

    tolerance: the Pearson correlation must be at least 1 - tolerance.
    expected_shape: of the first output; the reference's shape where None.
    exact: the device computes in float32, so allclose must hold too.
    """
    complaints = [*_call_complaints(observed)]  # first: they are the cause of what follows
    shape_complaints = [*_shape_complaints(observed, expected_shape)]
    if shape_complaints:
        return Findings((*complaints, *shape_complaints))
    comparisons: list[Comparison] = []
    for index, (output, reference) in enumerate(zip(observed.outputs, observed.references, strict=True)):
        comparison = _compared(output, reference, tolerance, exact=exact)
        comparisons.append(comparison)
        prefix = f"output {index}: " if len(observed.outputs) > 1 else ""
        complaints += [prefix + text for text in _value_complaints(comparison, output, tolerance, exact)]
    return Findings(tuple(complaints), _measurements(comparisons, tolerance))


def _compared(output: Tensor, reference: Tensor, tolerance: float, *, exact: bool) -> Comparison:
    if output.is_complex() or reference.is_complex():
        output, reference = (torch.view_as_real(t.to(torch.complex64)) for t in (output, reference))
    comparison = compare(output, reference, tolerance, elementwise=exact)
    if comparison.is_constant and output.is_floating_point():
        # Its one value may be rounded in the output's type by more than `tolerance`.
        comparison = compare(output, reference, max(tolerance, torch.finfo(output.dtype).eps))
    return comparison


def _shape_complaints(observed: Observed, expected_shape: Shape | None) -> Iterator[str]:
    if not observed.outputs:
        yield "the module returned no tensor"
        return
    if len(observed.outputs) != len(observed.references):
        yield f"{len(observed.outputs)} output tensors where the reference has {len(observed.references)}"
        return
    for index, (output, reference) in enumerate(zip(observed.outputs, observed.references, strict=True)):
        expected = expected_shape if expected_shape and index == 0 else tuple(reference.shape)
        if tuple(output.shape) != expected:
            yield f"output shape {tuple(output.shape)}, expected {expected}"
        elif tuple(reference.shape) != tuple(output.shape):
            yield f"the reference gives shape {tuple(reference.shape)}, the module {tuple(output.shape)}"


def _value_complaints(c: Comparison, output: Tensor, tolerance: float, exact: bool) -> Iterator[str]:
    if c.count == 0:
        return
    if c.nonfinite or c.nonfinite_reference:
        yield from _nonfinite_complaints(c, output)
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


def _nonfinite_complaints(c: Comparison, output: Tensor) -> Iterator[str]:
    if c.nonfinite:
        nan = int(torch.isnan(output).sum().item())
        infinite = c.nonfinite - nan
        where = tuple(torch.nonzero(~torch.isfinite(output))[0].tolist())
        yield f"{nan} NaN and {infinite} infinite of {c.count} output values, the first at {where}"
    if c.nonfinite_reference:
        yield f"{c.nonfinite_reference} of {c.count} reference values are NaN or infinite"


def _call_complaints(observed: Observed) -> Iterator[str]:
    for index, (before, after) in enumerate(zip(observed.inputs_before, observed.inputs_after, strict=True)):
        if not _same(before, after):
            yield f"input {index} was changed in place; work on a copy"
    if len(observed.outputs) != len(observed.second_outputs) or not all(
        map(_same, observed.outputs, observed.second_outputs)
    ):
        yield (
            "a second call on the same input gave another result; is dropout left on "
            "(call .eval()), or does the module keep state?"
        )


def _same(left: Tensor, right: Tensor) -> bool:
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    if torch.equal(left, right):
        return True
    return bool(((left == right) | (left.isnan() & right.isnan())).all())


def _measurements(comparisons: Sequence[Comparison], tolerance: float) -> tuple[Measurement, ...]:
    correlations = [c.correlation for c in comparisons if math.isfinite(c.correlation)]
    if not correlations:
        return ()
    target = 1 - tolerance
    return (
        Measurement(
            name="correlation",
            value=min(correlations),
            unit="1",
            direction="higher",
            statistic="min",
            target=target,
            tolerance=0.0,
            verdict=Verdict.MET if min(correlations) >= target else Verdict.MISSED,
        ),
    )
