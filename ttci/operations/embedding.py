"""The rows of a table that ids number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ttci.catalog.operations import Options, Shapes, shown
from ttci.operations.protocol import Operation

if TYPE_CHECKING:
    from torch import Tensor

    from ttci.modules.ttnn.kernels import TtnnKernel


class Embedding(Operation):
    """Ids [B, S], and rows [V, E]."""

    inputs = ("ids", "table")
    required = 2
    sequence = {0: -1}
    takes_ids = True

    def problems(self, shapes: Shapes, options: Options) -> Iterator[str]:
        ids, table = shapes
        if len(ids) != 2:
            yield f"the ids are {shown(ids)}; write [batch, tokens]"
        if len(table) != 2:
            yield f"the table is {shown(table)}; write [vocabulary, width]"

    def draw(self, shapes: Shapes, options: Options) -> tuple[Tensor, ...]:
        import torch

        ids, rows = shapes
        return torch.randint(rows[0], tuple(ids)), torch.randn(*rows)

    def on_torch(self, ids: Tensor, table: Tensor) -> Tensor:
        import torch.nn.functional as F

        return F.embedding(ids, table)

    def on_ttnn(self, kernel: TtnnKernel, ids: Any, table: Any) -> Any:
        ttnn = kernel.ttnn
        return ttnn.embedding(ids, table, layout=ttnn.TILE_LAYOUT, memory_config=kernel.memory_config)
