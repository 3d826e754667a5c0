"""The rotary embedding of queries or keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ttci.catalog.operations import Options, Shapes, number, shown
from ttci.operations.protocol import Operation

if TYPE_CHECKING:
    from torch import Tensor

    from ttci.modules.ttnn.kernels import TtnnKernel


class RotaryEmbedding(Operation):
    """[B, H, S, D], the two halves of D turned by the tables of positions 0 to S - 1."""

    inputs = ("input",)
    required = 1
    options = {"theta": number(10000.0)}

    def problems(self, shapes: Shapes, options: Options) -> Iterator[str]:
        (x,) = shapes
        if len(x) != 4:
            yield f"the input is {shown(x)}; write [batch, heads, tokens, head dim]"
        elif x[-1] % 2:
            yield f"the head dim {x[-1]} is odd, and its two halves turn together"

    def draw(self, shapes: Shapes, options: Options) -> tuple[Tensor, ...]:
        """With the tables, [1, 1, S, D] each."""
        import torch

        from ttci.modules.rotary import inverse_frequencies, rotary_tables

        x = torch.randn(*shapes[0])
        tokens, head_dim = x.shape[-2:]
        cos, sin = rotary_tables(torch.arange(tokens), inverse_frequencies(head_dim, options["theta"]))
        return x, cos[None, None], sin[None, None]

    def on_torch(self, x: Tensor, cos: Tensor, sin: Tensor, *, theta: float) -> Tensor:
        """Theta is in the tables."""
        from ttci.modules.rotary import apply_rotary

        return apply_rotary(x, cos, sin)

    def on_ttnn(self, kernel: TtnnKernel, x: Any, cos: Any, sin: Any, *, theta: float) -> Any:
        """The operation takes one batch; several are folded into the heads, which moves nothing."""
        ttnn = kernel.ttnn
        batch, heads, tokens, head_dim = x.shape
        folded = x if batch == 1 else ttnn.reshape(x, (1, batch * heads, tokens, head_dim))
        turned = ttnn.experimental.rotary_embedding_hf(folded, cos, sin, memory_config=kernel.memory_config)
        return turned if batch == 1 else ttnn.reshape(turned, (batch, heads, tokens, head_dim))
