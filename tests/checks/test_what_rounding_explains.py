"""On a device that rounds, one wrong token, column, element or id fails, and right modules pass."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ttci.checks.judged_output import RoundedReferences, judged_output, learn_from_passes
from ttci.checks.number_types import Precision, rounded_at_random, rounded_to_nearest, rounded_weight
from ttci.checks.performance import measure
from ttci.checks.rounding import Roughness, Rounding
from ttci.devices import open_device
from ttci.devices.conversion import in_type
from ttci.manifest import Pair, TorchDeviceEntry
from ttci.results import Outcome, Result
from ttci.testing import ModuleTest
from ttci.testing.choice import Choice
from ttci.testing.judge import judge_case

TOKENS, WIDTH = 512, 64
BFLOAT16 = Precision(torch.bfloat16, "bfloat16")
Function = Callable[[Tensor], Any]


class Calls(nn.Module):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


def judged(
    module: nn.Module, reference: Any = None, shape: tuple[int, ...] = (1, TOKENS, WIDTH), **config: Any
) -> Result:
    entry = TorchDeviceEntry(backend="torch", dtype=config.pop("dtype", "bfloat16"))
    test = ModuleTest("test", input_shape=shape, module=module, reference=reference, **config)
    cases = Choice(Pair("model", "cpu"), open_device("cpu", entry), [test]).cases
    (case,) = (case for case in cases if case.check == "correctness")
    return judge_case(case, measure)


def changed(change: Callable[[Tensor], None]) -> Function:
    def function(x: Tensor) -> Tensor:
        y = x.sin()
        change(y)
        return y

    return function


def zero_last_token(y: Tensor) -> None:
    y[:, -1] = 0


def set_one_element(y: Tensor) -> None:
    y[0, 77, 13] = 8


def scale_last_column(y: Tensor) -> None:
    y[..., -1] *= 1.2


def zero_a_column(y: Tensor) -> None:
    y[..., 20] = 0


def zero_a_tile_row(y: Tensor) -> None:
    y[0, 96:98] = 0


def swap_two_tokens(y: Tensor) -> None:
    y[0, [200, 201]] = y[0, [201, 200]]


def repeat_the_token_before(y: Tensor) -> None:
    y[0, 300] = y[0, 299]


def leak_padding_into_a_token(y: Tensor) -> None:
    y[0, 511] += 0.3


def negate_part_of_one_token(y: Tensor) -> None:
    y[0, 40, 16:32] *= -1


# By fault, what the check says is off, and which mistake it says explains that.
FAULTS: dict[Callable[[Tensor], None], tuple[str, str]] = {
    zero_last_token: ("row (0, 511) is off by ", "only row 511 is wrong, all 0"),
    set_one_element: ("element (0, 77, 13) is off by 7.", "only column 13 of row 77 is wrong"),
    scale_last_column: ("column 63 is off by 0.1", "only column 63 is wrong, scaled by 1.2"),
    zero_a_column: ("column 20 is off by ", "only column 20 is wrong, all 0"),
    zero_a_tile_row: ("row (0, 9", "only rows 96 to 97 are wrong, all 0"),
    swap_two_tokens: ("row (0, 20", "the output agrees with the reference once rows 200 and 201 are swapped"),
    repeat_the_token_before: (
        "row (0, 300) is off by ",
        "only row 300 is wrong, holding what belongs in row 299",
    ),
    leak_padding_into_a_token: ("row (0, 511) is off by 0.3", "only row 511 is wrong, 0.3 too large"),
    negate_part_of_one_token: ("row (0, 40) is off by ", "only row 40 is wrong"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_too_small_for_the_correlation_fails_with_its_place(fault: Callable[[Tensor], None]) -> None:
    result = judged(Calls(changed(fault)), torch.sin)
    assert result.outcome is Outcome.FAILED
    *_, problem, diagnosis = result.message.splitlines()
    off, explained = FAULTS[fault]
    assert problem.startswith(off)
    assert "the rounding of bfloat16 explains" in problem
    assert diagnosis.startswith(explained)


def test_the_same_without_a_fault_passes() -> None:
    assert judged(Calls(changed(lambda _: None)), torch.sin).outcome is Outcome.PASSED


def test_a_wrong_head_of_attention_output_fails() -> None:
    def one_head_halved(y: Tensor) -> None:
        y[..., 16:20] *= 0.97

    result = judged(Calls(changed(one_head_halved)), torch.sin)
    assert result.outcome is Outcome.FAILED
    assert result.message.startswith("column ")
    assert result.message.endswith(", and 3 more")


class Routed(nn.Module):
    """One of eight experts a token, by a router whose ties rounding decides."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(WIDTH, 8)
        self.experts = nn.Parameter(torch.randn(8, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        chosen: Tensor = self.router(x).argmax(-1)
        return self.experts[chosen] * x


class FlatRows(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Any:
        y = x.clone()
        y[:, ::100] = 3 + 0.01 * y[:, ::100]
        return self.norm(y)


def finfo_mask(shape: Any) -> tuple[Tensor, Tensor]:
    return torch.randn(*shape), torch.full((shape[1],), torch.finfo(torch.float32).min)


class Masked(nn.Module):
    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return (x.mT @ x / 50 + x.new_zeros(1)) @ (x + mask[:, None]).softmax(1).mT


RIGHT: dict[str, tuple[Callable[[], nn.Module], dict[str, Any]]] = {
    "a choice of experts": (Routed, {}),
    "a norm of rows that hardly vary": (FlatRows, {}),
    "a softmax of small numbers": (lambda: Calls(lambda x: (1e-3 * x).softmax(-1)), {}),
    "numbers near 700 that vary by 2": (lambda: Calls(lambda x: 700 + 2 * x), {}),
    "numbers near 1e-5 that hardly vary": (lambda: Calls(lambda x: torch.sigmoid(0.01 * x - 11)), {}),
    "numbers near 1 that vary by less than bfloat16 tells": (lambda: Calls(lambda x: 1 + 1e-3 * x), {}),
    "a mask of finfo.min in every row": (Masked, {"inputs": finfo_mask, "shape": (1, 64, WIDTH)}),
    "a sum": (lambda: Calls(torch.sum), {}),
    "complex numbers": (lambda: Calls(lambda x: torch.complex(x.float(), x.float().cos())), {}),
    "an LSTM": (lambda: nn.LSTM(WIDTH, WIDTH, batch_first=True), {"shape": (1, 64, WIDTH)}),
    "float16": (lambda: nn.Linear(WIDTH, WIDTH), {"dtype": "float16"}),
    "a reference that leaves torch": (
        lambda: Calls(torch.sin),
        {"reference": lambda x: torch.from_numpy(x.numpy().copy()).sin()},
    ),
}


@pytest.mark.parametrize(("make", "config"), [pytest.param(*case, id=name) for name, case in RIGHT.items()])
def test_a_right_module_passes(make: Callable[[], nn.Module], config: dict[str, Any]) -> None:
    torch.manual_seed(0)
    result = judged(make(), **config)
    assert result.outcome is Outcome.PASSED, result.message


@pytest.mark.parametrize(
    "wrong",
    [lambda x: 700 - 2 * x, lambda x: 700 + 0 * x, lambda x: 703 + 2 * x, lambda x: 700 + 6 * x],
    ids=["negated", "constant", "shifted", "scaled"],
)
def test_numbers_that_hardly_vary_still_fail_where_they_are_off_by_more(wrong: Function) -> None:
    result = judged(Calls(wrong), lambda x: 700 + 2 * x)
    assert result.outcome is Outcome.FAILED


def test_a_nearly_constant_output_passes_with_a_note_and_without_a_correlation() -> None:
    result = judged(Calls(lambda x: 1 + 1e-3 * x))
    assert result.message.startswith("nearly constant for bfloat16, whose rounding explains")
    assert result.measurements == ()


def test_where_the_reference_refuses_rounding_a_zero_token_still_fails() -> None:
    def refuses(x: Tensor) -> Tensor:
        if torch.utils._python_dispatch._get_current_dispatch_mode() is not None:
            raise RuntimeError("no modes here")
        return x.sin()

    assert judged(Calls(torch.sin), refuses).outcome is Outcome.PASSED
    assert "\nrow (0, 511) is off by " in judged(Calls(changed(zero_last_token)), refuses).message


# Integers


def ids(x: Tensor) -> Tensor:
    return x.argmax(-1)


def one_wrong(x: Tensor) -> Tensor:
    y = ids(x)
    y[0, 3] = (y[0, 3] + 1) % WIDTH
    return y


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_one_wrong_id_of_many_fails(dtype: str) -> None:
    assert judged(Calls(ids), ids, dtype=dtype).outcome is Outcome.PASSED
    result = judged(Calls(one_wrong), ids, dtype=dtype)
    assert result.outcome is Outcome.FAILED
    assert "of 512 values" in result.message
    assert "the first at (0, 3)" in result.message


def test_booleans_are_equal_in_float32() -> None:
    def off(x: Tensor) -> Tensor:
        y = x > 0
        y[0, 5, 6] ^= True
        return y

    message = judged(Calls(off), lambda x: x > 0, dtype="float32").message
    assert message.startswith("1 of 32,768 values (0.00%) differ from the reference, the first at (0, 5, 6)")


def test_ids_that_rounding_flips_pass_and_are_counted() -> None:
    result = judged(Calls(lambda x: (x + 30).argmax(-1)))
    assert result.outcome is Outcome.PASSED
    assert "all at near ties that rounding decides" in result.message


def test_an_id_that_no_near_tie_explains_is_judged_by_its_value() -> None:
    reference = torch.tensor([5, 6, 7])
    flips = [torch.tensor([5, 6, 8]), torch.tensor([5, 6, 7])]
    for output, passes in ((torch.tensor([5, 6, 8]), True), (torch.tensor([5, 6, 9]), False)):
        output_judged = judged_output(output, reference, 1e-3, exact=False, precision=BFLOAT16)
        rounded = RoundedReferences(BFLOAT16, lambda how: [flips[(how.seed or 0) % 2]])
        learn_from_passes([output_judged], rounded)
        assert (not output_judged.problems()) is passes


# Rounding itself


def passes_for(output: Tensor, reference: Tensor, rounded: Tensor) -> int:
    """How often the reference is computed again, which gives `rounded` each time."""
    passes: list[Roughness] = []

    def compute(how: Roughness) -> list[Tensor]:
        passes.append(how)
        return [rounded]

    judged_one = judged_output(output, reference, 1e-3, exact=False, precision=BFLOAT16)
    learn_from_passes([judged_one], RoundedReferences(BFLOAT16, compute))
    return len(passes)


def test_what_one_rounding_explains_costs_no_pass_what_several_explain_one_and_a_wrong_output_more() -> None:
    reference = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    right = rounded_to_nearest(reference, torch.bfloat16)
    noise = torch.randn(64, 64, generator=torch.Generator().manual_seed(1))
    rough = reference + 0.02 * noise
    assert passes_for(right, reference, rough) == 0
    assert passes_for(rough, reference, rough) == 1
    assert passes_for(right.index_fill(0, torch.tensor(3), 0), reference, right) >= 4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rounding_at_random_gives_neighbours_whose_mean_is_the_value(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(200, generator=generator)
    passes = torch.stack([rounded_at_random(values, dtype, generator) for _ in range(1000)])
    assert torch.equal(passes, passes.to(dtype).float())
    spacing = values.abs() * torch.finfo(dtype).eps
    assert ((passes - values).abs() <= spacing).all()
    assert ((passes.mean(0) - values).abs() <= 0.1 * spacing).all()
    held = values.to(dtype).float()
    assert torch.equal(rounded_at_random(held, dtype, generator), held)


def test_a_block_float_rounds_to_the_scale_of_the_largest_of_sixteen() -> None:
    weight = torch.full((1, 20), 0.3)
    weight[0, 0] = 100.0
    rounded = rounded_weight(weight, "bfloat8_b")
    assert rounded[0, 1] == 0.0  # of steps of 1
    assert rounded[0, 16] == pytest.approx(0.3, rel=2**-7)
    assert torch.equal(rounded_weight(rounded, "bfloat8_b"), rounded)


def test_positions_are_not_rounded_and_what_depends_on_an_activation_is() -> None:
    rounding = Rounding(BFLOAT16, Roughness())
    x = rounding.given(torch.full((3,), 1.003))
    with rounding:
        angles = torch.arange(3) * 1.001 + 300
        y = x * 1.001
    assert torch.equal(x, torch.ones(3))
    assert (angles != rounded_to_nearest(angles, torch.bfloat16)).any()
    assert torch.equal(y, rounded_to_nearest(y, torch.bfloat16))


def test_a_weight_is_rounded_where_it_is_used_and_itself_stays() -> None:
    linear = nn.Linear(16, 16, bias=False)
    before = linear.weight.detach().clone()
    rounding = Rounding(Precision(torch.bfloat16, "bfloat4_b"), Roughness())
    with torch.no_grad(), rounding:
        y = linear(torch.eye(16))
    assert torch.equal(linear.weight, before)
    assert (y - before.T).abs().max() > 2**-6 * before.abs().max()


class GivesCache(nn.Module):
    """A token appended to a cache, which it gives back: most of it is only copied."""

    keys: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("keys", torch.randn(4, 4, 64, 32))

    def forward(self, token: Tensor) -> Tensor:
        keys = self.keys.clone()
        keys[:, :, 40] = token
        return keys


@pytest.mark.parametrize("weight_dtype", ["bfloat8_b", "bfloat4_b"])
def test_a_cache_is_held_in_the_type_of_weights(weight_dtype: str) -> None:
    module, token = GivesCache(), torch.randn(4, 4, 32)
    precision = Precision(torch.bfloat16, weight_dtype)

    def reference(roughness: Roughness) -> list[Tensor]:
        with Rounding(precision, roughness, module.buffers()) as rounding:
            return [module(rounding.given(token))]

    held = rounded_weight(module(token), weight_dtype)
    output = judged_output(held, module(token), 1e-2, exact=False, precision=precision)
    learn_from_passes([output], RoundedReferences(precision, reference))
    assert output.problems() == []


def test_finite_numbers_stay_finite_in_a_narrower_type() -> None:
    lowest, narrow = torch.finfo(torch.float32).min, torch.finfo(torch.bfloat16)
    values = torch.tensor([lowest, -lowest, float("-inf"), 1.0])
    expected = torch.tensor([narrow.min, narrow.max, float("-inf"), 1.0])
    assert torch.equal(in_type(values, torch.bfloat16, torch.device("cpu")).float(), expected)
