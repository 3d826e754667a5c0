"""The torch device: types, conversion, memory; on a GPU, timing and the allocator's peak."""

import copy
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from ttci.catalog.checks import Capability
from ttci.devices import open_device
from ttci.devices.conversion import converted
from ttci.devices.protocol import Device
from ttci.devices.torch_device import TorchDevice
from ttci.errors import DeviceUnavailableError, ExitCode
from ttci.manifest import TorchDeviceEntry, TtnnDeviceEntry
from ttci.modules.attention import MultiHeadAttention
from ttci.results import Fidelity

CPU = torch.device("cpu")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA GPU here")


def device(dtype: str = "float32", target: str = "cpu") -> Device:
    entry = TorchDeviceEntry.model_validate({"backend": "torch", "target": target, "dtype": dtype})
    return open_device("it", entry)


def addresses(module: Any) -> list[int]:
    return [weight.data_ptr() for weight in [*module.parameters(), *module.buffers()]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_module_and_its_inputs_are_run_in_the_devices_type(dtype: torch.dtype) -> None:
    cpu = device(str(dtype).removeprefix("torch."))
    module = nn.Sequential(nn.Linear(16, 16), MultiHeadAttention(16, 2, rope_theta=1e4))
    with torch.no_grad():
        output = cpu.prepare(module)(cpu.to_device(torch.randn(1, 4, 16)))
    assert output.dtype == dtype
    assert torch.isfinite(output).all()
    assert (cpu.dtype_name, cpu.fidelity) == (str(dtype).removeprefix("torch."), Fidelity.REFERENCE)
    assert cpu.capabilities == frozenset(Capability) - {Capability.LIMIT}


class Pair(NamedTuple):
    """An input with names."""

    left: Tensor
    right: Any


def test_nested_inputs_keep_their_nesting_and_their_integers() -> None:
    ids, mask = torch.arange(3), torch.ones(2, dtype=torch.bool)
    value = ({"x": torch.ones(2)}, [ids, None, 5], Pair(mask, "text"))
    mapping, items, pair = device("bfloat16").to_device(value)
    assert mapping["x"].dtype == torch.bfloat16
    assert items[0].dtype == torch.int64
    assert items[1:] == [None, 5]
    assert isinstance(pair, Pair)
    assert pair.left.dtype == torch.bool
    assert pair.right == "text"
    assert isinstance(value[0], Mapping)
    assert value[0]["x"].dtype == torch.float32


def test_converting_leaves_the_module_as_it_was() -> None:
    module = nn.BatchNorm1d(8).train()
    module.weight.requires_grad_(False)
    before = copy.deepcopy(module.state_dict())
    where = addresses(module)
    copied = converted(module, torch.bfloat16, CPU)
    assert copied.weight.dtype == copied.running_mean.dtype == torch.bfloat16
    assert copied.num_batches_tracked.dtype == torch.int64
    assert (copied.training, copied.weight.requires_grad, copied.bias.requires_grad) == (True, False, True)
    assert addresses(module) == where
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert set(addresses(copied)).isdisjoint(where)


def test_parameters_that_need_no_change_are_shared_and_buffers_never_are() -> None:
    module = nn.BatchNorm1d(8)
    copied = converted(module, torch.float32, CPU)
    assert copied.weight is module.weight
    copied(torch.randn(4, 8))  # updates the running statistics
    assert module.num_batches_tracked == 0
    assert module.running_mean is not None
    assert torch.equal(module.running_mean, torch.zeros(8))


def test_a_copy_that_shares_nothing_can_be_asked_for() -> None:
    module = nn.Linear(4, 4).double()
    assert set(addresses(converted(module, torch.float64, CPU, share=False))).isdisjoint(addresses(module))


def test_tied_weights_stay_tied() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    module[1].weight = module[0].weight
    copied = converted(module, torch.bfloat16, CPU)
    assert copied[0].weight is copied[1].weight  # type: ignore[index]


def test_converting_holds_no_second_set_of_weights_in_the_old_type(monkeypatch: pytest.MonkeyPatch) -> None:
    copied_tensors: list[Tensor] = []
    monkeypatch.setattr(Tensor, "__deepcopy__", lambda tensor, _: copied_tensors.append(tensor))
    monkeypatch.setattr(nn.Parameter, "__deepcopy__", lambda tensor, _: copied_tensors.append(tensor))
    converted(nn.BatchNorm1d(8), torch.bfloat16, CPU)
    assert copied_tensors == []


class HoldsAGenerator(nn.Linear):
    """An attribute that no deepcopy takes."""

    def __init__(self) -> None:
        super().__init__(4, 4)
        self.endless = iter(lambda: 0, 1)
        self.numbers = (number for number in range(3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_module_that_cannot_be_copied_runs_itself_in_the_devices_type(dtype: torch.dtype) -> None:
    module = HoldsAGenerator()
    cpu = device(str(dtype).removeprefix("torch."))
    ready = cpu.prepare(module)
    output = ready(cpu.to_device(torch.ones(2, 4)))
    assert output.dtype == dtype
    assert module.weight.dtype == torch.float32
    assert (ready is module) == (dtype == torch.float32)


def test_a_backend_that_this_version_does_not_run_is_unavailable() -> None:
    entry = TtnnDeviceEntry(backend="ttnn", target="silicon", board="n150")
    with pytest.raises(DeviceUnavailableError, match=r"^wormhole: \S") as caught:
        open_device("wormhole", entry)
    assert caught.value.exit_code is ExitCode.UNAVAILABLE


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA GPU here")
def test_cuda_without_a_gpu_is_unavailable_with_the_reason() -> None:
    with pytest.raises(DeviceUnavailableError, match="it: torch finds no CUDA GPU on this host"):
        device(target="cuda")


@needs_cuda
def test_on_a_gpu_everything_is_moved_there_and_the_module_stays() -> None:
    gpu = device("bfloat16", "cuda")
    module = nn.Linear(16, 16)
    output = gpu.prepare(module)(gpu.to_device(torch.randn(2, 16)))
    assert (output.device.type, output.dtype) == ("cuda", torch.bfloat16)
    assert (module.weight.device, module.weight.dtype) == (CPU, torch.float32)


@needs_cuda
def test_on_a_gpu_synchronising_waits_for_what_was_started() -> None:
    gpu = device("float32", "cuda")
    x = torch.randn(4096, 4096, device="cuda")
    gpu.synchronize()
    started, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    began = time.perf_counter()
    started.record()
    for _ in range(20):
        x @ x
    ended.record()
    gpu.synchronize()
    waited_ms = 1000 * (time.perf_counter() - began)
    assert ended.query()  # type: ignore[no-untyped-call]
    assert waited_ms >= started.elapsed_time(ended)


@needs_cuda
def test_on_a_gpu_the_peak_is_the_allocators() -> None:
    gpu = device("float32", "cuda")
    module = gpu.prepare(nn.Linear(1024, 1024, bias=False))
    x = gpu.to_device(torch.randn(512, 1024))
    with torch.no_grad():
        module(x)  # the workspace of the matrix product, once
        peak = gpu.peak_memory(module, x, lambda: module(x)).total_bytes
    assert peak == 4 * (1024 * 1024 + 2 * 512 * 1024)


def test_the_cpu_is_done_when_a_call_returns() -> None:
    cpu = device()
    assert isinstance(cpu, TorchDevice)
    cpu.synchronize()
