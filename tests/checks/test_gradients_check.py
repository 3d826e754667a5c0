"""The gradients check: what it finds, what it names, and what it must not complain about."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttci.checks.gradients import check_gradients
from ttci.checks.outcome import Findings


def leaf(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (scale * values).requires_grad_()


def check(function: Callable[..., Tensor | Sequence[Tensor]], **leaves: Tensor) -> Findings:
    """Check `function` of `leaves`, as named."""

    def forward() -> Sequence[Tensor]:
        output = function(*leaves.values())
        return [output] if isinstance(output, Tensor) else output

    return check_gradients(forward, leaves)


class _Scaled(torch.autograd.Function):
    """Passes values on, and gradients times a factor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return ctx.factor * gradients[0], None


def with_gradient_times(x: Tensor, factor: float) -> Tensor:
    scaled: Tensor = _Scaled.apply(x, factor)  # type: ignore[no-untyped-call]
    return scaled


def test_right_gradients_of_a_transformer_layer_pass() -> None:
    layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True, dtype=torch.float64)
    x = leaf(2, 6, 16)
    wanted: Mapping[str, Tensor] = {"input 0": x, **dict(layer.named_parameters())}
    assert check_gradients(lambda: [layer(x)], wanted) == Findings()


@pytest.mark.parametrize("factor", [0.0, 0.99, 1.01, -1.0, 2.0])
def test_the_tensor_whose_gradient_is_wrong_is_named_and_no_other(factor: float) -> None:
    findings = check(
        lambda x, w, b: x @ with_gradient_times(w, factor) + b, x=leaf(4, 8), w=leaf(8, 8), b=leaf(8)
    )
    (problem,) = findings.problems
    assert problem.startswith("no gradient reaches w, " if factor == 0 else "the gradient of w is wrong: ")


def test_one_wrong_row_of_a_weight_is_found() -> None:
    def function(x: Tensor, w: Tensor) -> Tensor:
        return x @ torch.cat([w[:-1], with_gradient_times(w[-1:], 3.0)])

    (problem,) = check(function, x=leaf(8, 64), w=leaf(64, 64)).problems
    assert problem.startswith("the gradient of w is wrong")


@pytest.mark.parametrize("influence", [1e-2, 1e-4, 1e-6])
def test_a_parameter_of_very_small_influence_is_judged_all_the_same(influence: float) -> None:
    def right(x: Tensor, w: Tensor) -> Tensor:
        return x + influence * torch.tanh(x @ w)

    def wrong(x: Tensor, w: Tensor) -> Tensor:
        return x + influence * torch.tanh(x @ with_gradient_times(w, -1.0))

    assert check(right, x=leaf(8, 32), w=leaf(32, 32)) == Findings()
    (problem,) = check(wrong, x=leaf(8, 32), w=leaf(32, 32)).problems
    assert problem.startswith("the gradient of w is wrong")


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_magnitude_of_a_tensor_does_not_matter(scale: float) -> None:
    def function(x: Tensor, w: Tensor) -> Tensor:
        return torch.tanh(x @ w / scale)

    assert check(function, x=leaf(8, 16), w=leaf(16, 16, scale=scale)) == Findings()


def test_a_bias_that_a_softmax_cancels_passes_with_its_gradient_of_zero() -> None:
    def attention(x: Tensor, w: Tensor, key_bias: Tensor) -> Tensor:
        q, k = x @ w, x @ w + key_bias
        return (q @ k.mT).softmax(-1) @ x

    findings = check(attention, x=leaf(8, 16), w=leaf(16, 16, scale=0.3), key_bias=leaf(16))
    assert findings == Findings()


def test_a_parameter_that_nothing_uses_passes() -> None:
    assert check(lambda x, _unused: 2 * x, x=leaf(4, 4), unused=leaf(3)) == Findings()


def test_kinks_do_not_fail_a_relu() -> None:
    def mlp(x: Tensor, up: Tensor, down: Tensor) -> Tensor:
        return F.relu(x @ up) @ down

    for seed in range(5):
        leaves = {"x": leaf(8, 32, seed=seed), "up": leaf(32, 4096, seed=seed + 1), "down": leaf(4096, 8)}
        assert check(mlp, **leaves) == Findings()


def test_a_norm_that_upcasts_to_float32_passes_and_a_wrong_gradient_in_one_is_found() -> None:
    def norm(x: Tensor, w: Tensor) -> Tensor:
        wide = x.float()
        return w * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).double()

    assert check(norm, x=leaf(8, 64), w=leaf(64)) == Findings()
    findings = check(lambda x, w: norm(with_gradient_times(x, 1.5), w), x=leaf(8, 64), w=leaf(64))
    (problem,) = findings.problems
    assert problem.startswith("the gradient of x is wrong")


def test_a_small_value_that_float32_swallows_passes() -> None:
    def swallows(x: Tensor, small: Tensor) -> Tensor:
        return (1000 + (x + small).float()).double()

    assert check(swallows, x=leaf(4, 8), small=leaf(8, scale=1e-5)) == Findings()


def test_values_that_are_not_finite_have_no_part_in_the_judgement() -> None:
    def masked(x: Tensor, w: Tensor) -> Tensor:
        return (x @ w).masked_fill(torch.eye(8, dtype=torch.bool), float("-inf"))

    def masked_and_wrong(x: Tensor, w: Tensor) -> Tensor:
        return masked(x, with_gradient_times(w, 0.5))

    assert check(masked, x=leaf(8, 8), w=leaf(8, 8)) == Findings()
    assert check(masked_and_wrong, x=leaf(8, 8), w=leaf(8, 8)).problems


def test_a_gradient_that_is_nan_is_told() -> None:
    (problem,) = check(lambda x: (0 * x).sqrt(), x=leaf(4)).problems
    assert problem == "the gradient of x is NaN or infinite"


def test_an_output_that_is_a_leaf_is_differentiated_rightly() -> None:
    assert check(lambda x, w: [x, w[:2]], x=leaf(4), w=leaf(4, 4)) == Findings()


def test_a_detached_output_is_named_beside_those_it_should_reach() -> None:
    problems = check(lambda x, w: [x * 2, (x @ w).detach()], x=leaf(4, 4), w=leaf(4, 4)).problems
    assert problems[-1] == "output 1 is detached from the graph"
    assert any(text.startswith("no gradient reaches w, yet the output depends on it") for text in problems)


def test_a_constant_output_is_not_taken_for_a_detached_one() -> None:
    assert check(lambda _: torch.ones(3, dtype=torch.float64), x=leaf(4)) == Findings()


def test_empty_tensors_and_masks_with_infinities_are_left_out() -> None:
    mask = torch.tensor([0.0, float("-inf")], dtype=torch.float64, requires_grad=True)
    findings = check(lambda x, m, _: (x + m).softmax(-1), x=leaf(4, 2), mask=mask, empty=leaf(0, 4))
    assert findings == Findings()


def test_nothing_to_differentiate_is_a_pass_that_says_so() -> None:
    assert check_gradients(lambda: [torch.ones(2)], {}).note.startswith(
        "nothing to differentiate: no floating"
    )
    no_output = check_gradients(list, {"x": leaf(2)})
    assert no_output.problems == ()
    assert no_output.note == "nothing to differentiate: no floating-point output"


def test_the_leaves_are_left_as_they_were_and_get_no_gradient() -> None:
    x, w = leaf(4, 4), leaf(4, 4)
    before = x.detach().clone(), w.detach().clone()
    check(lambda x, w: x @ w, x=x, w=w)
    torch.testing.assert_close(x.detach(), before[0], rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(w.detach(), before[1], rtol=1e-14, atol=1e-14)
    assert x.grad is None
    assert w.grad is None


@pytest.mark.parametrize("steps", [8, 64, 1024])
def test_a_gradient_that_looks_past_rounding_to_steps_is_not_called_wrong(steps: int) -> None:
    def rounded(w: Tensor) -> Tensor:
        return w + ((w * steps).round() / steps - w).detach()

    def weights(x: Tensor, w: Tensor) -> Tensor:
        return x @ rounded(w)

    assert check(weights, x=leaf(8, 64), w=leaf(64, 64)).problems == ()


def test_a_derivative_far_beyond_the_reach_of_every_step_is_no_evidence() -> None:
    def wild(x: Tensor, w: Tensor) -> Tensor:
        return torch.cat([x, (1e15 * w).sin()])

    findings = check(wild, x=leaf(4), w=leaf(4))
    assert (findings.problems, findings.unjudged) == ((), "")
    assert findings.note.startswith(
        "could not be judged: the gradient of w (finite differences do not settle"
    )
    assert check(lambda w: (1e15 * w).sin(), w=leaf(4)).unjudged == findings.note


def test_rounding_to_bfloat16_inside_hides_a_derivative_rather_than_making_it_wrong() -> None:
    def narrow(x: Tensor, w: Tensor) -> Tensor:
        return (x.bfloat16() @ w.bfloat16()).double()

    for seed in range(5):
        findings = check(narrow, x=leaf(8, 16, seed=seed), w=leaf(16, 4, seed=seed + 1))
        assert findings.problems == ()

    def wrong(x: Tensor, w: Tensor) -> Tensor:
        return narrow(x, with_gradient_times(w, -1.0))

    (problem,) = check(wrong, x=leaf(8, 16), w=leaf(16, 4)).problems
    assert problem.startswith("the gradient of w is wrong")


def test_a_function_that_keeps_state_is_not_judged() -> None:
    calls: list[Tensor] = []

    def growing(x: Tensor) -> Tensor:
        calls.append(x)
        return torch.stack(calls)

    assert "a second call" in check(lambda x: growing(x).detach().sum(0) * x, x=leaf(4)).unjudged
    assert "gave another shape" in check(growing, x=leaf(4)).unjudged


@pytest.mark.parametrize("seed", range(10))
def test_zeros_at_kinks_pass_and_a_backward_10_percent_off_behind_them_fails(seed: int) -> None:
    def layer(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return F.relu(torch.cat([x, torch.zeros_like(x)]) @ w + b) @ w

    leaves = {"x": leaf(4, 16, seed=seed), "w": leaf(16, 16, seed=seed + 1), "b": leaf(16, scale=0.0)}
    assert check(layer, **leaves) == Findings()
    (problem,) = check(lambda x, w, b: layer(x, with_gradient_times(w, 1.1), b), **leaves).problems
    assert problem.startswith("the gradient of w is wrong")
