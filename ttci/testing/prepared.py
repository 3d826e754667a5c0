"""A test made ready on a device: what its checks share is made once."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from itertools import zip_longest
from typing import Any, cast

import torch
from torch import Tensor, nn

from ttci.catalog.checks import Capability
from ttci.checks.correctness import Observed
from ttci.checks.judged_output import RoundedReferences
from ttci.checks.memory import PeakMemory
from ttci.checks.number_types import Precision
from ttci.checks.rounding import Roughness, Rounding
from ttci.devices.protocol import Device, KnowsLimits, RunsUsersCode
from ttci.results import Limit
from ttci.tensors import map_tensors, tensors_in
from ttci.testing.config import ModuleTest
from ttci.testing.gradient_problem import GradientProblem, differentiable
from ttci.testing.inputs import Inputs, make_inputs
from ttci.testing.shaped import ShapedTest, dense

_WORTH_COLLECTING_BYTES = 64_000_000  # a search for garbage takes 0.1 s with torch


class PreparedTest(ShapedTest):
    """One test on one device: its implementation there, and its inputs."""

    def __init__(self, test: ModuleTest, device: Device) -> None:
        super().__init__(test, device)
        self._values_are_known = True  # of what is on the device
        self._was_called = False  # since it was made ready
        self.may_have_limit = True
        self.gradient_dtype = "float64"  # until gradient_problem() finds that it is another

    @property
    def rounded_references(self) -> RoundedReferences | None:
        """The expected outputs as the device's rounding changes them; None where it computes in float32."""
        device = self.device
        if device.dtype_name == "float32":
            return None
        precision = Precision(getattr(torch, device.dtype_name), device.weight_dtype_name)
        return RoundedReferences(precision, partial(self.rounded_reference, precision))

    def rounded_reference(
        self,
        precision: Precision,
        roughness: Roughness,
        within: AbstractContextManager[object] | None = None,
    ) -> list[Tensor] | None:
        """Of one pass, called `within` that; None where the reference does not run so."""
        try:
            reference = self.reference()
            buffers = reference.buffers() if isinstance(reference, nn.Module) else ()
            rounding = Rounding(precision, roughness, buffers)
            inputs = self._rounded_inputs(rounding)
            with torch.no_grad(), torch.random.fork_rng(devices=[]), rounding, within or nullcontext():
                return [dense(tensor) for tensor in tensors_in(inputs.call(reference))]
        except Exception:  # noqa: BLE001  # the user's reference may refuse anything; it ran without
            return None

    def _rounded_inputs(self, rounding: Rounding) -> Inputs:
        """As the device is given them; a kernel's implementation names the types of its inputs."""
        names = getattr(self.run_on_device, "input_dtype_names", ())
        positional = tuple(
            map_tensors(value, partial(rounding.given, dtype_name=name))
            for value, name in zip_longest(self.inputs.positional, names[: len(self.inputs.positional)])
        )
        return Inputs(positional, map_tensors(self.inputs.keyword, rounding.given))

    @cached_property
    def run_on_device(self) -> Callable[..., Any]:
        """The module as the device runs it."""
        return self.device.prepare(self.module)

    @cached_property
    def device_inputs(self) -> Inputs:
        """On the device, in its type."""
        return self._put_on_device()

    def _put_on_device(self) -> Inputs:
        fresh = self.inputs.map(torch.clone)
        place = getattr(self.run_on_device, "to_device", self.device.to_device)  # its own way, if it has one
        return Inputs(place(fresh.positional), place(fresh.keyword))

    def read(self, value: Any) -> list[Tensor]:
        """The tensors in a value of the device's, on the host."""
        return [dense(tensor) for tensor in tensors_in(self.device.to_host(value))]

    def release(self) -> None:
        """Forget what was made ready; it is made again when asked for."""
        if "run_on_device" in self.__dict__:
            self.device.release(self.run_on_device)
        for name in ("module", "run_on_device", "device_inputs"):
            self.__dict__.pop(name, None)
        self._made_inputs, self._reference_outputs = {}, {}
        self._values_are_known, self._was_called = True, False
        weights = self.test.module.parameters() if isinstance(self.test.module, nn.Module) else ()
        if sum(weight.nbytes for weight in weights) >= _WORTH_COLLECTING_BYTES:
            gc.collect()

    def forward(self) -> Any:
        """One forward pass on the device, begun when it returns; inputs that it frees are made anew."""
        output = self._forward(self.device_inputs)
        if self._are_freed(self.device_inputs):
            del self.device_inputs
            _ = self.device_inputs  # made for the next call behind this one, whose figures they leave alone
        return output

    def _are_freed(self, inputs: Inputs) -> bool:
        """Whether the call that `inputs` were given to has freed them."""
        device = self._runs_users_code
        return device is not None and device.is_freed([inputs.positional, inputs.keyword])

    @property
    def _runs_users_code(self) -> RunsUsersCode | None:
        """The device, where it runs implementations that users wrote for it."""
        return cast("RunsUsersCode", self.device) if hasattr(self.device, "is_users_own") else None

    def _call_first(self) -> None:
        """Have a user's implementation make what it makes in its first call while values are known."""
        device = self._runs_users_code
        if not self._was_called and device is not None and device.is_users_own(self.run_on_device):
            self.forward()

    def forward_of_prompt(self) -> Any:
        """A language model's first token, begun when it returns."""
        inputs = self.device_inputs
        return self._forward(Inputs(inputs.positional, {**inputs.keyword, "only_prompt": True}))

    def forward_anew(self) -> Any:
        """One forward pass on inputs that no other has had."""
        return self._forward(self._put_on_device())

    def _forward(self, inputs: Inputs) -> Any:
        with torch.no_grad():
            output = inputs.call(self.run_on_device)
        self._was_called = True
        return output

    def _outputs(self, inputs: Inputs) -> list[Tensor]:
        """Of a forward pass, on the host."""
        output = self._forward(inputs)
        self.device.synchronize()
        return self.read(output)

    def peak_memory(self) -> PeakMemory:
        """Of a forward pass; what was made ready is forgotten, as its values may not be known."""
        self._call_first()
        with self.device.without_values():
            inputs = self.device_inputs
            held = [inputs.positional, inputs.keyword]
            peak = self.device.peak_memory(self.run_on_device, held, self._forward_again)
        self.release()
        return peak

    def _forward_again(self) -> Any:
        """A forward pass, with new inputs where the one before freed its own."""
        if self._are_freed(self.device_inputs):
            self.device_inputs = self._put_on_device()
        return self._forward(self.device_inputs)

    def limit(self) -> Limit | None:
        """The shortest time that the device allows for a forward pass; None where nobody can tell."""
        if Capability.LIMIT not in self.device.capabilities or not self.may_have_limit:
            return None
        self._call_first()
        held, self._values_are_known = [self.device_inputs.positional, self.device_inputs.keyword], False
        return cast("KnowsLimits", self.device).limit(self.run_on_device, held, self.forward)

    def observe(self) -> Observed:
        """Two forward passes, with everything that the correctness check looks at."""
        if not self._values_are_known:
            self.release()
        references = self.references
        used = self._put_on_device()
        # Copied at once: a call may change its inputs, and an output may be an input or a buffer.
        before = [tensor.clone() for tensor in self.read([used.positional, used.keyword])]
        outputs = [tensor.clone() for tensor in self._outputs(used)]
        second_outputs = self._outputs(self._put_on_device())
        freed = self._are_freed(used)  # what holds nothing was not changed either
        after = before if freed else self.read([used.positional, used.keyword])
        return Observed(outputs, second_outputs, references, before, after)

    def gradient_problem(self) -> GradientProblem:
        """The module on a few tokens, in the widest precision in which it can be differentiated."""
        problem = differentiable(self.test.module, make_inputs(self.test, self.gradient_shape, self.form))
        self.gradient_dtype = problem.precision.name
        return problem
