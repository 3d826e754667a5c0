"""Wrong experts, convolutions, recurrences, embeddings, indices, booleans, padding and pools."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.architectures.entries import Config, Wrong, normal
from tests.architectures.right_attention import Experts

WIDTH = 32


def made(
    right: Callable[[], nn.Module], wrong: Callable[[nn.Module], nn.Module], config: Callable[[int], Config]
) -> Any:
    """`wrong` makes the wrong module out of a copy of the right one."""

    def make(seed: int) -> tuple[nn.Module, nn.Module, Config]:
        module = right()
        return wrong(copy.deepcopy(module)), module, config(seed)

    return make


class Function(nn.Module):
    """A function of a module and its input."""

    def __init__(self, module: nn.Module, function: Callable[..., Any]) -> None:
        super().__init__()
        self.module, self.function = module, function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(self.module, *inputs)


def both(
    module: Callable[[], nn.Module],
    right: Callable[..., Any],
    wrong: Callable[..., Any],
    config: Callable[[int], Config],
) -> Any:
    """The same weights used by a right function and by a wrong one."""

    def wronged(given: Any) -> nn.Module:
        return Function(given.module, wrong)

    return made(lambda: Function(module(), right), wronged, config)


# --- experts


class WeightsNotRenormalised(Experts):
    def forward(self, x: Tensor) -> Tensor:
        best = self.scores(x).softmax(-1).topk(2, -1)
        return super().forward(x) * best.values.sum(-1, keepdim=True).to(x.dtype)


class FirstExpertOnly(Experts):
    def forward(self, x: Tensor) -> Tensor:
        chosen = self.scores(x).argmax(-1)
        outputs = torch.stack([expert(x) for expert in self.experts], -2)
        return outputs.gather(-2, chosen[..., None, None].expand(*chosen.shape, 1, WIDTH)).squeeze(-2)


class ExpertsOffByOne(Experts):
    def scores(self, x: Tensor) -> Tensor:
        return super().scores(x).roll(1, -1)


class OverCapacity(Experts):
    """Drops the last token of the first expert."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x).clone()
        last = (self.scores(x).argmax(-1) == 0).nonzero()[-1]
        y[tuple(last)] = 0
        return y


def one_wrong_expert(module: Any) -> Any:
    module.experts[3].load_state_dict(module.experts[2].state_dict())
    return module


def one_row_of_an_expert(module: Any) -> Any:
    with torch.no_grad():
        module.experts[1][2].weight[5] *= -1
    return module


def as_class(kind: type[nn.Module]) -> Callable[[nn.Module], nn.Module]:
    def change(module: nn.Module) -> nn.Module:
        module.__class__ = kind
        return module

    return change


# --- convolutions and pools


def causal(module: Any, x: Tensor) -> Any:
    return module(F.pad(x, (2, 0)))


def centred(module: Any, x: Tensor) -> Any:
    return module(F.pad(x, (1, 1)))


def reflected(module: Any, x: Tensor) -> Any:
    return F.conv2d(F.pad(x, (1, 1, 1, 1), "reflect"), module.weight, module.bias)


def zero_padded(module: Any, x: Tensor) -> Any:
    return F.conv2d(x, module.weight, module.bias, padding=1)


def flipped(module: Any, x: Tensor) -> Any:
    return F.conv2d(x, module.weight.flip(-1), module.bias, padding=1)


def undilated(module: Any, x: Tensor) -> Any:
    return F.conv1d(x, module.weight, module.bias, padding=1)


def batch_statistics(module: Any, x: Tensor) -> Tensor:
    return F.batch_norm(x, None, None, module.weight, module.bias, training=True)


def trained_norm() -> nn.Module:
    norm = nn.BatchNorm2d(3)
    nn.init.uniform_(norm.running_var, 0.5, 2.0)  # type: ignore[arg-type]
    return norm


# --- recurrences


def gates_in_another_order(module: Any) -> Any:
    with torch.no_grad():
        for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
            i, f, g, o = getattr(module, name).chunk(4)
            getattr(module, name).copy_(torch.cat([i, f, o, g]))
    return module


def hidden_of(module: Any, x: Tensor) -> Any:
    return module(x)[0]


def from_a_state(module: Any, x: Tensor) -> Any:
    return module(x, torch.ones(1, len(x), 24, dtype=x.dtype))[0]


def last_step_twice(module: Any, x: Tensor) -> Any:
    return module(torch.cat([x[:, :-1], x[:, -2:-1]], 1))[0]


def backward_half_not_flipped(module: Any, x: Tensor) -> Any:
    forward, backward = module(x)[0].chunk(2, -1)
    return torch.cat([forward, backward.flip(1)], -1)


def linear() -> nn.Module:
    return nn.Linear(WIDTH, WIDTH)


def lstm() -> nn.Module:
    return nn.LSTM(WIDTH, 24, batch_first=True)


def gru() -> nn.Module:
    return nn.GRU(WIDTH, 24, batch_first=True)


def dilated() -> nn.Module:
    return nn.Conv1d(8, 6, 3, dilation=2, padding=2)


def convolution() -> nn.Module:
    return nn.Conv2d(3, 8, 3, padding=1)


def called(module: Any, x: Tensor) -> Any:
    return module(x)


TOKENS, SERIES, IMAGE = normal(2, 32, WIDTH), normal(2, 8, 24), normal(2, 3, 12, 12)
WRONG = [
    Wrong("one wrong expert of four", made(Experts, one_wrong_expert, TOKENS)),
    Wrong("one wrong row of one expert", made(Experts, one_row_of_an_expert, TOKENS)),
    Wrong("router weights not renormalised", made(Experts, as_class(WeightsNotRenormalised), TOKENS)),
    Wrong("second expert dropped", made(Experts, as_class(FirstExpertOnly), TOKENS)),
    Wrong("experts off by one", made(Experts, as_class(ExpertsOffByOne), TOKENS)),
    Wrong("a token over an expert's capacity", made(Experts, as_class(OverCapacity), TOKENS)),
    Wrong("convolution padded off by one", both(lambda: nn.Conv1d(8, 6, 3), causal, centred, SERIES)),
    Wrong("convolution padded by reflection", both(convolution, zero_padded, reflected, IMAGE)),
    Wrong("kernel flipped", both(convolution, zero_padded, flipped, IMAGE)),
    Wrong("dilation left out", both(dilated, called, undilated, SERIES)),
    Wrong(
        "pool off by one",
        both(
            nn.Identity, lambda _, x: F.max_pool1d(x, 2), lambda _, x: F.max_pool1d(x.roll(1, -1), 2), SERIES
        ),
    ),
    Wrong(
        "average pool counts the padding",
        both(
            nn.Identity,
            lambda _, x: F.avg_pool1d(x, 3, 1, 1, count_include_pad=False),
            lambda _, x: F.avg_pool1d(x, 3, 1, 1),
            SERIES,
        ),
    ),
    Wrong("batch norm with the batch's statistics", both(trained_norm, called, batch_statistics, IMAGE)),
    Wrong("LSTM's gates in another order", made(lstm, gates_in_another_order, TOKENS)),
    Wrong("GRU from another state", both(gru, hidden_of, from_a_state, TOKENS)),
    Wrong("GRU takes the last but one step twice", both(gru, hidden_of, last_step_twice, TOKENS)),
    Wrong(
        "backward half not turned round",
        both(
            lambda: nn.LSTM(WIDTH, 12, batch_first=True, bidirectional=True),
            hidden_of,
            backward_half_not_flipped,
            TOKENS,
        ),
    ),
    Wrong(
        "inverse Fourier transform without norm",
        both(
            nn.Identity,
            lambda _, x: torch.fft.ifft(x.float()).real,
            lambda _, x: torch.fft.ifft(x.float(), norm="ortho").real,
            TOKENS,
        ),
    ),
    Wrong(
        "complex conjugate left out",
        both(
            nn.Identity,
            lambda _, x: torch.fft.rfft(x.float()).conj(),
            lambda _, x: torch.fft.rfft(x.float()),
            TOKENS,
        ),
    ),
    Wrong(
        "second of two outputs wrong",
        both(linear, lambda m, x: (m(x), m(x).softmax(-1)), lambda m, x: (m(x), m(x).softmax(1)), TOKENS),
    ),
]
