"""A prepared test as its checks see it: `ttci.checks.protocol.Subject`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ttci.checks.correctness import Observed
from ttci.checks.judged_output import RoundedReferences
from ttci.checks.memory import PeakMemory
from ttci.checks.performance import Timing
from ttci.testing.config import Shape
from ttci.testing.diagnosis import diagnosis_of
from ttci.testing.gradient_problem import GradientProblem
from ttci.testing.prepared import PreparedTest

Timer = Callable[[Callable[[], object]], Timing]


@dataclass(frozen=True)
class TestSubject:
    """What a check may ask of a test.

    Attributes:
        tolerance: of the output's correlation with the reference.
        timer: of a call that is warm.
    """

    __test__ = False

    prepared: PreparedTest
    tolerance: float
    timer: Timer

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

    def diagnosis(self, observed: Observed) -> tuple[str, ...]:
        """What explains a wrong output, in sentences: the mistake, the first wrong submodule."""
        return diagnosis_of(self.prepared, observed, self.tolerance)

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

    def peak_memory(self) -> PeakMemory:
        """The most bytes alive at once in a forward pass on the device."""
        return self.prepared.peak_memory()
