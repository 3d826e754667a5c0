"""Is the output right? Compared with a float32 reference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ttci.checks.judged_output import JudgedOutput, RoundedReferences, judged_output, learn_from_passes
from ttci.checks.outcome import Findings, measured
from ttci.results import Measurement, Verdict

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Observed:
    """What running a test's module gave: every output tensor, flattened in order."""

    outputs: Sequence[Tensor]
    second_outputs: Sequence[Tensor]  # of a second call on the same inputs
    references: Sequence[Tensor]  # in float32
    inputs_before: Sequence[Tensor]
    inputs_after: Sequence[Tensor]


def check_correctness(
    observed: Observed,
    tolerance: float,
    expected_shape: Shape | None = None,
    *,
    exact: bool = False,
    rounded: RoundedReferences | None = None,
) -> Findings:
    """Judge shape, finiteness, correlation, scale, shift, inputs left alone, repeatability.

    Where the device rounds, also the worst row, column and element, against what its types
    explain; docs/explanation/correctness.md derives the bounds.

    Args:
        observed: what running the module gave.
        tolerance: the Pearson correlation must be at least 1 - tolerance.
        expected_shape: of the first output; the reference's shape where None.
        exact: the device computes in float32, so allclose must hold too, and integers be equal.
        rounded: the references as rounding changes them; None where the device is exact.
    """
    problems = [*call_problems(observed)]  # first: they are the cause of what follows
    shape_problems = [*_shape_problems(observed, expected_shape)]
    if shape_problems:
        return Findings((*problems, *shape_problems))
    precision = rounded.precision if rounded is not None else None
    judged = [
        judged_output(output, reference, tolerance, exact=exact, precision=precision)
        for output, reference in zip(observed.outputs, observed.references, strict=True)
    ]
    if rounded is not None:
        learn_from_passes(judged, rounded)
    notes: list[str] = []
    for index, output in enumerate(judged):
        prefix = f"output {index}: " if len(judged) > 1 else ""
        problems += [prefix + text for text in output.problems()]
        notes += [prefix + text for text in output.notes()]
    return Findings(tuple(problems), _measurements(judged, tolerance), note="; ".join(notes))


def _shape_problems(observed: Observed, expected_shape: Shape | None) -> Iterator[str]:
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


def call_problems(observed: Observed) -> Iterator[str]:
    """What a call did beside its result: changed its input, or kept something for the next one."""
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


def _measurements(outputs: Sequence[JudgedOutput], tolerance: float) -> tuple[Measurement, ...]:
    """The least correlation."""
    correlations = [output.correlation for output in outputs if math.isfinite(output.correlation)]
    if not correlations:
        return ()
    target = 1 - tolerance
    return (
        measured(
            "correlation",
            min(correlations),
            statistic="min",
            target=target,
            tolerance=0.0,
            verdict=Verdict.MET if min(correlations) >= target else Verdict.MISSED,
        ),
    )
