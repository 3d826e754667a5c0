"""Right modules whose form is special: scripted, complex, parametrized, of several outputs."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from tests.architectures.entries import FLOAT32, Right, normal, with_inputs
from tests.architectures.right_layers import mlp

WIDTH = 32


class Spectrum(nn.Module):
    """A filter in the frequencies, with complex weights."""

    def __init__(self, tokens: int = 16) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(tokens // 2 + 1, WIDTH, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Any:
        spectrum = torch.fft.rfft(x.float(), dim=1, norm="ortho")
        return torch.fft.irfft(spectrum * self.weight, n=x.shape[1], dim=1, norm="ortho").to(x.dtype)


class FourierMixing(nn.Module):
    """FNet: the real part of a Fourier transform over tokens and width."""

    def __init__(self) -> None:
        super().__init__()
        self.feed_forward = mlp(nn.GELU())

    def forward(self, x: Tensor) -> Any:
        return self.feed_forward(torch.fft.fft2(x.float(), norm="ortho").real.to(x.dtype))


class ComplexOutput(nn.Module):
    """A spectrum."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Any:
        return torch.fft.rfft(self.linear(x).float())


class ComplexLinear(nn.Module):
    """Complex all the way: input, weight and output."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH, dtype=torch.complex64)

    def forward(self, x: Tensor) -> Any:
        return self.linear(x)


def complex_input(shape: tuple[int, ...], draw: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=draw, dtype=torch.complex64)


class StateSpace(nn.Module):
    """A selective scan, step by step in float32, as Mamba's slow path."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(WIDTH, WIDTH + 2 * 4)
        self.log_decay = nn.Parameter(torch.log(torch.arange(1.0, 5).repeat(WIDTH, 1)))
        self.skip = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        step, b, c = self.project(x).float().split([WIDTH, 4, 4], -1)
        step = F.softplus(step)
        decay = torch.exp(-step[..., None] * torch.exp(self.log_decay.float()))
        state = torch.zeros(len(x), WIDTH, 4)
        outputs = []
        for token in range(x.shape[1]):
            entering = (step * x)[:, token, :, None] * b[:, token, None]
            state = decay[:, token] * state + entering
            outputs.append((state * c[:, token, None]).sum(-1))
        return (torch.stack(outputs, 1) + x * self.skip).to(x.dtype)


class InnerBFloat16(nn.Module):
    """Computes its product in bfloat16 whatever comes in."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(WIDTH, 64), nn.Linear(64, WIDTH)

    def forward(self, x: Tensor) -> Any:
        hidden = F.linear(x.bfloat16(), self.first.weight.bfloat16(), self.first.bias.bfloat16())
        return self.second(F.relu(hidden).to(x.dtype))


class Autocast(nn.Module):
    """Under autocast, as a trained model's code may have it."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = mlp(nn.GELU())

    def forward(self, x: Tensor) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.layers(x).to(x.dtype)


class Float32Constant(nn.Module):
    """Holds a plain tensor that no conversion of its weights reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)
        self.basis = torch.randn(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Any:
        return self.linear(x @ self.basis)


class Int8Weights(nn.Module):
    """Weights of eight bits and a scale a row."""

    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randint(-127, 128, (WIDTH, WIDTH), dtype=torch.int8))
        self.scale = nn.Parameter(torch.rand(WIDTH) / 500)

    def forward(self, x: Tensor) -> Any:
        return F.linear(x, self.weight.to(x.dtype)) * self.scale


class Hidden(NamedTuple):
    last: Tensor
    pooled: Tensor
    all: tuple[Tensor, ...]


class Outputs(nn.Module):
    """A NamedTuple with a tuple in it, a dict or a pair, as `form` makes of them."""

    def __init__(self, form: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.form = form
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Any:
        y = self.linear(x)
        return self.form(y, y.mean(1).tanh())


class Recomputed(nn.Module):
    """Recomputes its activations in the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = mlp(nn.GELU(), nn.ReLU())

    def forward(self, x: Tensor) -> Any:
        return checkpoint(self.layers, x, use_reentrant=False)


class _Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * gradients[0]


class HandWrittenBackward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Any:
        return _Square.apply(self.linear(x))  # type: ignore[no-untyped-call]


def scripted() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(mlp(nn.GELU(), nn.ReLU()))


def traced() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.trace(mlp(nn.GELU(), nn.ReLU()), torch.randn(1, 8, WIDTH))  # type: ignore[no-untyped-call]


def patched() -> nn.Module:
    """With a forward of its own, as libraries for quantisation and parallelism put it there."""
    module = mlp(nn.GELU())
    plain = module.forward
    module.forward = lambda x: x + plain(x)  # type: ignore[method-assign, no-untyped-call]
    return module


def bound() -> nn.Module:
    """With another's method bound to it."""

    def forward(self: nn.Linear, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias).relu()

    module = nn.Linear(WIDTH, WIDTH)
    module.forward = types.MethodType(forward, module)  # type: ignore[method-assign]
    return module


def hooked() -> nn.Module:
    module = mlp(nn.GELU())
    module[0].register_forward_hook(lambda _module, _inputs, output: output + 1)
    module[2].register_forward_pre_hook(lambda _module, inputs: (2 * inputs[0],))
    return module


def parametrized(parametrization: Callable[[nn.Module], nn.Module]) -> nn.Module:
    return nn.Sequential(parametrization(nn.Linear(WIDTH, WIDTH)), nn.ReLU(), nn.Linear(WIDTH, WIDTH))


def frozen() -> nn.Module:
    module = mlp(nn.ReLU())
    module[0].requires_grad_(False)
    return module


TOKENS = (2, 8, WIDTH)
RIGHT = [
    Right("complex filter of frequencies", Spectrum, normal(1, 16, WIDTH)),
    Right("Fourier mixing", FourierMixing, normal(1, 16, WIDTH)),
    Right("complex output", ComplexOutput, normal(*TOKENS)),
    Right("complex linear layer", ComplexLinear, with_inputs(TOKENS, complex_input)),
    Right("selective scan", StateSpace, normal(*TOKENS)),
    Right("a product in bfloat16", InnerBFloat16, normal(*TOKENS)),
    Right("autocast", Autocast, normal(*TOKENS)),
    Right("a constant in float32", Float32Constant, normal(*TOKENS), FLOAT32),
    Right("weights of eight bits", Int8Weights, normal(*TOKENS)),
    Right("named tuple of outputs", lambda: Outputs(lambda y, p: Hidden(y, p, (y, 2 * y))), normal(*TOKENS)),
    Right("dict of outputs", lambda: Outputs(lambda y, p: {"y": y, "more": {"pooled": p}}), normal(*TOKENS)),
    Right("pair of outputs with None", lambda: Outputs(lambda y, p: (y, None, [p])), normal(*TOKENS)),
    Right("recomputed activations", Recomputed, normal(*TOKENS)),
    Right("right hand-written backward", HandWrittenBackward, normal(*TOKENS)),
    Right("scripted", scripted, normal(*TOKENS)),
    Right("traced", traced, normal(1, 8, WIDTH)),
    Right("patched forward", patched, normal(*TOKENS)),
    Right("bound forward", bound, normal(*TOKENS)),
    Right("hooks", hooked, normal(*TOKENS)),
    Right("weight norm", lambda: parametrized(parametrizations.weight_norm), normal(*TOKENS)),
    Right("spectral norm", lambda: parametrized(parametrizations.spectral_norm), normal(*TOKENS)),
    Right("orthogonal weight", lambda: parametrized(parametrizations.orthogonal), normal(*TOKENS)),
    Right("frozen layer", frozen, normal(*TOKENS)),
]
