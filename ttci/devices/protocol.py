"""What a check asks of a device: capabilities, never its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from ttci.catalog.checks import Capability
from ttci.checks.memory import PeakMemory
from ttci.errors import TtciError
from ttci.results import Fidelity, Limit

Call = Callable[[], Any]


class NoImplementationError(TtciError):
    """The device has no implementation of a module."""


class NotSteadyError(TtciError):
    """What was timed was not the same work in every round."""


class Device(Protocol):
    """Where a module is executed."""

    name: str
    fidelity: Fidelity
    capabilities: frozenset[Capability]
    max_tokens: int | None
    measure_seconds: float  # for the latency of one test
    dtype_name: str  # of its floating-point numbers, as torch names it
    weight_dtype_name: str  # of matrices among the weights: as torch names it, or a block float of ttnn's
    environment: Mapping[str, str]  # what run.json tells of how it computes; empty where that is as usual
    notice: str | None  # the same for a person, in one line

    def prepare(self, module: Any) -> Callable[..., Any]:
        """`module` as this device runs it; the module itself stays as it is.

        Raises:
            NoImplementationError: where the device has none of it.
        """

    def release(self, implementation: Callable[..., Any]) -> None:
        """Forget what `prepare` gave; it is not used any more."""

    def to_device(self, value: Any) -> Any:
        """Tensors (nested ones too) moved and converted to what the device computes in."""

    def to_host(self, value: Any) -> Any:
        """The device's tensors (nested ones too) as torch tensors."""

    def synchronize(self) -> None:
        """Wait until everything that was started has finished."""

    def refusal(self, error: Exception) -> str | None:
        """What the device itself says was wrong with a call; None where `error` is none of its own."""

    def close(self) -> None:
        """Give the device back."""

    def timed(self, call: Call) -> AbstractContextManager[Call]:
        """`call` made ready to be timed: warm, and finished when it returns.

        Raises:
            NotSteadyError: at the end where it was not the same work each time.
        """

    def without_values(self) -> AbstractContextManager[None]:
        """Meanwhile a device that only follows values need not: sizes are asked for."""

    def peak_memory(self, module: Callable[..., Any], inputs: Any, call: Call) -> PeakMemory:
        """The most tensor bytes alive during `call`, weights and inputs included."""


class KnowsLimits(Protocol):
    """What a device with the capability `LIMIT` also does."""

    def limit(self, module: Callable[..., Any], inputs: Any, call: Call) -> Limit | None:
        """The shortest time that the board allows for `call`; None where it does nothing that takes some."""


class RunsUsersCode(Protocol):
    """What a device also does that runs implementations which users wrote for it."""

    def is_freed(self, value: Any) -> bool:
        """Whether a tensor of `value` (a nested one too) was freed by the call that it was given to."""

    def is_users_own(self, implementation: Callable[..., Any]) -> bool:
        """Whether what `prepare` gave is a user's: it may make weights and caches when it is first called."""


@runtime_checkable
class CountsWhatIsAllocated(Protocol):
    """What a device also does that counts as a module's memory all that is allocated."""

    def share(self, modules: Iterable[Any]) -> None:
        """Take note of all modules that are tested: what one of them holds is not another's memory."""
