"""A test made ready on a device: what its checks share is made once."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
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
from ttci.devices.conversion import runnable
from ttci.devices.protocol import Device, KnowsLimits, RunsUsersCode
from ttci.modules.decode import DecodeStep
from ttci.modules.teacher_forcing import OnePass, PrefillAndDecode, with_layers
from ttci.results import Limit
from ttci.tensors import map_tensors, tensors_in
from ttci.testing.config import PASS_TOKENS, ModuleTest, Shape
from ttci.testing.cut_trial import CutTrial
from ttci.testing.cuts import ChosenShape, choose_shape, cut_expected_shape, cuts_from, cuts_within
from ttci.testing.gradient_problem import GradientProblem, differentiable
from ttci.testing.input_forms import InputForm
from ttci.testing.input_trial import FEW_TOKENS, input_form
from ttci.testing.inputs import Inputs, make_inputs, seeded

_CPU = torch.device("cpu")
_WORTH_COLLECTING_BYTES = 64_000_000  # a search for garbage takes 0.1 s with torch


class PreparedTest:
    """The weights, inputs and float32 reference of one test on one device."""

    def __init__(self, test: ModuleTest, device: Device) -> None:
        self.test = test
        self.device = device
        self._made_inputs: dict[Shape, Inputs] = {}  # both of the shape that was made last
        self._reference_outputs: dict[Shape, Sequence[Tensor]] = {}
        self._values_are_known = True  # of what is on the device
        self._was_called = False  # since it was made ready
        self.may_have_limit = True
        self.gradient_dtype = "float64"  # until gradient_problem() finds that it is another

    @cached_property
    def form(self) -> InputForm:
        """What the module takes, before a device cuts it."""
        return input_form(self.test)

    @property
    def full_shape(self) -> Shape:
        """The input shape before a device cuts it."""
        return self.form.shape

    @property
    def shape(self) -> Shape:
        """The input shape of all checks but gradients."""
        return self.chosen.shape

    @property
    def gradient_shape(self) -> Shape:
        """The input shape of the gradients: as few tokens as the module takes."""
        return self.chosen_for_gradients.shape

    @cached_property
    def chosen(self) -> ChosenShape:
        """Within the device's `max_tokens`, or the whole where the test takes no cut."""
        cuts = cuts_within(self.test, self.form, self.device.max_tokens)
        trial = CutTrial(self.test, self.form)
        runs_torch = Capability.AUTOGRAD in self.device.capabilities
        is_judged_by_another = self.test.reference is not None and isinstance(self.test.module, nn.Module)

        def problem(shape: Shape) -> str | None:
            found = trial.problem(shape, self._reference_at, is_whole_test=True)
            if found is None and runs_torch and is_judged_by_another:
                found = trial.problem(shape, trial.outputs_of_module)
            return found

        return choose_shape(cuts, problem)

    @cached_property
    def chosen_for_gradients(self) -> ChosenShape:
        """With as few tokens as the module takes, of those tried."""
        cuts = cuts_from(self.test, self.form, FEW_TOKENS, self.device.max_tokens)
        if Capability.AUTOGRAD not in self.device.capabilities:  # they are not checked
            return ChosenShape(cuts[0])
        trial = CutTrial(self.test, self.form)
        return choose_shape(cuts, lambda shape: trial.problem(shape, trial.outputs_of_module))

    @property
    def cache_length(self) -> int | None:
        """Of a decode step's cache, whose tokens are its sequence; None of another test."""
        length, most = self.test.decode_cache_length, self.device.max_tokens
        if length is None or most is None:
            return length
        return min(length, max(1, most // self.full_shape[0]))

    @property
    def prompt_tokens(self) -> int:
        """Of a language model; as many as are left where decode steps alone are asked for."""
        return self.test.prompt_tokens or self.full_shape[1] - (self.test.decode_tokens or PASS_TOKENS)

    @property
    def measure_seconds(self) -> float:
        """How long its latency may be measured: the test's own, else its device's."""
        own = self.test.measure_seconds
        return self.device.measure_seconds if own is None else own

    @cached_property
    def module(self) -> Any:
        """What is called: the module, or its decode step with a cache made from a fixed seed."""
        return self._step(self.test.module)

    def _step(self, called: Any) -> Any:
        if self.test.is_language_model:
            return PrefillAndDecode(with_layers(called, self.test.layers), self.prompt_tokens)
        if self.cache_length is None:
            return called
        with seeded():
            cache = self.test.module.make_cache(self.shape[0], self.cache_length)
        return DecodeStep(called, cache)

    @property
    def inputs(self) -> Inputs:
        """On the host, in float32."""
        return self._inputs_at(self.shape)

    def _inputs_at(self, shape: Shape) -> Inputs:
        if shape not in self._made_inputs:
            self._made_inputs = {shape: make_inputs(self.test, shape, self.form)}
        return self._made_inputs[shape]

    @property
    def references(self) -> Sequence[Tensor]:
        """The expected outputs, in float32."""
        return self._reference_at(self.shape)

    def _reference_at(self, shape: Shape) -> Sequence[Tensor]:
        """Kept: the run that shows that a test can be cut is the reference of its checks."""
        if shape not in self._reference_outputs:
            self._reference_outputs = {shape: self._run_reference(shape)}
        return self._reference_outputs[shape]

    def _run_reference(self, shape: Shape) -> Sequence[Tensor]:
        inputs = self._inputs_at(shape).map(torch.clone)
        with torch.no_grad():
            return [_dense(tensor).clone() for tensor in tensors_in(inputs.call(self.reference()))]

    def reference(self) -> Any:
        """What computes the expected outputs, in float32."""
        given = self.test.reference
        if self.test.is_language_model:
            model = self.test.module if given is None else given
            reference: Any = OnePass(with_layers(model, self.test.layers), self.prompt_tokens)
        else:
            reference = self.module if given is None else self._step(given)
        return runnable(reference, torch.float32, _CPU) if isinstance(reference, nn.Module) else reference

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
                return [_dense(tensor) for tensor in tensors_in(inputs.call(reference))]
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
        return [_dense(tensor) for tensor in tensors_in(self.device.to_host(value))]

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


def _dense(tensor: Tensor) -> Tensor:
    """Of a sparse tensor, every value, as the checks compare them."""
    return tensor if tensor.layout == torch.strided else tensor.to_dense()
