"""Does a test still mean something where its sequence is cut? It is run, and its outputs are looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from ttci.devices.conversion import runnable
from ttci.tensors import tensors_in
from ttci.testing.config import ModuleTest, Shape
from ttci.testing.cuts import cut_expected_shape
from ttci.testing.input_forms import InputForm
from ttci.testing.input_trial import brief
from ttci.testing.inputs import make_inputs

Outputs = Sequence[Tensor]


class CutTrial:
    """Tries a test at shorter shapes than its own."""

    def __init__(self, test: ModuleTest, form: InputForm) -> None:
        self._test = test
        self._form = form

    def problem(
        self, shape: Shape, outputs_at: Callable[[Shape], Outputs], *, is_whole_test: bool = False
    ) -> str | None:
        """Why the test cannot be cut to `shape`, in a few words; None where it can.

        Args:
            shape: of the input, as it would be cut.
            outputs_at: runs the module, or what stands for it, at a shape.
            is_whole_test: whether the test's expected output shape has to hold too.
        """
        try:
            if not self._inputs_follow(shape):
                return "its inputs are the same whatever shape they are asked for"
            if shape == self._form.with_tokens(1):
                outputs_at(self._form.with_tokens(2))  # one alone is spread over what has a fixed length
            outputs = outputs_at(shape)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a module may raise anything
            return brief(error)
        expected = self._test.expected_output_shape if is_whole_test else None
        return _problem_of_outputs(outputs) or self._problem_of_shape(expected, shape, outputs)

    def outputs_of_module(self, shape: Shape) -> Outputs:
        """Of the module's own forward pass, in float32 on the host."""
        module = runnable(self._test.module, torch.float32, torch.device("cpu"))
        inputs = make_inputs(self._test, shape, self._form)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            return tensors_in(inputs.call(module))

    def _inputs_follow(self, shape: Shape) -> bool:
        return self._test.inputs is None or self._input_shapes(shape) != self._whole_input_shapes

    @cached_property
    def _whole_input_shapes(self) -> list[Shape]:
        return self._input_shapes(self._form.shape)

    def _input_shapes(self, shape: Shape) -> list[Shape]:
        return [tuple(tensor.shape) for tensor in make_inputs(self._test, shape, self._form).tensors]

    def _problem_of_shape(self, expected: Shape | None, shape: Shape, outputs: Outputs) -> str | None:
        if expected is None or not outputs:
            return None
        actual = tuple(outputs[0].shape)
        if cut_expected_shape(expected, self._form.shape, shape, actual) == actual:
            return None
        return f"at {shape} its output is {actual}, which is not expected_output_shape {expected}, cut alike"


def _problem_of_outputs(outputs: Outputs) -> str | None:
    if outputs and not any(output.numel() for output in outputs):
        return "its output is empty"
    if not all(bool(output.isfinite().all()) for output in outputs):
        return "its output is NaN or infinite"
    return None
