"""A prepared test as its checks see it: `ttci.checks.protocol.Subject`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ttci.checks.correctness import Observed
from ttci.checks.judged_output import RoundedReferences
from ttci.checks.memory import PeakMemory
from ttci.checks.outcome import Explanation
from ttci.checks.performance import Timing, measure
from ttci.modules.teacher_forcing import prompt_of
from ttci.results import ErrorMap
from ttci.testing.config import Shape
from ttci.testing.diagnosis import error_map_of, explanation_of
from ttci.testing.gradient_problem import GradientProblem
from ttci.testing.kept_tensors import keep, of_language_model, of_module
from ttci.testing.prepared import PreparedTest

Timer = Callable[[Callable[[], object]], Timing]


@dataclass(frozen=True)
class TestSubject:
    """What a check may ask of a test.

    Attributes:
        tolerance: of the output's correlation with the reference.
        timer: of a call that is warm.
        keep_in: the folder for the tensors of a wrong output; None where they are not kept.
    """

    __test__ = False

    prepared: PreparedTest
    tolerance: float
    timer: Timer
    keep_in: Path | None = None

    @property
    def module(self) -> Any:
        """What is tested, as the user gave it."""
        return self.prepared.test.module

    @property
    def dtype_name(self) -> str:
        """What the device computes in, as torch names it."""
        return self.prepared.device.dtype_name

    @property
    def is_decode_step(self) -> bool:
        """Whether it gives every user one token."""
        return self.prepared.cache_length is not None

    @property
    def is_language_model(self) -> bool:
        """Whether it is a whole language model, whose outputs are logits."""
        return self.prepared.test.is_language_model

    @property
    def expected_shape(self) -> Shape | None:
        """Of the first output; None where the reference's is expected."""
        return self.prepared.expected_shape

    @property
    def rounded_references(self) -> RoundedReferences | None:
        """The expected outputs as the device's rounding changes them; None where it computes in float32."""
        return self.prepared.rounded_references

    def observe(self) -> Observed:
        """Two forward passes on the device, with their inputs and the float32 references."""
        return self.prepared.observe()

    def explanation(self, observed: Observed) -> Explanation | None:
        """What explains a wrong output: the mistake, the first wrong submodule; None where nothing does."""
        return explanation_of(self.prepared, observed, self.tolerance)

    def kept(self, observed: Observed) -> str | None:
        """Keep the tensors of a wrong output and say how to load them; None where that is not asked for."""
        if self.keep_in is None:
            return None
        inputs = self.prepared.inputs
        shapes = [[tensor.shape for tensor in each] for each in (observed.outputs, observed.references)]
        if self.is_language_model and shapes[0] == shapes[1]:
            tokens: Tensor = inputs.positional[0]
            prompt = prompt_of(tokens.shape[1], self.prepared.prompt_tokens)
            kept = of_language_model(tokens, prompt, observed)
        else:
            kept = of_module(inputs.named_tensors, observed)
        return keep(self.keep_in, self.prepared.test.name, kept)

    def error_map(self, observed: Observed) -> ErrorMap | None:
        """Where the most wrong output is wrong; None where no output can be compared."""
        return error_map_of(self.prepared, observed)

    def differentiable(self) -> GradientProblem:
        """The module on as few tokens as it takes.

        Raises:
            NotDifferentiableError: where autograd cannot run through it.
        """
        return self.prepared.gradient_problem()

    def time_forward(self) -> Timing:
        """The rounds of a forward pass on the device, timed."""
        with self.prepared.device.timed(self.prepared.forward) as call:
            return self.timer(call)

    @property
    def decode_steps(self) -> int:
        """Of a language model, behind its prompt; 0 of another test."""
        if not self.is_language_model:
            return 0
        tokens = self.prepared.shape[1]
        return tokens - prompt_of(tokens, self.prepared.prompt_tokens)

    def time_prompt(self) -> Timing:
        """The rounds of a language model's prompt, by ttci's own timer: pytest-benchmark's times one call."""
        with self.prepared.device.timed(self.prepared.forward_of_prompt) as call:
            return measure(call, self.prepared.measure_seconds)

    def peak_memory(self) -> PeakMemory:
        """The most bytes alive at once in a forward pass on the device."""
        return self.prepared.peak_memory()
