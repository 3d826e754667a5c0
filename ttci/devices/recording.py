"""What a device also does that tells of every operation of a call what it was given and how far it is off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from ttci.artifacts.operations_file import OperationFound


@dataclass(frozen=True)
class Context:
    """What a recording is told from outside.

    Attributes:
        place: ``file:line`` of who calls the operation that runs.
        as_reference: which value of the reference's a tensor is; None where it is none.
    """

    place: Callable[[], str | None]
    as_reference: Callable[[Tensor], str | None]


class Recording(Protocol):
    """Of all operations since it began; the table is of those since `list_from_here`."""

    @property
    def operations(self) -> Sequence[OperationFound]:
        """The table."""

    def list_from_here(self) -> None:
        """What came before, as the making of weights, is followed but no part of the table."""

    def unended(self, error: BaseException) -> None:
        """Let the operation that `error` has ended be the last of the table."""

    def in_float32(self, value: Any) -> list[Tensor]:
        """What the run of all operations in float32 holds of the tensors in `value`, on the host."""


@runtime_checkable
class RecordsOperations(Protocol):
    """A device whose operations can be recorded."""

    def recorded(self, context: Context) -> AbstractContextManager[Recording]:
        """Meanwhile every operation is recorded, which takes several times as long."""
