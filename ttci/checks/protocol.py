"""What a check is, and what it is given: all that whoever writes one imports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from ttci.catalog.checks import Capability, CheckFacts, check_class
from ttci.checks.outcome import Explanation, Findings, NotJudgedError, measured
from ttci.results import ErrorMap, Measurement

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import Tensor

    from ttci.checks.correctness import Observed
    from ttci.checks.judged_output import RoundedReferences
    from ttci.checks.memory import PeakMemory
    from ttci.checks.performance import Timing

__all__ = [
    "Capability",
    "Check",
    "Explanation",
    "Findings",
    "Measurement",
    "NotJudgedError",
    "Subject",
    "measured",
]


class DifferentiableModule(Protocol):
    """A module in a precision in which it can be differentiated, within `entered()`."""

    @property
    def wanted(self) -> Mapping[str, Tensor]:
        """The leaves whose gradients are asked for, by name."""

    def forward(self) -> Sequence[Tensor]:
        """The outputs, from the leaves."""

    def entered(self) -> AbstractContextManager[None]:
        """Meanwhile the module is in its precision."""


class Subject(Protocol):
    """A test made ready on its device; each thing is made when a check asks for it."""

    @property
    def module(self) -> Any:
        """What is tested, as the user gave it."""

    @property
    def tolerance(self) -> float:
        """Of the output's correlation with the reference, by the test or its target `accuracy`."""

    @property
    def dtype_name(self) -> str:
        """What the device computes in, as torch names it."""

    @property
    def is_decode_step(self) -> bool:
        """Whether it gives every user one token."""

    @property
    def is_language_model(self) -> bool:
        """Whether it is a whole language model, whose outputs are logits."""

    @property
    def expected_shape(self) -> tuple[int, ...] | None:
        """Of the first output; None where the reference's is expected."""

    @property
    def rounded_references(self) -> RoundedReferences | None:
        """The expected outputs as the device's rounding changes them; None where it computes in float32."""

    def observe(self) -> Observed:
        """Two forward passes on the device, with their inputs and the float32 references."""

    def explanation(self, observed: Observed) -> Explanation | None:
        """What explains a wrong output: the mistake, the first wrong submodule; None where nothing does."""

    def kept(self, observed: Observed) -> str | None:
        """Keep the tensors of a wrong output and say how to load them; None where that is not asked for."""

    def error_map(self, observed: Observed) -> ErrorMap | None:
        """Where the most wrong output is wrong; None where no output can be compared."""

    def differentiable(self) -> DifferentiableModule:
        """The module on as few tokens as it takes.

        Raises:
            NotJudgedError: where nothing differentiates it.
        """

    def time_forward(self) -> Timing:
        """The rounds of a forward pass on the device, timed."""

    @property
    def decode_steps(self) -> int:
        """Of a language model, behind its prompt; 0 of another test."""

    def time_prompt(self) -> Timing:
        """The rounds of a language model's prompt, timed."""

    def peak_memory(self) -> PeakMemory:
        """The most bytes alive at once in a forward pass on the device."""


class Check(CheckFacts, ABC):
    """A check: its facts are attributes of its class, see `CheckFacts`; an instance is made for each test.

    Of what a user should know of it, `Findings.problems` fail the check, each a sentence with
    its cause and what to do; none is a pass.
    """

    @abstractmethod
    def findings(self, subject: Subject) -> Findings:
        """Make the check.

        Raises:
            NotJudgedError: nothing can be judged; the check is then unavailable, with the reason.
        """


def make_check(name: str) -> Check:
    """The check of that name.

    Raises:
        InputError: where its package cannot be used.
    """
    return cast("type[Check]", check_class(name))()
