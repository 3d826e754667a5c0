"""A test in the shape that a device takes: its inputs and its float32 reference, on the host."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from ttci.catalog.checks import Capability
from ttci.devices.conversion import runnable
from ttci.devices.protocol import Device
from ttci.modules.decode import DecodeStep
from ttci.modules.teacher_forcing import OnePass, PrefillAndDecode, with_layers
from ttci.tensors import tensors_in
from ttci.testing.config import PASS_TOKENS, ModuleTest, Shape
from ttci.testing.cut_trial import CutTrial
from ttci.testing.cuts import ChosenShape, choose_shape, cut_expected_shape, cuts_from, cuts_within
from ttci.testing.input_forms import InputForm
from ttci.testing.input_trial import FEW_TOKENS, input_form
from ttci.testing.inputs import Inputs, make_inputs, seeded

_CPU = torch.device("cpu")


class ShapedTest:
    """The shapes, the inputs and the expected outputs of one test, cut to what a device takes."""

    def __init__(self, test: ModuleTest, device: Device) -> None:
        self.test = test
        self.device = device
        self._made_inputs: dict[Shape, Inputs] = {}  # both of the shape that was made last
        self._reference_outputs: dict[Shape, Sequence[Tensor]] = {}

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
            return [dense(tensor).clone() for tensor in tensors_in(inputs.call(self.reference()))]

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
    def expected_shape(self) -> Shape | None:
        """Of the first output, cut as the input is; None where none is given."""
        expected = self.test.expected_output_shape
        if expected is None or not self.references:
            return expected
        return cut_expected_shape(expected, self.full_shape, self.shape, tuple(self.references[0].shape))


def dense(tensor: Tensor) -> Tensor:
    """Of a sparse tensor, every value, as the checks compare them."""
    return tensor if tensor.layout == torch.strided else tensor.to_dense()
