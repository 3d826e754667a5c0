"""A test made ready on a device: what its checks share is made once."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from ttci.checks.correctness import Observed
from ttci.devices import Device
from ttci.devices.torch_device import converted
from ttci.tensors import tensors_in
from ttci.testing.config import ModuleTest, Shape
from ttci.testing.inputs import Inputs, cut_expected_shape, cut_shape, full_shape, make_inputs

_GRADIENT_TOKENS = 8  # enough for attention to attend; the cost of a check grows with it
_CPU = torch.device("cpu")
_WORTH_COLLECTING_BYTES = 64_000_000  # a search for garbage takes 0.1 s with torch


class PreparedTest:
    """The weights, inputs and float32 reference of one test on one device."""

    def __init__(self, test: ModuleTest, device: Device) -> None:
        self.test = test
        self.device = device
        self.full_shape = full_shape(test)
        self.shape = cut_shape(test, self.full_shape, device.max_tokens)
        self.gradient_shape = cut_shape(test, self.full_shape, _GRADIENT_TOKENS)

    @cached_property
    def inputs(self) -> Inputs:
        """On the host, in float32."""
        return make_inputs(self.test, self.shape)

    @cached_property
    def references(self) -> Sequence[Tensor]:
        """The expected outputs, in float32."""
        given = self.test.reference
        reference = self.test.module if given is None else given
        if isinstance(reference, nn.Module):
            reference = converted(reference, torch.float32, _CPU)
        inputs = self.inputs.map(torch.clone)
        with torch.no_grad():
            return [tensor.clone() for tensor in tensors_in(inputs.call(reference))]

    @property
    def expected_shape(self) -> Shape | None:
        """Of the first output, cut as the input is; None where none is given."""
        expected = self.test.expected_output_shape
        if expected is None or not self.references:
            return expected
        return cut_expected_shape(expected, self.full_shape, self.shape, tuple(self.references[0].shape))

    @cached_property
    def run_on_device(self) -> Callable[..., Any]:
        """The module as the device runs it."""
        return self.device.prepare(self.test.module)

    @cached_property
    def device_inputs(self) -> Inputs:
        """On the device, in its type."""
        return self._put_on_device()

    def _put_on_device(self) -> Inputs:
        fresh = self.inputs.map(torch.clone)
        return Inputs(self.device.to_device(fresh.positional), self.device.to_device(fresh.keyword))

    def _read(self, value: Any) -> list[Tensor]:
        return tensors_in(self.device.to_host(value))

    def release(self) -> None:
        """Forget what was made ready; it is made again when asked for."""
        for name in ("inputs", "references", "run_on_device", "device_inputs"):
            self.__dict__.pop(name, None)
        weights = self.test.module.parameters() if isinstance(self.test.module, nn.Module) else ()
        if sum(weight.nbytes for weight in weights) >= _WORTH_COLLECTING_BYTES:
            gc.collect()

    def forward(self) -> Any:
        """One forward pass on the device, finished when it returns."""
        return self._forward(self.device_inputs)

    def _forward(self, inputs: Inputs) -> Any:
        with torch.no_grad():
            output = inputs.call(self.run_on_device)
        self.device.synchronize()
        return output

    def observe(self) -> Observed:
        """Two forward passes, with everything that the correctness check looks at."""
        references = self.references
        used, untouched = self._put_on_device(), self._put_on_device()
        # Copied at once: an output may be an input or a buffer, which a call may change.
        outputs = [tensor.clone() for tensor in self._read(self._forward(used))]
        second_outputs = self._read(self._forward(self._put_on_device()))
        before = self._read([untouched.positional, untouched.keyword])
        after = self._read([used.positional, used.keyword])
        return Observed(outputs, second_outputs, references, before, after)

    def gradient_problem(self) -> tuple[Callable[[], list[Tensor]], dict[str, Tensor]]:
        """The module in float64 on a few tokens: its forward pass, and the leaves to check."""
        module = converted(self.test.module, torch.float64, _CPU, share=False)
        inputs = make_inputs(self.test, self.gradient_shape).map(_as_leaf)
        wanted = {name: leaf for name, leaf in inputs.named_tensors.items() if leaf.requires_grad}
        wanted |= {name: weight for name, weight in module.named_parameters() if weight.requires_grad}

        def forward() -> list[Tensor]:
            with _default_dtype(torch.float64), torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)  # dropout left on is for the correctness check to find
                outputs = inputs.map(torch.clone).call(module)
            return [output for output in tensors_in(outputs) if output.is_floating_point()]

        return forward, wanted


def _as_leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().double().requires_grad_() if tensor.is_floating_point() else tensor


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Meanwhile, what a module makes without naming a type is of `dtype`."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
