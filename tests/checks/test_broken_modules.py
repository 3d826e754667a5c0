"""Each broken module is caught by the check that should catch it, with a message that names the cause."""
# what is broken is the class's name, and forward is forward

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttci.catalog.checks import check_names
from ttci.checks.performance import measure
from ttci.devices import open_device
from ttci.manifest import Pair, TorchDeviceEntry
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
    """A right module, for others to break."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Any:
        return self.linear(x)


class OneValue(Linear):
    """Its output has one value replaced."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x).clone()
        y[0, 1, 2] = self.value
        return y


class CutOutput(Linear):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        return y[..., :-1]


class Scaled(Linear):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        return 1.02 * y


class SwapsTwoHeads(nn.Linear):
    """An output projection that takes the first two heads for each other."""

    def forward(self, heads: Tensor) -> Tensor:
        first, second, others = heads[..., :8], heads[..., 8:16], heads[..., 16:]
        return super().forward(torch.cat([second, first, others], dim=-1))


class ChangesItsInput(Linear):
    def forward(self, x: Tensor) -> Any:
        return self.linear(x.mul_(0.5))


class DropoutModule(Linear):
    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.dropout(self.linear(x))
        return y


class DropoutFunction(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(self.linear(x), p=0.1, training=True)


class _CubeTaughtAsSquare(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (x,) = ctx.saved_tensors
        return gradients[0] * 2 * x


class WrongBackward(Linear):
    def forward(self, x: Tensor) -> Any:
        return _CubeTaughtAsSquare.apply(self.linear(x))  # type: ignore[no-untyped-call]


class DetachedPath(Linear):
    """Its linear layer is never trained, its skip connection is."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        return x + y.detach()


class DetachedOutput(Linear):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        return y.detach()


class DetachedSecondOutput(Linear):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y: Tensor = self.linear(x)
        return y, 2 * y.detach()


def attention(rope_theta: float | None = 10000.0) -> MultiHeadAttention:
    """Attention whose scores are large enough for heads and positions to matter."""
    torch.manual_seed(1)
    module = MultiHeadAttention(WIDTH, num_heads=4, rope_theta=rope_theta)
    with torch.no_grad():
        for projection in (module.q_proj, module.k_proj):
            projection.weight.mul_(3)
    return module


def attention_with_swapped_heads() -> MultiHeadAttention:
    module = attention()
    swapping = SwapsTwoHeads(WIDTH, WIDTH, bias=False)
    swapping.load_state_dict(module.o_proj.state_dict())
    module.o_proj = swapping
    return module


@dataclass(frozen=True)
class Broken:
    """A broken module, the one check that must fail, and what its message must say."""

    make: Callable[[], nn.Module]
    check: str
    message: str
    config: dict[str, Any] = field(default_factory=dict)
    reference: Callable[[], nn.Module] | None = None
    dtype: str = "float32"


BROKEN = {
    "one NaN": Broken(
        lambda: OneValue(float("nan")),
        "correctness",
        r"^1 NaN and 0 infinite of 512 output values, the first at \(0, 1, 2\)",
    ),
    "one infinity where the reference has none": Broken(
        lambda: OneValue(float("inf")),
        "correctness",
        r"^0 NaN and 1 infinite of 512 output values, the first at \(0, 1, 2\)$",
        reference=Linear,
    ),
    "wrong shape": Broken(
        CutOutput,
        "correctness",
        r"^output shape \(1, 16, 31\), expected \(1, 16, 32\)$",
        config={"expected_output_shape": SHAPE},
    ),
    "another shape than the reference": Broken(
        CutOutput,
        "correctness",
        r"^output shape \(1, 16, 31\), expected \(1, 16, 32\)$",
        reference=Linear,
    ),
    "output scaled by 1.02": Broken(
        Scaled,
        "correctness",
        r"^the output is scaled by 1\.0(19|20)\d* against the reference, at most 1 ± 0\.005",
        reference=Linear,
        dtype="bfloat16",
    ),
    "two heads swapped": Broken(
        attention_with_swapped_heads,
        "correctness",
        r"^correlation 0\.\d+ with the reference, at least 0\.999000 is needed",
        reference=attention,
        dtype="bfloat16",
    ),
    "rope left out": Broken(
        lambda: attention(rope_theta=None),
        "correctness",
        r"^correlation 0\.\d+ with the reference, at least 0\.999000 is needed",
        reference=attention,
        dtype="bfloat16",
    ),
    "an input changed in place": Broken(
        ChangesItsInput, "correctness", r"^input 0 was changed in place; work on a copy$"
    ),
    "an nn.Dropout left on": Broken(
        DropoutModule, "correctness", r"^a second call on the same input gave another .* is dropout left on"
    ),
    "an F.dropout left on": Broken(
        DropoutFunction, "correctness", r"^a second call on the same input gave another .* is dropout left on"
    ),
    "dropout left on, in bfloat16": Broken(
        DropoutModule,
        "correctness",
        r"^a second call on the same input gave another .* is dropout left on",
        dtype="bfloat16",
    ),
    "a wrong hand-written backward": Broken(
        WrongBackward,
        "gradients",
        r"^the gradient of input 0 is wrong: .* is a hand-written backward wrong",
    ),
    "a path detached from the graph": Broken(
        DetachedPath,
        "gradients",
        r"no gradient reaches linear\.weight, yet the output depends on it .* detached from the graph",
    ),
    "the whole output detached from the graph": Broken(
        DetachedOutput,
        "gradients",
        r"^no gradient reaches input 0, yet the output depends on it .* detached from the graph",
    ),
    "the second output detached from the graph": Broken(
        DetachedSecondOutput, "gradients", r"^output 1 is detached from the graph$"
    ),
    "latency target missed": Broken(
        Linear,
        "performance",
        r"^latency_ms missed its target: measured \S+ ms(?: \(not steady after [^)]*\))?, "
        r"target 1e-06 ms, limit 1\.05e-06 ms, \+",
        config={"performance_targets": {"latency_ms": 1e-6}},
    ),
    "memory target missed": Broken(
        Linear,
        "memory",
        # Weights 4224 bytes, input and output 2048 bytes each.
        r"^memory_mb missed its target: measured 0\.00832 MB, target 0\.008 MB, limit 0\.0080024 MB, \+4",
        config={"performance_targets": {"memory_mb": {"value": 0.008, "tolerance": 0.0003}}},
    ),
}


@pytest.mark.parametrize("broken", [pytest.param(case, id=name) for name, case in BROKEN.items()])
def test_a_broken_module_is_caught_by_the_check_that_should_catch_it_and_by_no_other(broken: Broken) -> None:
    test = ModuleTest(
        "broken",
        input_shape=SHAPE,
        module=broken.make(),
        reference=broken.reference and broken.reference(),
        **broken.config,
    )
    results = judged(test, broken.dtype)
    assert list(results) == list(check_names())
    failed = {check: result.message for check, result in results.items() if result.outcome != Outcome.PASSED}
    assert list(failed) == [broken.check], failed
    assert results[broken.check].outcome is Outcome.FAILED
    assert any(_matches(broken.message, line) for line in failed[broken.check].splitlines()), failed


def _matches(pattern: str, line: str) -> bool:
    return re.search(pattern, line) is not None


class TwoOutputs(Linear):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y: Tensor = self.linear(x)
        return y, y.softmax(-1)


def test_every_output_of_a_module_is_compared() -> None:
    class WrongSecondOutput(TwoOutputs):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            y, probabilities = super().forward(x)
            return y, probabilities.flip(-1)

    test = ModuleTest("two", input_shape=SHAPE, module=WrongSecondOutput(), reference=TwoOutputs())
    result = judged(test, "float32")["correctness"]
    assert result.outcome is Outcome.FAILED
    assert result.message.startswith("output 1: correlation ")


@pytest.mark.parametrize("stage", ["forward", "inputs", "reference"])
def test_what_a_users_function_raises_is_an_error_with_the_users_own_frames_only(stage: str) -> None:
    def give_up(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("no way")

    class GivesUp(Linear):
        def forward(self, x: Tensor) -> Any:
            return give_up(x)

    test = ModuleTest("error", input_shape=SHAPE, module=GivesUp() if stage == "forward" else Linear())
    if stage != "forward":
        setattr(test, stage, give_up)
    result = judged(test, "float32")["correctness"]
    assert result.outcome is Outcome.ERROR
    first, *frames = result.message.splitlines()
    assert first == "ZeroDivisionError: no way"
    assert frames[-1].strip() == 'raise ZeroDivisionError("no way")'
    assert all(__file__ in line for line in frames if line.strip().startswith("File "))


def test_a_module_that_ends_the_process_is_an_error_and_the_other_checks_are_judged() -> None:
    class Exits(Linear):
        def forward(self, x: Tensor) -> Any:
            raise SystemExit(x.ndim - 3)

    results = judged(ModuleTest("exits", input_shape=SHAPE, module=Exits()), "float32")
    assert {check: result.outcome for check, result in results.items()} == dict.fromkeys(
        check_names(), Outcome.ERROR
    )
