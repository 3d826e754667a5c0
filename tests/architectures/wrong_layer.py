"""A decoder's layer with a fault in one of its steps: tokens, heads, columns, positions, masks, norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.architectures.entries import FLOAT32, Config, Wrong, normal
from tests.architectures.right_attention import split

WIDTH, HEADS, GROUPS, HEAD_WIDTH = 64, 4, 2, 16
TOKENS = (2, 40, WIDTH)


class Layer(nn.Module):
    """Right: rotary positions, grouped queries, SwiGLU, norms before both. The wrong ones override a step."""

    scale = HEAD_WIDTH**-0.5

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.RMSNorm(WIDTH, eps=1e-6) for _ in range(2))
        self.q, self.o = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.k, self.v = (nn.Linear(WIDTH, GROUPS * HEAD_WIDTH) for _ in range(2))
        self.gate, self.up, self.down = nn.Linear(WIDTH, 96), nn.Linear(WIDTH, 96), nn.Linear(96, WIDTH)
        with torch.no_grad():
            for projection in (self.q, self.k, self.v, self.o, self.down):
                projection.weight.mul_(3)  # so that heads and positions matter, as in a trained model

    def forward(self, x: Tensor) -> Tensor:
        attended = x + self.o(self.heads(self.norm(0, x)).transpose(1, 2).flatten(2))
        return self.output(attended + self.feed_forward(self.norm(1, attended)))

    def norm(self, index: int, x: Tensor) -> Any:
        return self.norms[index](x)

    def heads(self, x: Tensor) -> Any:
        q = self.turned(split(self.q(x), HEADS))
        k = self.turned(split(self.k(x), GROUPS))
        v = split(self.v(x), GROUPS)
        scores = q @ self.for_each_head(k).mT * self.scale
        weights = scores.masked_fill(~self.allowed(x.shape[1]), -torch.inf).softmax(-1)
        return weights @ self.for_each_head(v)

    def for_each_head(self, groups: Tensor) -> Tensor:
        return groups.repeat_interleave(HEADS // GROUPS, 1)

    def allowed(self, tokens: int) -> Tensor:
        return torch.ones(tokens, tokens, dtype=torch.bool).tril()

    def positions(self, tokens: int) -> Tensor:
        return torch.arange(tokens, dtype=torch.float32)

    def turned(self, heads: Tensor) -> Tensor:
        frequencies = 100.0 ** (-torch.arange(0, HEAD_WIDTH, 2, dtype=torch.float32) / HEAD_WIDTH)
        angles = self.positions(heads.shape[2])[:, None] * frequencies
        cosine, sine = angles.cos().to(heads.dtype), angles.sin().to(heads.dtype)
        first, second = heads.chunk(2, -1)
        return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)

    def feed_forward(self, x: Tensor) -> Any:
        return self.down(F.silu(self.gate(x)) * self.up(x))

    def output(self, y: Tensor) -> Tensor:
        return y


# --- single heads


class ZeroesOneHead(Layer):
    def heads(self, x: Tensor) -> Any:
        heads = super().heads(x).clone()
        heads[:, 2] = 0
        return heads


class PermutesHeads(Layer):
    def heads(self, x: Tensor) -> Any:
        return super().heads(x)[:, [1, 0, 2, 3]]


class OneHeadWithAnothersKeys(Layer):
    def for_each_head(self, groups: Tensor) -> Tensor:
        return groups[:, [0, 1, 1, 1]]


class GroupsInterleaved(Layer):
    """Tiles the groups (0 1 0 1) instead of repeating each (0 0 1 1)."""

    def for_each_head(self, groups: Tensor) -> Tensor:
        return groups.repeat(1, HEADS // GROUPS, 1, 1)


class OneHeadNotTurned(Layer):
    def turned(self, heads: Tensor) -> Tensor:
        turned = super().turned(heads)
        return torch.cat([heads[:, :1], turned[:, 1:]], 1)


class HeadsNotTransposed(Layer):
    """Joins heads without putting tokens first again."""

    def heads(self, x: Tensor) -> Any:
        heads = super().heads(x)
        return heads.reshape(len(x), -1, HEADS, HEAD_WIDTH).transpose(1, 2)


# --- positions


class LastTokenAtTheNextPosition(Layer):
    def positions(self, tokens: int) -> Tensor:
        places = super().positions(tokens)
        places[-1] += 1
        return places


class OneTokenAtTheNextPosition(Layer):
    def positions(self, tokens: int) -> Tensor:
        places = super().positions(tokens)
        places[tokens // 2] += 1
        return places


class PositionsRestart(Layer):
    """As if a second tile of 32 tokens began a sequence."""

    def positions(self, tokens: int) -> Tensor:
        return super().positions(tokens) % 32


class TurnsBackwards(Layer):
    """Keys and queries turn by the opposite angles in one pair of columns."""

    def turned(self, heads: Tensor) -> Tensor:
        turned = super().turned(heads).clone()
        turned[..., HEAD_WIDTH // 2] = (
            heads[..., HEAD_WIDTH // 2] * self.positions(heads.shape[2]).cos()
            - heads[..., 0] * self.positions(heads.shape[2]).sin()
        )
        return turned


class PairsInterleaved(Layer):
    """Pairs columns 0 1, 2 3 … where the weights are for halves."""

    def turned(self, heads: Tensor) -> Tensor:
        order = torch.arange(HEAD_WIDTH).reshape(-1, 2).T.flatten()
        return super().turned(heads[..., order])[..., order.argsort()]


# --- masks


class SeesTheNextToken(Layer):
    def allowed(self, tokens: int) -> Tensor:
        return torch.ones(tokens, tokens, dtype=torch.bool).tril(1)


class SeesNotItself(Layer):
    def allowed(self, tokens: int) -> Tensor:
        allowed = torch.ones(tokens, tokens, dtype=torch.bool).tril(-1)
        allowed[0, 0] = True
        return allowed


class LastTokenSeesNotTheFirst(Layer):
    def allowed(self, tokens: int) -> Tensor:
        allowed = super().allowed(tokens).clone()
        allowed[-1, : tokens // 2] = False
        return allowed


class FirstTokenSeesAll(Layer):
    def allowed(self, tokens: int) -> Tensor:
        allowed = super().allowed(tokens).clone()
        allowed[0] = True
        return allowed


# --- scales, norms, gates


class ScalesTenPercentMore(Layer):
    scale = 1.1 * HEAD_WIDTH**-0.5


class ScalesByTheWholeWidth(Layer):
    scale = WIDTH**-0.5


class WrongEpsilon(Layer):
    def norm(self, _: int, x: Tensor) -> Tensor:
        return F.rms_norm(x, (WIDTH,), eps=0.1)


class SubtractsTheMean(Layer):
    def norm(self, _: int, x: Tensor) -> Tensor:
        return F.layer_norm(x, (WIDTH,), eps=1e-6)


class LastTokenNotNormalised(Layer):
    def norm(self, index: int, x: Tensor) -> Tensor:
        return torch.cat([super().norm(index, x)[:, :-1], x[:, -1:]], 1)


class NormsGroups(Layer):
    """Takes the root mean square of eight columns at a time."""

    def norm(self, _: int, x: Tensor) -> Tensor:
        groups = x.reshape(*x.shape[:-1], 8, 8)
        return (groups * torch.rsqrt(groups.square().mean(-1, keepdim=True) + 1e-6)).flatten(-2)


class SwapsGateAndUp(Layer):
    def feed_forward(self, x: Tensor) -> Any:
        return self.down(F.silu(self.up(x)) * self.gate(x))


class WrongActivation(Layer):
    def feed_forward(self, x: Tensor) -> Any:
        return self.down(F.gelu(self.gate(x)) * self.up(x))


class LosesTheResidualOfTheLastToken(Layer):
    def output(self, y: Tensor) -> Tensor:
        y = y.clone()
        y[:, -1] /= 2
        return y


# --- what comes out: tokens, columns, elements


class Changed(Layer):
    """Its output is changed by a function."""

    def __init__(self, change: Callable[[Tensor], Tensor | None]) -> None:
        super().__init__()
        self.change = change

    def output(self, y: Tensor) -> Tensor:
        y = y.clone()
        changed = self.change(y)
        return y if changed is None else changed


def assign(place: Any, value: Callable[[Tensor], Any]) -> Callable[[Tensor], None]:
    def change(y: Tensor) -> None:
        y[place] = value(y)

    return change


def layer(make: Callable[[], nn.Module], size: tuple[int, ...] = TOKENS) -> Any:
    """A wrong layer beside the right one with the same weights."""

    def made(seed: int) -> tuple[nn.Module, nn.Module, Config]:
        right, wrong = Layer(), make()
        wrong.load_state_dict(right.state_dict())
        return wrong, right, normal(*size)(seed)

    return made


def changed(place: Any, value: Callable[[Tensor], Any]) -> Any:
    return layer(lambda: Changed(assign(place, value)))


ALL = slice(None)
WRONG = [
    Wrong("one token zero", changed((0, 17), lambda _: 0)),
    Wrong("last token zero", changed((ALL, -1), lambda _: 0)),
    Wrong("last token of 1024 zero", layer(lambda: Changed(assign((0, -1), lambda _: 0)), (1, 1024, WIDTH))),
    Wrong("first token zero", changed((ALL, 0), lambda _: 0)),
    Wrong("one token is its neighbour's", changed((0, 17), lambda y: y[0, 16])),
    Wrong("two tokens swapped", changed((0, [17, 18]), lambda y: y[0, [18, 17]])),
    Wrong("a token of a row is another row's", changed((0, 5), lambda y: y[1, 5])),
    Wrong("tokens behind the first tile zero", changed((ALL, slice(32, None)), lambda _: 0)),
    Wrong("one column scaled by 1.2", changed((..., 9), lambda y: 1.2 * y[..., 9])),
    Wrong("one column zero", changed((..., 9), lambda _: 0)),
    Wrong("last column is the one before", changed((..., -1), lambda y: y[..., -2])),
    Wrong("one column with a wrong bias", changed((..., 9), lambda y: y[..., 9] + 0.3)),
    Wrong("two columns swapped", changed((..., [9, 10]), lambda y: y[..., [10, 9]])),
    Wrong("one wild element", changed((1, 7, 9), lambda _: 40.0)),
    Wrong(
        "one element of the other sign",
        changed((1, 7, 9), lambda y: -y[1, 7, 9].sign() * (1 + y[1, 7, 9].abs())),
    ),
    Wrong("columns rolled by one", layer(lambda: Changed(lambda y: y.roll(1, -1)))),
    Wrong("tokens rolled by one", layer(lambda: Changed(lambda y: y.roll(1, 1)))),
    Wrong("last token's residual halved", layer(LosesTheResidualOfTheLastToken)),
    Wrong("one head zero", layer(ZeroesOneHead)),
    Wrong("two heads swapped", layer(PermutesHeads)),
    Wrong("one head with another's keys and values", layer(OneHeadWithAnothersKeys)),
    Wrong("groups tiled instead of repeated", layer(GroupsInterleaved)),
    Wrong("one head without positions", layer(OneHeadNotTurned)),
    Wrong("heads not transposed back", layer(HeadsNotTransposed)),
    Wrong("last token at the next position", layer(LastTokenAtTheNextPosition)),
    Wrong("one token at the next position", layer(OneTokenAtTheNextPosition)),
    Wrong("positions begin again behind the first tile", layer(PositionsRestart)),
    Wrong("one pair of columns turned backwards", layer(TurnsBackwards)),
    Wrong("rotary pairs interleaved", layer(PairsInterleaved)),
    Wrong("causal mask off by one, ahead", layer(SeesTheNextToken)),
    Wrong("causal mask off by one, behind", layer(SeesNotItself)),
    Wrong("last token's mask wrong", layer(LastTokenSeesNotTheFirst)),
    Wrong("first token's mask wrong", layer(FirstTokenSeesAll)),
    Wrong("scores scaled by 1.1", layer(ScalesTenPercentMore), dtypes=FLOAT32),
    Wrong("scores scaled by the whole width", layer(ScalesByTheWholeWidth)),
    Wrong("wrong epsilon", layer(WrongEpsilon)),
    Wrong("layer norm instead of RMS norm", layer(SubtractsTheMean)),
    Wrong("last token not normalised", layer(LastTokenNotNormalised)),
    Wrong("norm over groups of columns", layer(NormsGroups)),
    Wrong("gate and up swapped", layer(SwapsGateAndUp)),
    Wrong("GELU instead of SiLU", layer(WrongActivation), dtypes=FLOAT32),
]
