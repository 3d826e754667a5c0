"""A test made ready on a device: what its checks share is made once."""

from __future__ import annotations

import copy
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
from ttci.testing.config import ModuleTest
from ttci.testing.inputs import Inputs, cut_expected_shape, cut_shape, full_shape, make_inputs

_GRADIENT_TOKENS = 8  # enough for attention to attend; the cost of a check grows with it
_CPU = torch.device("cpu")


class PreparedTest:
    """The weights, inputs and float32 reference of one test on one device."""

    def __init__(self, test: ModuleTest, device: Device) -> None:
        self.test = test
        self.device = device
        self.full_shape = full_shape(test)
        self.shape = cut_shape(self.full_shape, device.max_tokens)
        self.expected_shape = cut_expected_shape(test, self.shape)

    @cached_property
    def inputs(self) -> Inputs:
        """On the host, in float32."""
        return make_inputs(self.test, self.shape)

    @cached_property
    def references(self) -> Sequence[Tensor]:
        """The expected outputs, in float32."""
        reference = self.test.reference or self.test.module
        if isinstance(reference, nn.Module):
            reference = converted(reference, torch.float32, _CPU)
        inputs = self.inputs.map(lambda tensor: tensor.clone())
        with torch.no_grad():
            return [tensor.clone() for tensor in tensors_in(inputs.call(reference))]

    @cached_property
    def run_on_device(self) -> Callable[..., Any]:
        """The module as the device runs it."""
        return self.device.prepare(self.test.module)

    @cached_property
    def device_inputs(self) -> Inputs:
        """On the device, in its type."""
        return Inputs(
            self.device.to_device(self.inputs.positional), self.device.to_device(self.inputs.keyword)
        )

    def release(self) -> None:
        """Forget what was made ready; it is made again when asked for."""
        for name in ("inputs", "references", "run_on_device", "device_inputs"):
            self.__dict__.pop(name, None)

    def forward(self) -> Any:
        """One forward pass on the device, finished when it returns."""
        with torch.no_grad():
            output = self.device_inputs.call(self.run_on_device)
        self.device.synchronize()
        return output

    def observe(self) -> Observed:
        """Two forward passes, with everything that the correctness check looks at."""
        references = self.references
        before = [tensor.clone() for tensor in tensors_in(self._arguments)]
        outputs = [tensor.clone() for tensor in tensors_in(self.forward())]
        after = [tensor.clone() for tensor in tensors_in(self._arguments)]
        self._restore(before)
        return Observed(outputs, tensors_in(self.forward()), references, before, after)

    @property
    def _arguments(self) -> list[Any]:
        return [self.device_inputs.positional, self.device_inputs.keyword]

    def _restore(self, values: Sequence[Tensor]) -> None:
        for tensor, value in zip(tensors_in(self._arguments), values, strict=True):
            if not torch.equal(tensor, value):
                tensor.copy_(value)

    def gradient_problem(self) -> tuple[Callable[[], list[Tensor]], dict[str, Tensor]]:
        """The module in float64 on a few tokens: its forward pass, and the leaves to check."""
        module = converted(self.test.module, torch.float64, _CPU)
        module = copy.deepcopy(module) if module is self.test.module else module
        inputs = make_inputs(self.test, cut_shape(self.full_shape, _GRADIENT_TOKENS)).map(_as_leaf)
        wanted = {name: leaf for name, leaf in inputs.named_tensors.items() if leaf.requires_grad}
        wanted |= {name: weight for name, weight in module.named_parameters() if weight.requires_grad}

        def forward() -> list[Tensor]:
            with _default_dtype(torch.float64):
                outputs = inputs.map(lambda tensor: tensor.clone()).call(module)
            return [output for output in tensors_in(outputs) if output.is_floating_point()]

        return forward, wanted


def _as_leaf(tensor: Tensor) -> Tensor:
    return tensor.double().requires_grad_() if tensor.is_floating_point() else tensor


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Meanwhile, what a module makes without naming a type is of `dtype`."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
