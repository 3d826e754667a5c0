"""Normalization over the last dimension, computed in float32 at least.

Shapes: E hidden dim, the last dimension. float16 would overflow in the squares and
bfloat16 is too coarse for a mean; float64 stays float64, so that finite-difference
gradient checks hold.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """Root-mean-square normalization, arXiv 1910.07467; Hugging Face's ``LlamaRMSNorm``.

    Args:
        hidden_dim: Size of the last dimension, E.
        eps: Added to the mean square, so that a zero row stays finite.
    """

    def __init__(self, hidden_dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.hidden_dim = hidden_dim
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(hidden_dim))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x, [..., E] to [..., E]."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        scale = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)  # [..., 1]
        # Rounded before the weight is applied: the order of LlamaRMSNorm, bit for bit.
        return self.weight * (wide * scale).to(x.dtype)

    def extra_repr(self) -> str:
        """Show the constructor's arguments when printed."""
        return f"{self.hidden_dim}, eps={self.eps}"


class LayerNorm(nn.Module):
    """Layer normalization, arXiv 1607.06450; ``torch.nn.LayerNorm``.

    Args:
        hidden_dim: Size of the last dimension, E.
        eps: Added to the variance, so that a constant row stays finite.
        bias: Whether to learn a shift beside the scale.
    """

    def __init__(self, hidden_dim: int, eps: float = 1e-5, bias: bool = True) -> None:
        super().__init__()
        self.hidden_dim = hidden_dim
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(hidden_dim))
        self.bias = nn.Parameter(torch.zeros(hidden_dim)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x, [..., E] to [..., E]."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        bias = None if self.bias is None else self.bias.to(dtype)
        y = F.layer_norm(x.to(dtype), (self.hidden_dim,), self.weight.to(dtype), bias, self.eps)
        return y.to(x.dtype)

    def extra_repr(self) -> str:
        """Show the constructor's arguments when printed."""
        return f"{self.hidden_dim}, eps={self.eps}, bias={self.bias is not None}"
