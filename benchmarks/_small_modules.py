"""Right modules of many kinds, small enough to judge thousands of their outputs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ttci.modules.attention import MultiHeadAttention
from ttci.modules.ffn import SwiGLU
from ttci.modules.normalization import RMSNorm

WIDTH, TOKENS = 32, 16


class Function(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """The function of x."""
        return self.function(x)


class FirstOutput(nn.Module):
    """A recurrent layer's output, without its state."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """[B, S, E] to [B, S, E]."""
        output: Tensor = self.layer(x)[0]
        return output


class Experts(nn.Module):
    """The two best of eight experts a token: a choice that rounding flips at a near tie."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(WIDTH, 8)
        self.experts = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(8))

    def forward(self, x: Tensor) -> Tensor:
        """[B, S, E] to [B, S, E]."""
        shares, chosen = self.router(x).softmax(-1).topk(2, -1)
        of_all = torch.stack([expert(x) for expert in self.experts], -2)  # [B, S, 8, E]
        of_chosen = of_all.gather(-2, chosen[..., None].expand(*chosen.shape, WIDTH))
        mixed: Tensor = (shares[..., None] * of_chosen).sum(-2)
        return mixed


class NearlyConstantRows(nn.Module):
    """A norm of rows of which some hardly vary: it makes much of their rounding."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """[B, S, E] to [B, S, E]."""
        flat = torch.ones_like(x)
        flat[:, 1::5] = 0.01
        y: Tensor = self.linear(self.norm(3 * (flat < 1) + flat * x))
        return y


class Residual(nn.Module):
    """Blocks that each add to what came before."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(RMSNorm(WIDTH), nn.Linear(WIDTH, 64), nn.GELU(), nn.Linear(64, WIDTH))
            for _ in range(4)
            for _ in range(4)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, S, E] to [B, S, E]."""
        for block in self.blocks:
            x = x + block(x)
        return x


def sharp_attention() -> nn.Module:
    """Scores that are large: a token attends to one or two others."""
    module = MultiHeadAttention(WIDTH, 4, rope_theta=1e4)
    module.q_proj.weight.data.mul_(6)
    return module


def encoder_layer() -> nn.Module:
    """As torch has it, in one fused call."""
    return nn.TransformerEncoderLayer(WIDTH, 4, 64, 0.0, batch_first=True).eval()


TOKENWISE: dict[str, Callable[[], nn.Module]] = {  # [1, S, E] to [1, S, E], of about unit size
    "linear": lambda: nn.Linear(WIDTH, WIDTH),
    "ReLU MLP": lambda: nn.Sequential(nn.Linear(WIDTH, 128), nn.ReLU(), nn.Linear(128, WIDTH)),
    "SwiGLU": lambda: SwiGLU(WIDTH, 64),
    "attention": lambda: MultiHeadAttention(WIDTH, 4, 2, rope_theta=1e4, qk_norm=True),
    "sharp attention": sharp_attention,
    "encoder layer": encoder_layer,
    "experts": Experts,
    "norm of nearly constant rows": NearlyConstantRows,
    "residual blocks": Residual,
    "LSTM": lambda: FirstOutput(nn.LSTM(WIDTH, WIDTH, batch_first=True)),
    "RMSNorm": lambda: RMSNorm(WIDTH),
    "convolution": lambda: nn.Sequential(nn.Conv1d(TOKENS, TOKENS, 3, padding=1), nn.SiLU()),
    "identity": lambda: Function(lambda x: 1.0 * x),
}
OTHERS: dict[str, Callable[[], nn.Module]] = {
    "softmax": lambda: Function(lambda x: (4 * x).softmax(-1)),
    "log softmax": lambda: Function(lambda x: x.log_softmax(-1)),
    "exp": lambda: Function(lambda x: (3 * x).exp()),
    "1000 + x": lambda: Function(lambda x: 1000 + x),
    "difference of large numbers": lambda: Function(lambda x: (x + 50) - 50.0),
    "score": lambda: nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, 1)),
    "variance": lambda: Function(lambda x: x.var(-1)),
    "sum over tokens": lambda: Function(lambda x: x.cumsum(1)),
    "argmax": lambda: Function(lambda x: x.argmax(-1)),
    "top 4 of 32": lambda: Function(lambda x: x.topk(4, -1).indices),
}
