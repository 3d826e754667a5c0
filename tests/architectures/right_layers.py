"""Right modules of torch.nn and around it: layers, norms, convolutions, pools, recurrences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.architectures.entries import Config, Right, fixed, ids, normal, with_inputs

WIDTH = 32


def flat(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers)


def mlp(*activations: nn.Module) -> nn.Sequential:
    """Each activation between two linear layers."""
    layers: list[nn.Module] = [nn.Linear(WIDTH, WIDTH)]
    for activation in activations:
        layers += [activation, nn.Linear(WIDTH, WIDTH)]
    return nn.Sequential(*layers)


class Kinks(nn.Module):
    """Absolute values, clamps, maxima and minima."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        clamped = y.abs().clamp(0.1, 0.8) + torch.maximum(y, x) - torch.minimum(y, 2 * x)
        return clamped - clamped.amax(-1, keepdim=True) + y.sort(-1).values


class UpcastRMSNorm(nn.Module):
    """Computes in float32 whatever comes in, as Hugging Face's do."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.weight = nn.Parameter(1 + 0.1 * torch.randn(width))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)
        return self.weight * wide.to(x.dtype)


def batch_norm() -> nn.Module:
    """With running statistics as a trained one has them."""
    norm = nn.BatchNorm2d(8)
    nn.init.normal_(norm.running_mean)  # type: ignore[arg-type]
    nn.init.uniform_(norm.running_var, 0.5, 2.0)  # type: ignore[arg-type]
    return flat(nn.Conv2d(3, 8, 3, padding=1), norm, nn.ReLU())


class Residual(nn.Module):
    """A block of a ResNet with dead units: zero biases, non-negative inputs."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        nn.init.zeros_(self.first.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.first.weight[0] = 0

    def forward(self, x: Tensor) -> Any:
        return (x + self.second(self.first(x).relu())).relu()


def image(*shape: int, zero_from: int) -> Callable[[int], Config]:
    """Non-negative images, whose columns from `zero_from` on are padding."""

    def pixels(_: tuple[int, ...], draw: torch.Generator) -> Tensor:
        made = torch.rand(shape, generator=draw)
        made[..., zero_from:] = 0
        return made

    return with_inputs(shape, pixels)


def zero_bias_mlp() -> nn.Module:
    module = mlp(nn.ReLU(), nn.ReLU())
    for layer in module:
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.bias)
    return module


def padded_tokens(shape: tuple[int, ...], draw: torch.Generator) -> Tensor:
    """Tokens of which the last half are zero."""
    tokens = torch.randn(shape, generator=draw)
    tokens[:, shape[1] // 2 :] = 0
    return tokens


class PointNet(nn.Module):
    """A maximum over all points."""

    def __init__(self) -> None:
        super().__init__()
        self.points = nn.Sequential(nn.Conv1d(3, 16, 1), nn.ReLU(), nn.Conv1d(16, 32, 1))
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.points(x).max(-1).values)


class UNet(nn.Module):
    """Down, up again, and a skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1)
        self.out = nn.Conv2d(11, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Any:
        up = self.up(F.silu(self.down(x)))
        blurred = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2.0, mode="bilinear")
        return self.out(torch.cat([x + blurred, up], 1))


class Recurrent(nn.Module):
    """A recurrent layer between two linear ones; its final state is an output too."""

    def __init__(self, kind: Callable[..., nn.RNNBase], **arguments: Any) -> None:
        super().__init__()
        self.recurrent = kind(WIDTH, 24, batch_first=True, **arguments)
        self.out = nn.Linear(48 if arguments.get("bidirectional") else 24, WIDTH)

    def forward(self, x: Tensor) -> Any:
        hidden, state = self.recurrent(x)
        return self.out(hidden), state


class LastState(nn.Module):
    """A classifier on ids: embedding, GRU, last state."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 16, padding_idx=0)
        self.gru = nn.GRU(16, 24, num_layers=2, batch_first=True)
        self.head = nn.Linear(24, 5)

    def forward(self, tokens: Tensor) -> Any:
        _, state = self.gru(self.embedding(tokens))
        return self.head(state[-1]).log_softmax(-1)


def padded_ids(shape: tuple[int, ...], draw: torch.Generator) -> Tensor:
    """Ids that begin with the embedding's padding, whose row gets no gradient by design."""
    tokens = torch.randint(1, 50, shape, generator=draw)
    tokens[0, :4] = 0
    return tokens


class FloatShapeWithVocabulary(nn.Module):
    """Takes hidden states, and states the size of its output's vocabulary."""

    def __init__(self) -> None:
        super().__init__()
        self.vocab_size = 40
        self.head = nn.Linear(WIDTH, 40)

    def forward(self, hidden: Tensor) -> Any:
        return self.head(hidden)


class Loss(nn.Module):
    """One number."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(WIDTH, 40)

    def forward(self, hidden: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(self.head(hidden).flatten(0, 1).float(), labels.flatten())


def labelled(shape: tuple[int, ...], draw: torch.Generator) -> tuple[Tensor, Tensor]:
    return torch.randn(shape, generator=draw), torch.randint(40, shape[:2], generator=draw)


class GreedyIds(nn.Module):
    """The ids of the most likely tokens, and whether each is likely."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(WIDTH, 20)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        likely = self.head(hidden).softmax(-1).max(-1)
        return likely.indices, likely.values > 0.1


class NearlyConstant(nn.Module):
    """A gate that has not opened yet."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Any:
        return torch.sigmoid(0.01 * self.linear(x))


class SparseGraph(nn.Module):
    """A graph convolution with a sparse adjacency matrix as buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)
        edges = (torch.rand(12, 12) < 0.3).float() + torch.eye(12)
        self.register_buffer("adjacency", (edges / edges.sum(1, keepdim=True)).to_sparse())

    def forward(self, x: Tensor) -> Any:
        return torch.sparse.mm(self.adjacency, self.linear(x)).relu()


class MessagePassing(nn.Module):
    """Messages along edges, added up at their ends."""

    def __init__(self) -> None:
        super().__init__()
        self.message = nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        begin, end = edges
        messages = F.leaky_relu(self.message(torch.cat([nodes[begin], nodes[end]], -1)))
        return torch.zeros_like(nodes).index_add(0, end, messages)


def graph(_: tuple[int, ...], draw: torch.Generator) -> tuple[Tensor, Tensor]:
    return torch.randn(12, WIDTH, generator=draw), torch.randint(12, (2, 40), generator=draw)


class Bilinear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bilinear = nn.Bilinear(WIDTH, WIDTH, 8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bilinear(x, x.flip(-1))
        return torch.cat([y, F.cosine_similarity(x, x.roll(1, 0), -1)[..., None]], -1)


RIGHT = [
    Right("linear layers with ReLU", lambda: mlp(nn.ReLU(), nn.ReLU()), normal(2, 16, WIDTH)),
    Right(
        "smooth activations",
        lambda: mlp(nn.GELU(), nn.SiLU(), nn.Softplus(), nn.Mish(), nn.Tanh()),
        normal(2, 8, WIDTH),
    ),
    Right(
        "activations with kinks",
        lambda: mlp(nn.Hardswish(), nn.LeakyReLU(), nn.ReLU6(), nn.PReLU(), nn.Hardtanh(), nn.ELU()),
        normal(2, 8, WIDTH),
    ),
    Right("absolute values, clamps and maxima", Kinks, normal(2, 8, WIDTH)),
    Right(
        "zero padding and zero biases before ReLU", zero_bias_mlp, with_inputs((2, 8, WIDTH), padded_tokens)
    ),
    Right("layer norm", lambda: flat(nn.LayerNorm(WIDTH), mlp(nn.GELU())), fixed(1, 16, WIDTH)),
    Right(
        "RMS norm in float32 before ReLU", lambda: flat(UpcastRMSNorm(), mlp(nn.ReLU())), normal(1, 16, WIDTH)
    ),
    Right("group norm", lambda: flat(nn.Conv2d(4, 8, 3), nn.GroupNorm(4, 8), nn.SiLU()), normal(2, 4, 8, 8)),
    Right(
        "instance norm", lambda: flat(nn.Conv1d(4, 8, 3), nn.InstanceNorm1d(8, affine=True)), normal(2, 4, 20)
    ),
    Right("batch norm of an image", batch_norm, normal(2, 3, 8, 8)),
    Right("one-dimensional convolution", lambda: nn.Conv1d(16, 8, 3), fixed(2, 16, 20)),
    Right(
        "a convolution within a sequential",
        lambda: flat(nn.Identity(), nn.Conv1d(16, 8, 3)),
        fixed(1, 16, 20),
    ),
    Right(
        "depthwise separable convolution",
        lambda: flat(nn.Conv2d(12, 12, 3, groups=12), nn.ReLU(), nn.Conv2d(12, 4, 1)),
        normal(2, 12, 8, 8),
    ),
    Right(
        "three-dimensional convolution",
        lambda: flat(nn.Conv3d(2, 4, 3), nn.ReLU(), nn.MaxPool3d(2)),
        normal(1, 2, 8, 8, 8),
    ),
    Right(
        "transposed and dilated convolution",
        lambda: flat(nn.ConvTranspose1d(9, 6, 4, stride=2), nn.ELU(), nn.Conv1d(6, 6, 3, dilation=2)),
        normal(1, 9, 12),
    ),
    Right(
        "pools",
        lambda: flat(
            nn.Conv2d(3, 16, 3),
            nn.MaxPool2d(2),
            nn.AvgPool2d(2),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 5),
        ),
        normal(2, 3, 16, 16),
    ),
    Right(
        "residual block with dead units",
        lambda: flat(Residual(4), Residual(4)),
        image(2, 4, 8, 8, zero_from=4),
    ),
    Right("U-Net", UNet, normal(1, 3, 16, 16)),
    Right("PointNet", PointNet, normal(2, 3, 24)),
    Right("LSTM", lambda: nn.LSTM(10, 20, num_layers=2, batch_first=True), fixed(2, 12, 10)),
    Right("LSTM whose input shape is worked out", lambda: nn.LSTM(10, 6), fixed()),
    Right("bidirectional LSTM", lambda: Recurrent(nn.LSTM, bidirectional=True), normal(2, 8, WIDTH)),
    Right("GRU", lambda: Recurrent(nn.GRU, num_layers=2), normal(2, 8, WIDTH)),
    Right("Elman network with ReLU", lambda: Recurrent(nn.RNN, nonlinearity="relu"), normal(2, 8, WIDTH)),
    Right("GRU on ids, some of them padding", LastState, with_inputs((3, 12), padded_ids)),
    Right("embedding bag", lambda: nn.EmbeddingBag(50, 16, mode="mean"), ids(50, 4, 6)),
    Right("hidden states beside a vocabulary's size", FloatShapeWithVocabulary, fixed(1, 8, WIDTH)),
    Right("a loss", Loss, with_inputs((2, 16, WIDTH), labelled)),
    Right("ids and booleans", GreedyIds, normal(4, 32, WIDTH)),
    Right("a nearly constant output", NearlyConstant, normal(2, 16, WIDTH)),
    Right("graph convolution with a sparse buffer", SparseGraph, normal(12, WIDTH)),
    Right("message passing", MessagePassing, with_inputs((12, WIDTH), graph)),
    Right("bilinear layer and cosine similarity", Bilinear, normal(3, 8, WIDTH)),
]
