"""Modules whose forward pass is right and whose backward pass is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.architectures.entries import Config, Wrong, ids, normal
from tests.architectures.right_attention import Attention, Experts, masked, split

WIDTH, HEADS = 32, 4
TOKENS = normal(1, 8, WIDTH)


class _MultipliedGradient(torch.autograd.Function):
    """The identity; what comes back through it is multiplied by `factor`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Any) -> Tensor:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0] * ctx.factor, None


def multiplied(x: Tensor, factor: Any) -> Tensor:
    y: Tensor = _MultipliedGradient.apply(x, factor)  # type: ignore[no-untyped-call]
    return y


class Faulty(nn.Module):
    """A module with a fault that is switched on by `is_wrong`."""

    is_wrong = False

    def backward_factor(self, x: Tensor, factor: Any) -> Tensor:
        return multiplied(x, factor) if self.is_wrong else x


def switched(make: Callable[[], Any], config: Callable[[int], Config] = TOKENS) -> Any:
    """The module with its fault beside the same without."""

    def made(seed: int) -> tuple[nn.Module, nn.Module, Config]:
        right, wrong = make(), make()
        wrong.load_state_dict(right.state_dict())
        wrong.is_wrong = True
        return wrong, right, config(seed)

    return made


class Linear(Faulty):
    """The gradient that comes back from its output is multiplied."""

    def __init__(
        self, factor: Callable[[Tensor], Any], activation: Callable[[Tensor], Tensor] = F.gelu
    ) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.factor, self.activation = factor, activation

    def forward(self, x: Tensor) -> Any:
        hidden = self.first(x)
        return self.second(self.activation(self.backward_factor(hidden, self.factor(hidden))))


def only_at(place: Any, factor: float) -> Callable[[Tensor], Tensor]:
    """A factor at one place, 1 elsewhere."""

    def factors(x: Tensor) -> Tensor:
        made = torch.ones_like(x)
        made[place] = factor
        return made

    return factors


class OneParameter(Faulty):
    """The gradient of one parameter is multiplied."""

    def __init__(self, name: str, factor: float) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)
        self.name, self.factor = name, factor

    def forward(self, x: Tensor) -> Tensor:
        taught: dict[str, Tensor] = dict(self.linear.named_parameters())
        taught[self.name] = self.backward_factor(taught[self.name], self.factor)
        return F.linear(x, taught["weight"], taught["bias"]).tanh()


class Cut(Faulty):
    """Part of attention is cut off the graph."""

    def __init__(self, *cut: str) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.cut = cut

    def forward(self, x: Tensor) -> Any:
        parts = dict(zip("qkv", (split(t, HEADS) for t in self.qkv(x).chunk(3, -1)), strict=True))
        parts["scores"] = 3 * self._kept("q", parts["q"]) @ self._kept("k", parts["k"]).mT
        weights = self._kept("scores", parts["scores"]).softmax(-1)
        heads = weights @ self._kept("v", parts["v"])
        if self.is_wrong and "one head" in self.cut:
            heads = torch.cat([heads[:, :1].detach(), heads[:, 1:]], 1)
        return x + self.out(heads.transpose(1, 2).flatten(2))

    def _kept(self, name: str, x: Tensor) -> Tensor:
        return x.detach() if self.is_wrong and name in self.cut else x


class DetachedExpert(Experts):
    is_wrong = False

    def __init__(self) -> None:
        super().__init__()
        experts = self.experts
        self.experts = nn.ModuleList(Detachable(expert) for expert in experts)

    def forward(self, x: Tensor) -> Tensor:
        self.experts[2].is_wrong = self.is_wrong  # type: ignore[assignment]
        return super().forward(x)


class Detachable(Faulty):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Any:
        return self.module(x).detach() if self.is_wrong else self.module(x)


class DetachedRouter(Experts):
    is_wrong = False

    def scores(self, x: Tensor) -> Tensor:
        return super().scores(x).detach() if self.is_wrong else super().scores(x)


class Float32Gate(Faulty):
    """Runs in float32 only, and its product's gradient is multiplied there."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.gate, self.linear = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.factor = factor

    def forward(self, x: Tensor) -> Any:
        gate = self.backward_factor(self.gate(x.float()), self.factor).relu()
        return self.linear(x) * gate.to(x.dtype)


class Temperature(Faulty):
    """A learned temperature, taken out of the graph as a number or as data."""

    def __init__(self, taken: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)
        self.temperature = nn.Parameter(torch.tensor(1.7))
        self.taken = taken

    def forward(self, x: Tensor) -> Any:
        temperature = self.taken(self.temperature) if self.is_wrong else self.temperature
        return (self.linear(x) * temperature).softmax(-1)


class NormWithoutStatistics(Faulty):
    """Its mean square is a constant to autograd; in float32 on request."""

    def __init__(self, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.weight, self.linear = nn.Parameter(torch.rand(WIDTH) + 0.5), nn.Linear(WIDTH, WIDTH)
        self.dtype = dtype

    def forward(self, x: Tensor) -> Any:
        wide = x.to(self.dtype) if self.dtype else x
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.is_wrong):
            scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)
        return self.linear(self.weight * (wide * scale).to(x.dtype)).relu()


class _SoftmaxWithoutSum(torch.autograd.Function):
    """A softmax whose backward leaves the sum out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.softmax(-1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (y,) = ctx.saved_tensors
        return gradients[0] * y


class _LinearOfFirstRow(torch.autograd.Function):
    """A linear layer whose bias is taught by the first row of a batch."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        x, weight = ctx.saved_tensors
        gradient = gradients[0].flatten(0, 1)
        return gradients[0] @ weight, gradient.T @ x.flatten(0, 1), gradient[0]


class _LeakyWithoutSlope(torch.autograd.Function):
    """A leaky ReLU with the backward of a ReLU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.leaky_relu(x, 0.2)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (x,) = ctx.saved_tensors
        return gradients[0] * (x > 0)


class _ClampWithoutMask(torch.autograd.Function):
    """A clamp that hands every gradient through."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return x.clamp(-0.5, 0.5)

    @staticmethod
    def backward(_: Any, *gradients: Any) -> Any:
        return gradients[0]


class HandWritten(Faulty):
    """A hand-written function beside torch's own."""

    def __init__(self, wrong: type[torch.autograd.Function], right: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.wrong, self.right = wrong, right

    def forward(self, x: Tensor) -> Any:
        function = self.wrong.apply if self.is_wrong else self.right
        return self.second(function(self.first(x)))


class BiasOfFirstRow(Faulty):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Any:
        function = _LinearOfFirstRow.apply if self.is_wrong else F.linear
        return function(x, self.linear.weight, self.linear.bias)


class RowsOfAnEmbedding(Faulty):
    """The rows that occur twice are taught once."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.linear = nn.Embedding(4, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens: Tensor) -> Any:
        embedded = self.embedding(tokens)
        counts = torch.bincount(tokens.flatten(), minlength=4)[tokens]
        return self.linear(self.backward_factor(embedded, 1 / counts[..., None])).tanh()


class MaskedAttention(Attention):
    """The gradient of its output's last token is lost, under a mask of infinities."""

    is_wrong = False

    def forward(self, x: Tensor, mask: Tensor) -> Any:
        y = super().forward(x, mask)
        return torch.cat([y[:, :-1], y[:, -1:].detach()], 1) if self.is_wrong else y


class InnerBFloat16(Faulty):
    """A product in bfloat16 whose gradient has the other sign."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Any:
        hidden = F.linear(x.bfloat16(), self.first.weight.bfloat16()).to(x.dtype)
        return self.second(self.backward_factor(hidden, -1))


class ScanWithoutHistory(Faulty):
    """A recurrence whose state is cut off between two chunks."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros_like(x[:, 0])
        states = []
        for token in range(x.shape[1]):
            if self.is_wrong and token == x.shape[1] // 2:
                state = state.detach()
            state = self.cell(x[:, token], state)
            states.append(state)
        return torch.stack(states, 1)


def gradients(name: str, make: Any) -> Wrong:
    return Wrong(name, make, "gradients")


WRONG = [
    gradients("a backward wrong by 10 %", switched(lambda: Linear(lambda _: 1.1))),
    gradients("a backward wrong by 10 % before ReLU", switched(lambda: Linear(lambda _: 0.9, F.relu))),
    gradients("a backward of the other sign", switched(lambda: Linear(lambda _: -1.0))),
    gradients("a backward wrong for the last token", switched(lambda: Linear(only_at((0, -1), 0.5)))),
    gradients("a backward wrong for the first token", switched(lambda: Linear(only_at((0, 0), 0.0)))),
    gradients("a backward wrong for one column", switched(lambda: Linear(only_at((..., 5), 0.0)))),
    gradients(
        "a backward wrong for one column before ReLU",
        switched(lambda: Linear(only_at((..., slice(5, 7)), 0.0), F.relu)),
    ),
    gradients("one weight's gradient twice as large", switched(lambda: OneParameter("weight", 2.0))),
    gradients("one bias' gradient without its factor", switched(lambda: OneParameter("bias", 1 / 8))),
    gradients("a bias taught by the first row", switched(BiasOfFirstRow)),
    gradients("keys cut off the graph", switched(lambda: Cut("k"))),
    gradients("values cut off the graph", switched(lambda: Cut("v"))),
    gradients("scores cut off the graph", switched(lambda: Cut("scores"))),
    gradients("one head cut off the graph", switched(lambda: Cut("one head"))),
    gradients("one expert cut off the graph", switched(DetachedExpert)),
    gradients("the router cut off the graph", switched(DetachedRouter)),
    gradients("a gate in float32 with a backward wrong by 10 %", switched(lambda: Float32Gate(1.1))),
    gradients("a gate in float32 with a backward of the other sign", switched(lambda: Float32Gate(-1.0))),
    gradients("a parameter taken as a number", switched(lambda: Temperature(Tensor.item))),
    gradients("a parameter taken as data", switched(lambda: Temperature(lambda parameter: parameter.data))),
    gradients("a norm without its statistic's gradient", switched(NormWithoutStatistics)),
    gradients(
        "a norm in float32 without its statistic's gradient",
        switched(lambda: NormWithoutStatistics(torch.float32)),
    ),
    gradients(
        "a softmax without the sum",
        switched(lambda: HandWritten(_SoftmaxWithoutSum, lambda x: x.softmax(-1))),
    ),
    gradients(
        "a leaky ReLU without its slope",
        switched(lambda: HandWritten(_LeakyWithoutSlope, lambda x: F.leaky_relu(x, 0.2))),
    ),
    gradients(
        "a clamp without its mask",
        switched(lambda: HandWritten(_ClampWithoutMask, lambda x: x.clamp(-0.5, 0.5))),
    ),
    gradients("rows of an embedding that occur twice", switched(RowsOfAnEmbedding, ids(4, 1, 8))),
    gradients(
        "the last token lost under a mask",
        switched(MaskedAttention, masked(float("-inf"))),
    ),
    gradients("a product in bfloat16 with the other sign", switched(InnerBFloat16)),
    gradients("a recurrence cut between chunks", switched(ScanWithoutHistory)),
]
