"""What an operation is: its rules, its inputs, and how torch and ttnn compute it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from ttci.catalog.operations import OperationFacts, Options, Shapes

if TYPE_CHECKING:
    from torch import Tensor

    from ttci.modules.ttnn.kernels import TtnnKernel


class Operation(OperationFacts, ABC):
    """An operation of its inputs; it has no weights of its own."""

    def draw(self, shapes: Shapes, options: Options) -> tuple[Tensor, ...]:
        """Inputs of these shapes, drawn from torch's generator."""
        import torch

        return tuple(torch.randn(*shape) for shape in shapes)

    @abstractmethod
    def on_torch(self, *inputs: Any, **options: Any) -> Tensor:
        """The reference."""

    @abstractmethod
    def on_ttnn(self, kernel: TtnnKernel, *inputs: Any, **options: Any) -> Any:
        """One operation of ttnn, with the settings that the modules of ttci use it with.

        Every chip of a board computes the whole.
        """
