"""Feed-forward networks.

Shapes: B batch, S tokens, E hidden dim, F intermediate dim.
"""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
    "silu": F.silu,
}


class _GatedFFN(nn.Module):
    """What SwiGLU and GeGLU share: all but the activation of the gate."""

    def __init__(self, hidden_dim: int, intermediate_dim: int, bias: bool = False) -> None:
        super().__init__()
        self.hidden_dim = hidden_dim
        self.intermediate_dim = intermediate_dim
        self.gate_proj = nn.Linear(hidden_dim, intermediate_dim, bias=bias)
        self.up_proj = nn.Linear(hidden_dim, intermediate_dim, bias=bias)
        self.down_proj = nn.Linear(intermediate_dim, hidden_dim, bias=bias)

    def activate(self, gate: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Transform each token of x by itself, [B, S, E] to [B, S, E]."""
        gated = self.activate(self.gate_proj(x)) * self.up_proj(x)  # [B, S, F]
        y: Tensor = self.down_proj(gated)  # [B, S, E]
        return y


class SwiGLU(_GatedFFN):
    """Feed-forward network with a SiLU gate, arXiv 2002.05202; ``LlamaMLP``.

    Args:
        hidden_dim: Size of input and output, E.
        intermediate_dim: Size in between, F.
        bias: Whether the three projections have a bias.
    """

    def activate(self, gate: Tensor) -> Tensor:
        """Apply SiLU to the gate, [B, S, F] to [B, S, F]."""
        return F.silu(gate)


class GeGLU(_GatedFFN):
    """Feed-forward network with a GELU gate, arXiv 2002.05202; with tanh, ``GemmaMLP``.

    Args:
        hidden_dim: Size of input and output, E.
        intermediate_dim: Size in between, F.
        bias: Whether the three projections have a bias.
        approximate: GELU by its definition (``none``) or by ``tanh``.

    Raises:
        ValueError: ``approximate`` is neither.
    """

    def __init__(
        self,
        hidden_dim: int,
        intermediate_dim: int,
        bias: bool = False,
        approximate: str = "none",
    ) -> None:
        super().__init__(hidden_dim, intermediate_dim, bias)
        if approximate not in ("none", "tanh"):
            raise ValueError(f'approximate must be "none" or "tanh", got "{approximate}"')
        self.approximate = approximate

    def activate(self, gate: Tensor) -> Tensor:
        """Apply GELU to the gate, [B, S, F] to [B, S, F]."""
        return F.gelu(gate, approximate=self.approximate)

    def extra_repr(self) -> str:
        """Show which GELU when printed."""
        return f"approximate={self.approximate}"


class MLP(nn.Module):
    """Feed-forward network without a gate, arXiv 1706.03762.

    In Hugging Face's BERT: ``BertIntermediate`` and the dense half of ``BertOutput``.

    Args:
        hidden_dim: Size of input and output, E.
        intermediate_dim: Size in between, F.
        activation: A key of ``ACTIVATIONS``.
        bias: Whether the two projections have a bias.

    Raises:
        ValueError: The activation is not a known one.
    """

    def __init__(
        self,
        hidden_dim: int,
        intermediate_dim: int,
        activation: str = "gelu",
        bias: bool = True,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise ValueError(f'unknown activation "{activation}"; known ones: {known}')
        self.hidden_dim = hidden_dim
        self.intermediate_dim = intermediate_dim
        self.activation = activation
        self.up_proj = nn.Linear(hidden_dim, intermediate_dim, bias=bias)
        self.down_proj = nn.Linear(intermediate_dim, hidden_dim, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Transform each token of x by itself, [B, S, E] to [B, S, E]."""
        inner = ACTIVATIONS[self.activation](self.up_proj(x))  # [B, S, F]
        y: Tensor = self.down_proj(inner)  # [B, S, E]
        return y

    def extra_repr(self) -> str:
        """Show the activation when printed."""
        return f"activation={self.activation}"
