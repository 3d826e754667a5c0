"""The correctness check: its statistics, and what it says of an output."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from ttci.checks.comparison import Comparison, compare
from ttci.checks.correctness import Observed, check_correctness
from ttci.results import Verdict

CHUNK = 1 << 18  # elements that compare() takes at a time
Values = npt.NDArray[np.float64]


def random(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, generator=torch.Generator().manual_seed(seed))


def numpy_statistics(output: Tensor, reference: Tensor) -> tuple[float, float, float]:
    """Correlation, slope and mean shift as numpy finds them in float64."""
    y: Values = output.double().numpy()
    x: Values = reference.double().numpy()
    slope = np.cov(x, y, bias=True)[0, 1] / x.var()
    return float(np.corrcoef(x, y)[0, 1]), float(slope), float((y.mean() - x.mean()) / x.std())


def assert_equals_numpy(output: Tensor, reference: Tensor) -> None:
    c = compare(output, reference, 1e-3)
    correlation, slope, shift = numpy_statistics(output, reference)
    assert c.correlation == pytest.approx(correlation, rel=1e-9, abs=1e-12)
    assert c.slope == pytest.approx(slope, rel=1e-9, abs=1e-12)
    assert c.mean_shift == pytest.approx(shift, rel=1e-9, abs=1e-9)
    difference = (output.double() - reference.double()).abs()
    assert c.largest_difference == difference.max().item()
    excess = difference - 1e-3 * (1 + reference.double().abs())
    assert c.largest_excess == pytest.approx(excess.max().item(), rel=1e-12)


@pytest.mark.parametrize("count", [2, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7])
def test_statistics_equal_numpys_at_every_chunk_boundary(count: int) -> None:
    reference = random(count)
    assert_equals_numpy(0.9 * reference + 0.1 * random(count, seed=1) + 0.3, reference)


@pytest.mark.parametrize("mean", [1e3, -1e3])
def test_statistics_hold_where_the_mean_is_large_and_the_spread_small(mean: float) -> None:
    reference = mean + 0.01 * random(CHUNK + 100).double()
    output = reference + 0.002 * random(CHUNK + 100, seed=1).double()
    assert_equals_numpy(output, reference)


def test_statistics_hold_where_the_chunks_have_different_means() -> None:
    reference = random(3 * CHUNK).double() + torch.arange(3).repeat_interleave(CHUNK) * 1e4
    assert_equals_numpy(reference + random(3 * CHUNK, seed=1), reference)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.int32, torch.bool])
def test_every_type_is_compared_in_float64(dtype: torch.dtype) -> None:
    reference = 3 * random(5000)
    output = reference > 0 if dtype is torch.bool else reference.to(dtype)
    assert_equals_numpy(output, reference)


def test_the_layout_of_a_tensor_does_not_matter() -> None:
    reference = random(600).view(20, 30)
    transposed = reference.t().contiguous().t()
    assert compare(transposed, reference, 1e-3).largest_difference == 0


def test_comparing_changes_neither_tensor() -> None:
    output, reference = random(100).double(), random(100, seed=1).double()
    before = output.clone(), reference.clone()
    compare(output, reference, 1e-3)
    assert torch.equal(output, before[0])
    assert torch.equal(reference, before[1])


@pytest.mark.parametrize("position", [0, CHUNK, CHUNK + 41])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_counted_wherever_they_are(position: int, value: float) -> None:
    reference = random(CHUNK + 42)
    output = reference.clone()
    output[position] = value
    assert compare(output, reference, 1e-3).nonfinite == 1
    assert compare(output, reference, 1e-3).nonfinite_reference == 0
    assert compare(reference, output, 1e-3).nonfinite_reference == 1


def observed(output: Tensor, reference: Tensor, **others: Any) -> Observed:
    fields: dict[str, Any] = {
        "outputs": [output],
        "second_outputs": [output],
        "references": [reference],
        "inputs_before": [],
        "inputs_after": [],
    }
    return Observed(**{**fields, **others})


def problems(output: Tensor, reference: Tensor, tolerance: float = 1e-3, **others: Any) -> tuple[str, ...]:
    return check_correctness(observed(output, reference), tolerance, **others).problems


REFERENCE = random(4096).view(64, 64)


def test_the_reference_itself_passes_and_its_correlation_is_measured() -> None:
    findings = check_correctness(observed(REFERENCE, REFERENCE), 1e-3, exact=True)
    assert findings.problems == ()
    (measurement,) = findings.measurements
    assert (measurement.name, measurement.verdict) == ("correlation", Verdict.MET)
    assert measurement.value == pytest.approx(1)
    assert measurement.target == 0.999


@pytest.mark.parametrize(
    ("noise", "passes"),
    # Noise n on a unit normal correlates by 1 / sqrt(1 + n^2): 0.9995 and 0.998.
    [(0.0316, True), (0.0633, False)],
)
def test_a_correlation_of_one_minus_the_tolerance_is_the_limit(noise: float, passes: bool) -> None:
    found = problems(REFERENCE + noise * random(4096, seed=1).view(64, 64), REFERENCE)
    assert (not any("correlation" in text for text in found)) is passes


@pytest.mark.parametrize(
    ("scale", "passes"), [(1.0049, True), (1.0051, False), (0.9951, True), (0.9949, False)]
)
def test_a_scale_of_five_tolerances_is_the_limit(scale: float, passes: bool) -> None:
    found = problems(scale * (REFERENCE - REFERENCE.mean()), REFERENCE - REFERENCE.mean())
    assert (not found) is passes
    assert passes or found[0].startswith(f"the output is scaled by {scale:.5f}")


@pytest.mark.parametrize(("shift", "passes"), [(0.0049, True), (0.0051, False), (-0.0051, False)])
def test_a_shift_of_five_tolerances_in_standard_deviations_is_the_limit(shift: float, passes: bool) -> None:
    spread = REFERENCE.std(correction=0).item()
    found = problems(10 * REFERENCE + shift * 10 * spread, 10 * REFERENCE)
    assert (not found) is passes
    assert passes or found[0].startswith("the output's mean is shifted by")


def test_in_float32_one_value_off_by_more_than_allclose_allows_is_found() -> None:
    output = REFERENCE.clone()
    output[3, 3] += 0.01
    assert problems(output, REFERENCE) == ()
    (problem,) = problems(output, REFERENCE, exact=True)
    assert problem.startswith("the output differs from the reference by up to 0.01, more than allclose")


@pytest.mark.parametrize("value", [0.0, 1.0, -7.25, 1e6])
def test_a_constant_reference_is_judged_by_allclose(value: float) -> None:
    constant = torch.full((8, 8), value)
    assert problems(constant, constant) == ()
    off = constant + 0.002 * (1 + abs(value))
    (problem,) = problems(off, constant)
    assert problem.startswith("the reference is constant and the output differs from it by")


def test_a_constant_output_of_a_reference_that_varies_fails() -> None:
    found = problems(torch.zeros(64, 64), REFERENCE)
    assert found[0].startswith("correlation nan with the reference")


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1)])
def test_a_single_value_is_judged_by_allclose(shape: tuple[int, ...]) -> None:
    value = torch.full(shape, 2.0)
    assert problems(value, value.clone()) == ()
    assert problems(value + 0.1, value)
    assert problems(value * math.nan, value)[0].startswith("1 NaN and 0 infinite of 1 output values")


def test_empty_outputs_pass_and_measure_nothing() -> None:
    findings = check_correctness(observed(torch.empty(0, 4), torch.empty(0, 4)), 1e-3)
    assert findings.problems == ()
    assert findings.measurements == ()


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
def test_outputs_that_are_no_real_floats_are_judged_too(dtype: torch.dtype) -> None:
    reference = (REFERENCE * 10 > 0) if dtype is torch.bool else (REFERENCE * 10).to(dtype)
    assert problems(reference.clone(), reference) == ()
    assert problems(reference.roll(1, 0), reference)


def test_float16_overflow_is_told_as_infinite_values() -> None:
    reference = REFERENCE * 60000
    (problem,) = problems(reference.half(), reference)
    overflowed = int(reference.half().isinf().sum())
    assert overflowed > 0
    assert problem.startswith(f"0 NaN and {overflowed} infinite of 4096 output values, the first at (")


def test_a_reference_that_is_not_finite_is_told() -> None:
    reference = REFERENCE.clone()
    reference[0, 0] = math.inf
    assert problems(REFERENCE, reference) == ("1 of 4096 reference values are NaN or infinite",)


def test_a_wrong_shape_is_told_and_nothing_else_is_compared() -> None:
    assert problems(REFERENCE[1:], REFERENCE) == ("output shape (63, 64), expected (64, 64)",)
    assert problems(REFERENCE, REFERENCE, expected_shape=(1, 64)) == (
        "output shape (64, 64), expected (1, 64)",
    )
    assert problems(REFERENCE, REFERENCE[1:], expected_shape=(64, 64)) == (
        "the reference gives shape (63, 64), the module (64, 64)",
    )


def test_a_wrong_number_of_outputs_is_told() -> None:
    no_output = observed(REFERENCE, REFERENCE, outputs=[], second_outputs=[])
    assert check_correctness(no_output, 1e-3).problems == ("the module returned no tensor",)
    two = observed(REFERENCE, REFERENCE, outputs=[REFERENCE] * 2, second_outputs=[REFERENCE] * 2)
    assert check_correctness(two, 1e-3).problems == ("2 output tensors where the reference has 1",)


def test_an_input_that_changed_is_named_by_its_position() -> None:
    before = [REFERENCE, REFERENCE, torch.tensor([math.nan])]
    after = [REFERENCE, REFERENCE + 1, torch.tensor([math.nan])]
    changed = observed(REFERENCE, REFERENCE, inputs_before=before, inputs_after=after)
    assert check_correctness(changed, 1e-3).problems == ("input 1 was changed in place; work on a copy",)


def test_an_input_whose_shape_changed_counts_as_changed() -> None:
    changed = observed(REFERENCE, REFERENCE, inputs_before=[REFERENCE], inputs_after=[REFERENCE[None]])
    assert check_correctness(changed, 1e-3).problems == ("input 0 was changed in place; work on a copy",)


def test_a_second_call_with_another_result_is_told_and_equal_nans_are_equal() -> None:
    other = observed(REFERENCE, REFERENCE, second_outputs=[REFERENCE + 1e-3])
    (problem,) = check_correctness(other, 1e-3).problems
    assert problem.startswith("a second call on the same input gave another result")
    nan = torch.full((4,), math.nan)
    assert not any("second call" in text for text in problems(nan, nan))


def test_the_least_correlation_of_several_outputs_is_measured() -> None:
    worse = REFERENCE + 0.03 * random(4096, seed=1).view(64, 64)
    outputs = [REFERENCE, worse, torch.ones(4)]
    several = observed(
        REFERENCE,
        REFERENCE,
        outputs=outputs,
        second_outputs=outputs,
        references=[REFERENCE, REFERENCE, torch.ones(4)],
    )
    (measurement,) = check_correctness(several, 1e-3).measurements
    lowest: Comparison = compare(worse, REFERENCE, 1e-3)
    assert measurement.value == lowest.correlation
