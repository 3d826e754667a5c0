"""Right modules of many kinds pass every check, in float32 and in bfloat16."""
# what is special is the class's name, and forward is forward

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttci.catalog.checks import check_names
from ttci.checks.performance import measure
from ttci.devices import open_device
from ttci.manifest import Pair, TorchDeviceEntry
from ttci.modules import normalization
from ttci.modules.attention import MultiHeadAttention
from ttci.results import Outcome, Result
from ttci.testing import ModuleTest
from ttci.testing.choice import Choice
from ttci.testing.judge import judge_case

WIDTH = 32
SHAPE = (1, 16, WIDTH)


def judged(test: ModuleTest, dtype: str) -> dict[str, Result]:
    """The result of every check of `test`, on a device that computes in `dtype`."""
    entry = TorchDeviceEntry(backend="torch", dtype=dtype)  # type: ignore[arg-type]
    choice = Choice(Pair("model", "cpu"), open_device("cpu", entry), [test])
    results = [judge_case(case, lambda call: measure(call, max_seconds=0.01)) for case in choice.cases]
    return {result.check: result for result in results}


class Linear(nn.Module):
    """The module that others vary."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Any:
        return self.linear(x)


class Constant(nn.Module):
    """The same value everywhere, made from nothing: no graph leads to it."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        return torch.full_like(x, self.value)


class ZeroInitialised(nn.Module):
    """A branch that starts as zero, as in a ControlNet."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Any:
        return self.linear(F.silu(x))


class TwoOutputs(Linear):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y: Tensor = self.linear(x)
        return y, y.softmax(-1)


@dataclass
class Output:
    """Outputs by name, as Hugging Face returns them."""

    last: Tensor
    hidden: list[Tensor]
    logits: Tensor | None = None


class DataclassOutput(Linear):
    def forward(self, x: Tensor) -> Output:
        y = self.linear(x)
        return Output(last=y, hidden=[x, 2 * y])


class DictOutput(Linear):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"y": self.linear(x)}


class Keywords(nn.Module):
    """Keyword inputs: numbers, an additive mask with infinities, a flag."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, *, hidden: Tensor, mask: Tensor, scale: bool) -> Tensor:
        scores: Tensor = (hidden @ hidden.mT / WIDTH + mask).softmax(-1)
        y: Tensor = self.linear(scores @ hidden)
        return 2 * y if scale else y


def keyword_inputs(shape: Sequence[int]) -> dict[str, Any]:
    mask = torch.full((shape[1], shape[1]), float("-inf")).triu(1)
    return {"hidden": torch.randn(tuple(shape)), "mask": mask, "scale": True}


class LargeMask(nn.Module):
    """The same with a mask of -1e9, which no finite difference may be scaled by."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, mask: Tensor) -> Any:
        scores: Tensor = (x @ x.mT / WIDTH + mask).softmax(-1)
        return self.linear(scores @ x)


def large_mask_inputs(shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    return torch.randn(tuple(shape)), torch.full((shape[1], shape[1]), -1e9).triu(1)


class UpcastingRMSNorm(nn.Module):
    """As in Hugging Face: computed in float32 whatever comes in."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.weight * wide.to(x.dtype)


class _Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (x,) = ctx.saved_tensors
        return gradients[0] * 3 * x**2


class RightBackward(Linear):
    def forward(self, x: Tensor) -> Any:
        return _Cube.apply(self.linear(x))  # type: ignore[no-untyped-call]


class TiedWeights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(WIDTH, WIDTH, bias=False)
        self.down = nn.Linear(WIDTH, WIDTH, bias=False)
        self.down.weight = self.up.weight

    def forward(self, x: Tensor) -> Any:
        return self.down(F.gelu(self.up(x)))


class Frozen(Linear):
    def __init__(self) -> None:
        super().__init__()
        self.requires_grad_(False)


class LearnedPositions(nn.Module):
    """Its output is its own weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(64, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight[: x.shape[1]]


class OutputBuffer(Linear):
    """It returns the same memory at every call, as a captured graph does."""

    output: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("output", torch.zeros(SHAPE))

    def forward(self, x: Tensor) -> Any:
        if torch.is_grad_enabled():
            return self.linear(x)
        return self.output.copy_(self.linear(x)) if x.shape == self.output.shape else self.linear(x)


def dropout_switched_off() -> nn.Module:
    return nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Dropout(0.5)).eval()


def relu_mlp() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(WIDTH, 512), nn.ReLU(), nn.Linear(512, WIDTH))


RIGHT: dict[str, tuple[Callable[[], nn.Module], dict[str, Any]]] = {
    "constant output": (lambda: Constant(3.14159), {}),
    "constant output that bfloat16 rounds by more than the tolerance": (lambda: Constant(1.004), {}),
    "all-zero output": (lambda: Constant(0.0), {}),
    "all-zero output of zero weights": (ZeroInitialised, {}),
    "a tuple of two outputs": (TwoOutputs, {"expected_output_shape": SHAPE}),
    "a dataclass of outputs": (DataclassOutput, {}),
    "a dict of outputs": (DictOutput, {}),
    "integer inputs": (lambda: nn.Embedding(50, WIDTH, padding_idx=0), {"input_shape": (2, 8)}),
    "keyword inputs, one of them with infinities": (Keywords, {"inputs": keyword_inputs}),
    "positional inputs, one of them huge": (LargeMask, {"inputs": large_mask_inputs}),
    "an inputs function of one tensor": (Linear, {"inputs": lambda shape: torch.rand(shape) - 0.5}),
    "an RMSNorm that upcasts": (UpcastingRMSNorm, {}),
    "an RMSNorm": (lambda: normalization.RMSNorm(WIDTH), {}),
    "a LayerNorm": (lambda: nn.LayerNorm(WIDTH), {}),
    "a ReLU MLP": (relu_mlp, {}),
    "a right hand-written backward": (RightBackward, {}),
    "tied weights": (TiedWeights, {}),
    "frozen parameters": (Frozen, {}),
    "dropout in eval()": (dropout_switched_off, {}),
    "an output that is its own weight": (LearnedPositions, {}),
    "an output that is its input": (nn.Identity, {}),
    "an output that is a buffer": (OutputBuffer, {}),
    "batch norm in training": (lambda: nn.BatchNorm1d(16), {}),
    "a convolution": (lambda: nn.Conv2d(16, 8, 3), {"input_shape": (2, 16, 8, 8)}),
    "rows without a sequence": (lambda: nn.Linear(256, 8), {"input_shape": (24, 256)}),
    "attention with biases": (
        lambda: MultiHeadAttention(WIDTH, 4, 2, rope_theta=1e4, qkv_bias=True, qk_norm=True),
        {"expected_output_shape": SHAPE},
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("make", "config"), [pytest.param(*case, id=name) for name, case in RIGHT.items()])
def test_a_right_module_passes_every_check(
    make: Callable[[], nn.Module], config: dict[str, Any], dtype: str
) -> None:
    torch.manual_seed(2)
    test = ModuleTest("right", **{"input_shape": SHAPE, "module": make(), **config})
    results = judged(test, dtype)
    assert list(results) == list(check_names())
    failed = {check: result.message for check, result in results.items() if result.outcome != Outcome.PASSED}
    assert not failed
