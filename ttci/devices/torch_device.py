"""The torch device: a CPU, or a CUDA GPU where there is one."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ttci.catalog.checks import Capability
from ttci.checks.dispatch_mode import DispatchMode
from ttci.checks.memory import PeakMemory
from ttci.devices.conversion import CopyOrOriginal, in_type, runnable, storages_of, weights_of
from ttci.devices.float32_products import Float32Products, WithFloat32Products, entered
from ttci.devices.half_precision import computes_in_float32, reason
from ttci.devices.protocol import Call
from ttci.devices.recording import Context, Recording
from ttci.devices.torch_recorded import RecordedTorchOperations
from ttci.errors import DeviceUnavailableError
from ttci.manifest import TorchDeviceEntry
from ttci.results import Fidelity
from ttci.tensors import map_tensors, tensors_in


class TorchDevice:
    """Runs modules with torch, in one floating-point type."""

    fidelity = Fidelity.REFERENCE
    capabilities = frozenset(Capability) - {Capability.LIMIT}

    def __init__(self, name: str, entry: TorchDeviceEntry) -> None:
        if entry.target == "cuda" and not torch.cuda.is_available():
            raise DeviceUnavailableError(f"{name}: torch finds no CUDA GPU on this host")
        self.name = name
        self.max_tokens = entry.max_tokens
        self.measure_seconds = entry.measure_seconds
        self.dtype_name: str = entry.dtype
        self.weight_dtype_name: str = entry.dtype
        self._dtype: torch.dtype = getattr(torch, entry.dtype)
        self._device = torch.device(entry.target)
        in_float32 = computes_in_float32(self._dtype) and self._device.type == "cpu"
        self._products = Float32Products(self._dtype) if in_float32 else None
        self.environment: Mapping[str, str] = {"products": "float32"} if in_float32 else {}
        self.notice = f"{name}: {reason(self._dtype)}" if in_float32 else None

    def prepare(self, module: Any) -> Callable[..., Any]:
        """A copy of `module` in this device's type, which shares the parameters that are in it already."""
        ready = runnable(module, self._dtype, self._device)
        return WithFloat32Products(ready, self._products) if self._products else ready

    def release(self, implementation: Callable[..., Any]) -> None:
        """Nothing is kept of it."""

    def to_device(self, value: Any) -> Any:
        """Floating-point tensors in this device's type, all of them on the device."""
        return map_tensors(value, lambda tensor: in_type(tensor, self._dtype, self._device))

    def to_host(self, value: Any) -> Any:
        """On the CPU; of a CPU device the value itself."""
        return map_tensors(value, torch.Tensor.cpu)

    def refusal(self, error: Exception) -> str | None:  # noqa: ARG002
        """None: what torch raises is the module's own."""
        return None

    def close(self) -> None:
        """Nothing to give back."""

    def synchronize(self) -> None:
        """Wait for the GPU; a CPU call has finished when it returns."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    @contextmanager
    def timed(self, call: Call) -> Iterator[Call]:
        """`call`, with the GPU waited for."""

        def finished() -> Any:
            output = call()
            self.synchronize()
            return output

        yield finished

    def without_values(self) -> AbstractContextManager[None]:
        """Torch computes values, whoever asks."""
        return nullcontext()

    def recorded(self, context: Context) -> AbstractContextManager[Recording]:
        """Meanwhile every operation is recorded."""
        return RecordedTorchOperations(context).recording()

    def peak_memory(self, module: Callable[..., Any], inputs: Any, call: Call) -> PeakMemory:
        """On a GPU the allocator's peak; on a CPU every storage that torch's operations make."""
        if isinstance(module, nn.Module) and not _is_settled(module):
            call()
        held = [*weights_of(module), *tensors_in(inputs)]
        if self._device.type == "cuda":
            return PeakMemory(self._cuda_peak_bytes(held, call))
        # Entered in this order, what is converted to float32 for a product is not counted.
        with entered(self._products), _LiveBytes(held) as live:
            call()
        return PeakMemory(int(live.peak))

    def _cuda_peak_bytes(self, held: list[Tensor], call: Call) -> int:
        self.synchronize()
        torch.cuda.reset_peak_memory_stats(self._device)
        before = torch.cuda.memory_allocated(self._device)
        call()
        self.synchronize()
        during = torch.cuda.max_memory_allocated(self._device) - before
        return during + sum(storage.nbytes() for storage in _storages(held))


def _is_settled(module: nn.Module) -> bool:
    """Whether no first call is left to show what is to be run."""
    return all(part.is_known for part in module.modules() if isinstance(part, CopyOrOriginal))


def _storages(tensors: list[Tensor]) -> list[torch.UntypedStorage]:
    by_address = {storage.data_ptr(): storage for tensor in tensors for storage in storages_of(tensor)}
    return list(by_address.values())


class _LiveBytes(DispatchMode):
    """Counts the bytes of tensor storages alive, from the outputs of every operation."""

    runs_compiled = False  # what it allocates would not be seen

    def __init__(self, held: list[Tensor]) -> None:
        super().__init__()
        self._alive: dict[int, int] = {}
        self._bytes = 0
        self.peak = 0
        for tensor in held:
            self._count(tensor)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        for tensor in tensors_in(output):
            self._count(tensor)
        return output

    def _count(self, tensor: Tensor) -> None:
        for storage in storages_of(tensor):
            self._count_storage(storage)

    def _count_storage(self, storage: torch.UntypedStorage) -> None:
        address = storage.data_ptr()
        if address in self._alive:
            return
        self._alive[address] = storage.nbytes()
        self._bytes += storage.nbytes()
        self.peak = max(self.peak, self._bytes)
        weakref.finalize(storage, self._forget, address)

    def _forget(self, address: int) -> None:
        self._bytes -= self._alive.pop(address, 0)
