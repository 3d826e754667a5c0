"""Modules in another type: copied where a copy is whole, else by exchange; the user's own left alone."""

import copy
import functools
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ttci.devices.conversion import CopyOrOriginal, ExchangedWeights, converted, in_type, runnable
from ttci.devices.protocol import NoImplementationError

CPU = torch.device("cpu")
WIDTH = 8


def linear() -> Any:
    torch.manual_seed(0)
    return nn.Linear(WIDTH, WIDTH)


def with_a_closure_for_forward() -> nn.Module:
    module = linear()
    forward = module.forward
    module.forward = lambda x: 2 * forward(x)
    return module  # type: ignore[no-any-return]


def with_a_partial_for_forward() -> nn.Module:
    module = linear()
    forward = module.forward
    module.forward = functools.partial(lambda scale, x: scale * forward(x), 2)
    return module  # type: ignore[no-any-return]


def with_a_method_for_forward() -> nn.Module:
    module = linear()
    module.forward = types.MethodType(lambda self, x: x @ self.weight + self.bias, module)
    return module  # type: ignore[no-any-return]


def with_a_hook_that_uses_the_outer_module() -> nn.Module:
    module = linear()
    module.register_forward_hook(lambda _, inputs, output: output + module.weight.sum() + inputs[0])
    return module  # type: ignore[no-any-return]


class WithALock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.lock = linear(), threading.Lock()

    def forward(self, x: Tensor) -> Any:
        with self.lock:
            return self.linear(x)


class WithAWeakReference(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = linear()
        self.reference = weakref.ref(self.linear)

    def forward(self, x: Tensor) -> Any:
        child = self.reference()
        assert child is not None
        return child(x)


def scripted() -> nn.Module:
    module: nn.Module = torch.jit.script(nn.Sequential(linear(), nn.ReLU()))
    return module


def traced() -> nn.Module:
    module: nn.Module = torch.jit.trace(linear(), torch.ones(1, WIDTH))  # type: ignore[no-untyped-call]
    return module


def compiled() -> nn.Module:
    module: Any = torch.compile(linear(), backend="eager")
    return module  # type: ignore[no-any-return]


def exported() -> nn.Module:
    return torch.export.export(linear(), (torch.ones(2, WIDTH),)).module()


HARD_TO_COPY: dict[str, Callable[[], nn.Module]] = {
    "a closure for forward": with_a_closure_for_forward,
    "a partial for forward": with_a_partial_for_forward,
    "a method for forward": with_a_method_for_forward,
    "a hook that uses the outer module": with_a_hook_that_uses_the_outer_module,
    "a lock": WithALock,
    "a weak reference": WithAWeakReference,
    "scripted": scripted,
    "a scripted part": lambda: nn.Sequential(scripted(), linear()),
    "traced": traced,
    "compiled": compiled,
    "exported": exported,
    "data parallel": lambda: nn.DataParallel(linear()),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("make", HARD_TO_COPY.values(), ids=HARD_TO_COPY)
def test_what_cannot_be_copied_simply_runs_in_bfloat16_as_after_its_own_to(
    make: Callable[[], nn.Module],
) -> None:
    x = torch.randn(2, WIDTH).bfloat16()
    with torch.no_grad():
        expected = make().to(torch.bfloat16)(x)
    module = make()
    weights = list(module.parameters())
    before = [(weight.data_ptr(), weight.dtype, weight.clone()) for weight in weights]
    ready = runnable(module, torch.bfloat16, CPU)
    with torch.no_grad():
        outputs = [ready(x), ready(x)]
    assert [output.dtype for output in outputs] == [torch.bfloat16] * 2
    assert all(torch.equal(output, expected) for output in outputs)
    after = [(weight.data_ptr(), weight.dtype, weight) for weight in module.parameters()]
    assert all(a[:2] == b[:2] and torch.equal(a[2], b[2]) for a, b in zip(before, after, strict=True))


def test_an_ordinary_module_is_copied_and_runs_without_its_original() -> None:
    module = linear()
    ready = runnable(module, torch.bfloat16, CPU)
    ready(torch.ones(1, WIDTH).bfloat16())
    assert isinstance(ready, CopyOrOriginal)
    assert isinstance(ready.chosen, nn.Linear)
    assert ready.chosen is not module


def test_weights_are_put_back_after_an_exception() -> None:
    class Fails(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.lock = linear(), threading.Lock()
            self.register_buffer("state", torch.zeros(2))

        def forward(self, x: Tensor) -> Tensor:
            self.state = torch.ones(3)
            self.linear.weight.data.zero_()
            raise ZeroDivisionError(x.ndim)

    module = Fails()
    before = copy.deepcopy(module.state_dict())
    ready = runnable(module, torch.bfloat16, CPU)
    assert isinstance(ready, ExchangedWeights)
    with pytest.raises(ZeroDivisionError):
        ready(torch.ones(2))
    after = module.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_tied_weights_stay_tied_where_they_are_exchanged() -> None:
    module = nn.Sequential(WithALock(), linear())
    module[1].weight = module[0].linear.weight  # type: ignore[union-attr]
    with ExchangedWeights(module, torch.bfloat16, CPU).exchanged():
        assert module[1].weight is module[0].linear.weight  # type: ignore[union-attr]
        assert module[1].weight.dtype == torch.bfloat16
    assert module[1].weight.dtype == torch.float32


def test_what_is_no_torch_module_has_no_implementation() -> None:
    with pytest.raises(NoImplementationError, match=r"^function is no torch module"):
        runnable(lambda x: x, torch.float32, CPU)


@pytest.mark.parametrize(
    ("dtype", "wide"), [(torch.bfloat16, torch.complex64), (torch.float64, torch.complex128)]
)
def test_complex_weights_get_a_complex_type(dtype: torch.dtype, wide: torch.dtype) -> None:
    module = nn.Module()
    module.weight = nn.Parameter(torch.randn(3, dtype=torch.complex64))
    assert converted(module, dtype, CPU).weight.dtype == wide


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
def test_sparse_buffers_are_converted_and_stay_sparse(layout: torch.layout) -> None:
    module = nn.Module()
    module.register_buffer("graph", torch.eye(3).to_sparse(layout=layout))
    graph = converted(module, torch.float64, CPU).graph
    assert (graph.layout, graph.dtype) == (layout, torch.float64)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_finite_number_stays_finite_in_a_narrower_type(dtype: torch.dtype) -> None:
    lowest = torch.finfo(torch.float32).min
    values = torch.tensor([lowest, -lowest, float("-inf"), 1.0])
    expected = [torch.finfo(dtype).min, torch.finfo(dtype).max, float("-inf"), 1.0]
    assert in_type(values, dtype, CPU).tolist() == expected
    assert values[0] == lowest
    assert torch.isnan(in_type(torch.tensor([float("nan"), lowest]), dtype, CPU)[0])
