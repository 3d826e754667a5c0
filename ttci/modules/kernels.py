"""A kernel of the manifest as a module: the reference, on torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor, nn

from ttci.catalog.operations import operation_facts
from ttci.manifest import KernelEntry
from ttci.manifest.kernels import cut_first_shape, cut_shapes

if TYPE_CHECKING:
    from ttci.operations.protocol import Operation

Shape = tuple[int, ...]
Shapes = tuple[Shape, ...]
Options = Mapping[str, Any]


class Kernel(nn.Module):
    """One torch operation of its inputs; it has no weights of its own.

    Attributes:
        entry: what the manifest says of it.
        operation: what it runs.
        options: the operation's keyword options, by default where none is given.
    """

    def __init__(self, entry: KernelEntry) -> None:
        super().__init__()
        self.entry = entry
        self.operation = cast("Operation", operation_facts(entry.op))
        self.options = self.operation.with_defaults(entry.options)

    def forward(self, *inputs: Tensor) -> Tensor:
        """The operation of its inputs, of the shapes that the manifest gives them."""
        return self.operation.on_torch(*inputs, **self.options)

    def cut_shape(self, shape: Shape, max_tokens: int | None) -> Shape:
        """The first input's shape, cut along its sequence to what a device takes."""
        return cut_first_shape(self.entry.op, shape, max_tokens)

    def shapes(self, first: Shape) -> Shapes:
        """The shapes of all inputs where the first, cut maybe, has the shape `first`."""
        return cut_shapes(self.entry.op, self.entry.shapes, first)

    def make_inputs(self, first: Shape) -> tuple[Tensor, ...]:
        """Inputs drawn from torch's generator, the first of the shape `first`."""
        return self.operation.draw(self.shapes(first), self.options)

    def described(self, first: Shape) -> dict[str, Any]:
        """What the manifest says of it, in shapes as they are run; a torch device has its own dtype."""
        return {
            "op": self.entry.op,
            "shapes": [list(shape) for shape in self.shapes(first)],
            "dtypes": list(self.entry.dtypes),
            "memory_config": self.entry.memory_config,
            "options": dict(self.options),
        }

    def extra_repr(self) -> str:
        """Show the operation when printed."""
        return self.entry.op
