"""Gradients of whole modules: in which precision they are judged, and what cannot be."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.checks.test_broken_modules import judged
from ttci.results import Outcome, Result
from ttci.testing import ModuleTest

WIDTH = 16
SHAPE = (1, 8, WIDTH)
LOWEST = torch.finfo(torch.float32).min


def gradients(module: nn.Module, **config: Any) -> Result:
    test = ModuleTest(
        "it", **{"input_shape": SHAPE, "module": module, "test_cases": ("gradients",), **config}
    )
    (result,) = judged(test, "float32").values()
    return result


class _Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return ctx.factor * gradients[0], None


class Of(nn.Module):
    """A function of the input and of a linear layer's output, whose gradient is multiplied by `factor`."""

    def __init__(self, function: Callable[[Tensor, Tensor], Any], factor: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.linear = nn.Linear(WIDTH, WIDTH)
        nn.init.zeros_(self.linear.bias)
        self.function, self.factor = function, factor

    def forward(self, x: Tensor) -> Any:
        return self.function(x, _Scaled.apply(self.linear(x), self.factor))  # type: ignore[no-untyped-call]


def router_in_float32(_: Tensor, y: Tensor) -> Tensor:
    weights, chosen = F.softmax(y, -1, dtype=torch.float32).topk(2, -1)
    return weights.to(y.dtype) * y.gather(-1, chosen)


def rms_norm(_: Tensor, y: Tensor) -> Tensor:
    wide = y.to(torch.float32)
    return F.relu((wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).type_as(y) - 0.1)


def rows_masked_whole(x: Tensor, y: Tensor) -> Tensor:
    mask = torch.full((SHAPE[1], SHAPE[1]), torch.finfo(x.dtype).min).triu(1)
    mask[0] = torch.finfo(x.dtype).min
    scores: Tensor = y @ x.mT + mask.to(x.dtype)
    return scores.softmax(-1) @ x


def rounded_activations(x: Tensor, y: Tensor) -> Tensor:
    y = torch.tanh(y)
    return x + y + ((y * 8).round() / 8 - y).detach()


def quantised_activations(x: Tensor, y: Tensor) -> Tensor:
    return x + torch.fake_quantize_per_tensor_affine(y, 0.1, 0, -128, 127)


CONSTANT = torch.linspace(0, 1, WIDTH * 4).view(WIDTH, 4)

IN_FLOAT64: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "a ReLU at exactly zero": lambda _, y: F.relu(y),
    "an absolute value at exactly zero": lambda _, y: y.abs(),
    "a tie of a maximum": lambda _, y: y.amax(-1),
    "a norm of zero": lambda _, y: y.norm(dim=-1),
    "a pool of equal values": lambda _, y: F.max_pool1d(y.relu(), 4),
    "a norm in float32 before a ReLU": rms_norm,
    "a router in float32": router_in_float32,
    "a cast to bfloat16": lambda _, y: torch.tanh(y.bfloat16()).float(),
    "autocast": lambda _, y: torch.autocast("cpu", dtype=torch.bfloat16)(torch.matmul)(y, y.mT),
    "a constant of float32": lambda _, y: (y @ CONSTANT).sin(),
    "a float32 tensor filled": lambda _, y: torch.zeros(y.shape, dtype=torch.float32).index_copy(
        1, torch.arange(8), y
    ),
    "a complex value": lambda _, y: torch.complex(y, y.flip(-1)) ** 2,
    "rows masked whole": rows_masked_whole,
    "activations rounded to steps": rounded_activations,
    "activations quantised": quantised_activations,
}


def half_zero(shape: Any) -> Tensor:
    x = torch.randn(shape)
    x[:, shape[1] // 2 :] = 0
    return x


@pytest.mark.parametrize("function", IN_FLOAT64.values(), ids=IN_FLOAT64)
def test_kinks_choices_narrow_parts_and_masks_pass_and_a_gradient_10_percent_off_fails_in_each(
    function: Callable[[Tensor, Tensor], Any],
) -> None:
    right = gradients(Of(function), inputs=half_zero)
    assert (right.outcome, right.message) == (Outcome.PASSED, "")
    assert right.config["dtype"] == "float64"
    wrong = gradients(Of(function, 1.1), inputs=half_zero)
    assert wrong.outcome is Outcome.FAILED
    assert "the gradient of linear.weight is wrong" in wrong.message
    detached = gradients(Of(function, 0.0), inputs=half_zero)
    assert detached.outcome is Outcome.FAILED
    assert "no gradient reaches linear.weight" in detached.message


class InFloat32Only(Of):
    def forward(self, x: Tensor) -> Any:
        if x.dtype != torch.float32:
            raise TypeError(f"a kernel for float32 only, not for {x.dtype}")
        return super().forward(x)


@pytest.mark.parametrize("function", [lambda _, y: F.relu(y), router_in_float32, rms_norm])
def test_what_runs_in_float32_only_is_judged_in_float32(function: Callable[[Tensor, Tensor], Any]) -> None:
    right = gradients(InFloat32Only(function), inputs=half_zero)
    assert (right.outcome, right.message, right.config["dtype"]) == (Outcome.PASSED, "", "float32")
    wrong = gradients(InFloat32Only(function, 1.1), inputs=half_zero)
    assert wrong.outcome is Outcome.FAILED
    assert "the gradient of linear.weight is wrong" in wrong.message


class ComplexFilter(nn.Module):
    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.weight = nn.Parameter(torch.randn(WIDTH // 2 + 1, dtype=torch.complex64))
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        weight = _Scaled.apply(self.weight, self.factor)  # type: ignore[no-untyped-call]
        filtered: Tensor = torch.fft.irfft(torch.fft.rfft(x) * weight, n=x.shape[-1])
        return filtered


def test_complex_parameters_are_judged_too() -> None:
    assert gradients(ComplexFilter()).outcome is Outcome.PASSED
    wrong = gradients(ComplexFilter(1.1))
    assert wrong.outcome is Outcome.FAILED
    assert wrong.message.startswith("the gradient of weight is wrong")


class Graph(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, 4)

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        mixed: Tensor = torch.sparse.mm(graph, self.linear(x[0]))
        return mixed


def graph_inputs(shape: Any) -> tuple[Tensor, Tensor]:
    return torch.randn(shape), torch.eye(shape[1]).to_sparse()


def test_a_sparse_input_breaks_no_check() -> None:
    test = ModuleTest("it", input_shape=SHAPE, module=Graph(), inputs=graph_inputs)
    for dtype in ("float32", "bfloat16"):
        assert {result.outcome for result in judged(test, dtype).values()} == {Outcome.PASSED}


def test_autograd_switched_off_for_the_process_changes_nothing() -> None:
    torch.set_grad_enabled(False)
    try:
        assert gradients(nn.Linear(WIDTH, 4)).outcome is Outcome.PASSED
    finally:
        torch.set_grad_enabled(True)


class InInferenceMode(nn.Linear):
    @torch.inference_mode()
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


class Counts(nn.Linear):
    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.calls * super().forward(x)


class Quantised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        quantise: Any = torch.ao.quantization.quantize_dynamic
        self.linear = quantise(nn.Sequential(nn.Linear(WIDTH, 4)), {nn.Linear}, dtype=torch.qint8)

    def forward(self, x: Tensor) -> Any:
        return self.linear(x)


@pytest.mark.filterwarnings("ignore")  # torch warns that its quantisation will move
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: InInferenceMode(WIDTH, 4), "inference mode"),
        (lambda: Counts(WIDTH, 4), "a second call with the same inputs and parameters gave another result"),
        (Quantised, "quantised"),
        (lambda: Of(lambda _, y: (1e15 * y).sin()), "finite differences do not settle"),
    ],
)
def test_what_cannot_be_judged_is_unavailable_with_the_reason(
    make: Callable[[], nn.Module], reason: str
) -> None:
    result = gradients(make())
    assert result.outcome is Outcome.UNAVAILABLE, result.message
    assert reason in result.message


def test_a_backward_that_raises_is_an_error_of_the_module() -> None:
    class Raises(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = super().forward(x).exp()
            if y.requires_grad:
                y.register_hook(lambda _: 1 / 0)  # type: ignore[no-untyped-call]
            return y

    result = gradients(Raises(WIDTH, 4))
    assert result.outcome is Outcome.ERROR
    assert result.message.startswith("ZeroDivisionError")


def test_the_padding_of_an_embedding_has_no_gradient_by_design() -> None:
    embedding = nn.Embedding(5, WIDTH, padding_idx=0)
    ids: Callable[[Any], Tensor] = lambda shape: torch.arange(shape[1]).expand(shape[:2]) % 5  # noqa: E731
    assert gradients(embedding, inputs=ids).outcome is Outcome.PASSED
