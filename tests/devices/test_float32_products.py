"""Products in float32 where the CPU has no fast ones of half precision; forced here on every CPU."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack

from ttci.devices.float32_products import Float32Products, WithFloat32Products
from ttci.devices.half_precision import SETTING
from ttci.devices.torch_device import TorchDevice
from ttci.errors import InputError
from ttci.manifest import TorchDeviceEntry
from ttci.modules.attention import MultiHeadAttention
from ttci.modules.decode import DecodeStep
from ttci.tensors import tensors_in

if TYPE_CHECKING:
    from tests.conftest import Project

_IS_A_PRODUCT = re.compile(r"m[mv](_|$)|matmul|einsum|dot|conv|attention|rnn|lstm|gru|linear|encoder_layer")
HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def opened(how: str | None, dtype: str = "bfloat16") -> TorchDevice:
    """A device whose products are computed as `how` says."""
    with pytest.MonkeyPatch.context() as patch:
        if how is None:
            patch.delenv(SETTING, raising=False)
        else:
            patch.setenv(SETTING, how)
        return TorchDevice("it", TorchDeviceEntry.model_validate({"backend": "torch", "dtype": dtype}))


class Products(TorchDispatchMode):
    """The types of the factors of every product that is computed while it is entered."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dtypes: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if _IS_A_PRODUCT.search(func._schema.name.removeprefix("aten::")):
            self.dtypes |= {t.dtype for t in tensors_in([args, kwargs or {}]) if t.is_floating_point()}
        return func(*args, **(kwargs or {}))


def run(how: str, module: nn.Module, *inputs: Any, dtype: str = "bfloat16") -> list[Tensor]:
    device = opened(how, dtype)
    prepared, placed = device.prepare(module), device.to_device(inputs)
    with torch.no_grad(), Products() as products:
        outputs = tensors_in(prepared(*placed))
    if how == "float32":
        assert products.dtypes == {torch.float32}
    return outputs


def units_apart(output: Tensor, other: Tensor) -> int:
    """How many units in the last place two tensors of half precision differ by, at most.

    Where terms of about 1 cancel, float32's own rounding is more than such a unit, and does not count.
    """
    assert (output.dtype, output.shape, output.stride()) == (other.dtype, other.shape, other.stride())
    is_more_than_float32s = (output.float() - other.float()).abs() > 64 * torch.finfo(torch.float32).eps
    apart = (_ordered(output) - _ordered(other)).abs()
    return int(apart.where(is_more_than_float32s, 0).max())


def _ordered(half: Tensor) -> Tensor:
    bits = half.contiguous().view(torch.int16).int()
    return torch.where(bits < 0, -(bits & 0x7FFF), bits)


class Calls(nn.Module):
    """A function of the input and of a weight, as a user's own module has it."""

    def __init__(self, function: Callable[[Tensor, Tensor], Any], *shape: int) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.randn(*shape) * shape[-1] ** -0.5)

    def forward(self, x: Tensor) -> Any:
        return self.function(x, self.weight)


class InInferenceMode(nn.Sequential):
    """Where torch shows operations that it takes apart elsewhere."""

    def forward(self, x: Tensor) -> Any:
        with torch.inference_mode():
            return super().forward(x)  # type: ignore[no-untyped-call]


def _written_into(x: Tensor, weight: Tensor) -> Tensor:
    out = torch.empty(x.shape[1], weight.shape[1], dtype=x.dtype)
    given = torch.mm(x[0], weight, out=out)
    assert given is out
    return out


def _in_place(x: Tensor, weight: Tensor) -> Tensor:
    total = x[0].clone()
    given = total.addmm_(x[1], weight, beta=0.5, alpha=2)
    assert given is total
    return total


def _vector(x: Tensor, weight: Tensor) -> Tensor:
    return torch.addmv(x[0, 0], weight, x[0, 1])


def _scripted(dtype: torch.dtype) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted: nn.Module = torch.jit.script(nn.Sequential(nn.Linear(16, 24), nn.ReLU()).to(dtype))
    return scripted


def _experts(x: Tensor, weights: Tensor) -> Tensor:
    return torch._grouped_mm(x[0], weights, offs=torch.tensor([2, 3, 6], dtype=torch.int32))


class SelfAttention(nn.MultiheadAttention):
    """Through torch's fused operator."""

    def forward(self, x: Tensor) -> Any:  # type: ignore[override]
        return super().forward(x, x, x)


EXACT: dict[str, Callable[[torch.dtype], nn.Module]] = {  # torch adds them up in float32 too
    "x @ w": lambda _: Calls(torch.matmul, 16, 24),
    "w @ x": lambda _: Calls(lambda x, w: w @ x, 24, 6),
    "einsum": lambda _: Calls(lambda x, w: torch.einsum("bse,eo->bso", x, w), 16, 24),
    "baddbmm": lambda _: Calls(lambda x, w: torch.baddbmm(x[:, :, :1], x, w, beta=0.5), 2, 16, 24),
    "vector": lambda _: Calls(_vector, 16, 16),
    "dot": lambda _: Calls(lambda x, w: torch.dot(x[0, 0], w), 16),
    "in place": lambda _: Calls(_in_place, 16, 16),
    "out": lambda _: Calls(_written_into, 16, 24),
    "linear": lambda _: nn.Linear(16, 24),
    "large weight": lambda _: Calls(torch.matmul, 16, 70_000),
    "large weight of nn.Linear": lambda _: nn.Linear(16, 70_000),
    "many large weights": lambda _: Calls(torch.bmm, 2, 16, 70_000),
    "conv1d": lambda _: nn.Conv1d(6, 8, 3, padding=1),
    "depthwise": lambda _: nn.Conv1d(6, 6, 3, groups=6),
    "conv2d": lambda _: nn.Sequential(
        nn.Unflatten(1, (2, 3)), nn.Conv2d(2, 4, 3, padding="same", dilation=2)
    ),
    "encoder layer": lambda _: nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval(),
    "multi-head attention": lambda _: SelfAttention(16, 2, batch_first=True).eval(),
    "experts": lambda _: Calls(_experts, 3, 16, 24),
    "scripted": _scripted,
    "inference mode": lambda _: InInferenceMode(nn.Linear(16, 24)),
}


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("name", EXACT)
def test_numbers_are_native_ones_within_one_unit_in_the_last_place(name: str, dtype: str) -> None:
    module, x = EXACT[name](HALF[dtype]), torch.randn(2, 6, 16)
    if (name, dtype) == ("experts", "float16"):
        pytest.skip("torch has no such product of float16")
    forced, native = (run(how, module, x, dtype=dtype) for how in ("float32", "native"))
    assert max(map(units_apart, forced, native)) <= 1


class Attends(nn.Module):
    """Fused attention, with what a user may give it."""

    def __init__(self, **given: Any) -> None:
        super().__init__()
        self.given = given

    def forward(self, x: Tensor) -> Tensor:
        heads = x.unflatten(-1, (4, 4)).transpose(1, 2)  # type: ignore[no-untyped-call]  # [2, 4, 6, 4]  # type: ignore[no-untyped-call]
        keys = heads[:, :2] if "enable_gqa" in self.given else heads
        return F.scaled_dot_product_attention(heads, keys, keys, **self.given)


class Forces(nn.Module):
    """Takes a gradient in its forward pass, as potentials of molecules do."""

    def __init__(self) -> None:
        super().__init__()
        self.energy = nn.Sequential(nn.Conv1d(6, 16, 3, padding=1), Attends())
        self.energy[0] = nn.Conv1d(6, 6, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            moved = x.detach().requires_grad_()
            return torch.autograd.grad(self.energy(moved).square().sum(), moved)[0]


NEAR: dict[str, Callable[[], nn.Module]] = {  # torch rounds in between too, or adds up in half precision
    "causal": lambda: Attends(is_causal=True),
    "mask": lambda: Attends(attn_mask=torch.ones(6, 6).tril().bool()),
    "float32 mask": lambda: Attends(attn_mask=torch.randn(6, 6)),
    "grouped": lambda: Attends(is_causal=True, enable_gqa=True),
    "dropout": lambda: Attends(dropout_p=1e-9),
    "own module": lambda: MultiHeadAttention(16, 4, 2, rope_theta=1e4),
    "transposed": lambda: nn.ConvTranspose1d(6, 8, 3, stride=2),
    "lstm": lambda: nn.LSTM(16, 8, num_layers=2, batch_first=True, bidirectional=True),
    "lstm in inference mode": lambda: InInferenceMode(nn.LSTM(16, 8, batch_first=True)),
    "gru": lambda: nn.GRU(16, 8, batch_first=True),
    "forces": Forces,
}


@pytest.mark.parametrize("name", NEAR)
def test_numbers_are_at_least_as_near_to_float32_as_native_ones(name: str) -> None:
    module, x = NEAR[name]().eval(), torch.randn(2, 6, 16).bfloat16().float()
    for weight in module.parameters():
        weight.data = weight.data.bfloat16().float()
    with torch.no_grad():
        expected = tensors_in(module(x))
    forced, native = (run(how, module, x) for how in ("float32", "native"))
    for output, other, reference in zip(forced, native, expected, strict=True):
        assert (output.dtype, output.shape, output.stride()) == (other.dtype, other.shape, other.stride())
        error, usual = ((half.float() - reference).norm() / reference.norm() for half in (output, other))
        assert error <= max(1.1 * usual, 2**-9)


@pytest.mark.parametrize(
    "module",
    [
        nn.Linear(16, 70_000),
        Calls(torch.matmul, 16, 24),
        nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval(),
        nn.LSTM(16, 8, batch_first=True),
        InInferenceMode(MultiHeadAttention(16, 4, 2)),
        DecodeStep(lambda x, cache: x @ cache.transpose(1, 2), torch.randn(2, 5, 16)),
    ],
    ids=lambda module: type(module).__name__,
)
def test_what_is_converted_for_a_product_counts_as_no_memory(module: nn.Module) -> None:
    peaks = []
    for how in ("float32", "native"):
        device = opened(how)
        prepared, x = device.prepare(module), device.to_device(torch.randn(2, 6, 16))
        with torch.no_grad():
            peaks.append(device.peak_memory(prepared, x, lambda: prepared(x)).total_bytes)  # noqa: B023
    assert peaks[0] == peaks[1] > 0


def count_of_product_modes() -> int:
    return sum(isinstance(mode, Float32Products) for mode in _get_current_dispatch_mode_stack())


def test_a_module_without_products_is_not_looked_at_again() -> None:
    device = opened("float32")
    entered: list[int] = []
    modules: dict[str, nn.Module] = {"norm": nn.LayerNorm(16), "linear": nn.Linear(16, 16)}
    for module in modules.values():
        module.register_forward_hook(lambda *_: entered.append(count_of_product_modes()))
        prepared, x = device.prepare(module), device.to_device(torch.randn(6, 16))
        for _ in range(3):
            prepared(x)
    assert entered == [1, 0, 0, 1, 1, 1]


def test_what_torch_refuses_is_refused_in_the_same_words() -> None:
    x = torch.randn(2, 3).bfloat16()
    wrong: list[Callable[[], Any]] = [
        lambda: x @ torch.randn(3, 4),
        lambda: x @ torch.ones(3, 4, dtype=torch.int64),
        lambda: x @ torch.randn(4, 5).bfloat16(),
        lambda: x.repeat(1, 64) @ torch.randn(128, 16_384).bfloat16(),
        lambda: torch.bmm(x.expand(2, 2, 3), x.expand(3, 2, 3).mT),
        lambda: x[:, 0].clone().addmm_(x, x.mT),
        lambda: torch.mm(x, x.mT, out=torch.empty(2, 2)),
        lambda: F.conv1d(x[None], torch.randn(2, 2, 3)),
    ]
    for call in wrong:
        module = Calls(lambda *_, call=call: call(), 1)
        said = []
        for how in ("float32", "native"):
            with pytest.raises(RuntimeError) as caught:
                opened(how).prepare(module)(x)
            said.append(str(caught.value))
        assert said[0] == said[1]


class Wrapped(Tensor):
    """A tensor that says itself what its operations are made of."""

    held: Tensor
    asked: ClassVar[list[str]] = []

    @staticmethod
    def __new__(cls: type[Wrapped], held: Tensor) -> Wrapped:
        wrapped: Wrapped = torch.Tensor._make_wrapper_subclass(cls, held.shape, dtype=held.dtype)
        wrapped.held = held
        return wrapped

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        cls.asked.append(str(func))
        return func(*(arg.held if isinstance(arg, Wrapped) else arg for arg in args), **(kwargs or {}))


def test_a_tensor_class_of_the_users_is_seen_through() -> None:
    module = Calls(lambda x, w: x @ Wrapped(w), 16, 24)
    [output] = run("float32", module, torch.randn(6, 16))
    assert output.dtype == torch.bfloat16
    assert "aten.mm.default" in Wrapped.asked  # its own product is not passed by


@pytest.mark.parametrize(
    ("how", "dtype"),
    [("native", "bfloat16"), ("native", "float16"), ("float32", "float32"), (None, "float32")],
)
def test_where_products_are_native_nothing_is_wrapped_and_nothing_is_said(
    how: str | None, dtype: str
) -> None:
    device = opened(how, dtype)
    assert not isinstance(device.prepare(nn.Linear(4, 4)), WithFloat32Products)
    assert (device.environment, device.notice) == ({}, None)


def test_without_the_setting_the_cpu_decides() -> None:
    has_fast = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()  # type: ignore[no-untyped-call]
    assert opened(None).environment == ({} if has_fast else {"products": "float32"})


def test_a_torch_without_onednn_has_no_fast_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    device = opened(None, "float16")
    assert device.environment == {"products": "float32"}
    assert device.notice == (
        "it: products of float16 are computed in float32 and rounded once: "
        "this CPU has no fast float16 products"
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")
def test_a_gpu_computes_as_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "float32")
    entry = TorchDeviceEntry.model_validate({"backend": "torch", "target": "cuda", "dtype": "bfloat16"})
    assert TorchDevice("gpu", entry).environment == {}


def test_a_wrong_setting_says_what_there_is() -> None:
    with pytest.raises(InputError, match=r'TTCI_PRODUCTS="floatt32": .* did you mean "float32"\?'):
        opened("floatt32")


def test_a_run_tells_how_products_were_computed(project: Project) -> None:
    manifest = project.path / "models_manifest.toml"
    manifest.write_text(manifest.read_text().replace('"torch"', '"torch"\ndtype = "bfloat16"'))
    done = project.ttci("run", "tiny", "--device", "cpu", TTCI_PRODUCTS="float32")
    assert done.code == 0, done.output
    assert project.run_json("reports/tiny@cpu/run.json")["environment"]["products"] == "float32"
    [told] = [line for line in done.lines if "products of bfloat16 are computed in float32" in line]
    assert told in (project.path / "reports/tiny@cpu/log.txt").read_text().splitlines()


def test_a_wrong_setting_ends_a_run_as_wrong_input(project: Project) -> None:
    arguments = ("--manifest", "models_manifest.toml", "--test-model", "tiny")
    done = project.pytest(*arguments, TTCI_PRODUCTS="bfloat16")
    assert (done.code, len(done.lines)) == (2, 1), done.output
    assert done.output.startswith('TTCI_PRODUCTS="bfloat16": ')
