"""Right attention, positions, masks, mixers and experts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.architectures.entries import FLOAT32, Config, Right, fixed, ids, normal, with_inputs
from tests.architectures.right_layers import UpcastRMSNorm

WIDTH, HEADS = 32, 4


def split(x: Tensor, heads: int) -> Tensor:
    """[batch, tokens, width] to [batch, heads, tokens, width of a head]."""
    return x.reshape(*x.shape[:-1], heads, -1).transpose(1, 2)


class Attention(nn.Module):
    """Attention over grouped keys with an additive mask."""

    def __init__(self, groups: int = HEADS) -> None:
        super().__init__()
        self.groups = groups
        self.q = nn.Linear(WIDTH, WIDTH)
        self.kv = nn.Linear(WIDTH, 2 * WIDTH * groups // HEADS)
        self.o = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, mask: Tensor) -> Any:
        keys, values = (split(t, self.groups) for t in self.kv(x).chunk(2, -1))
        keys, values = (t.repeat_interleave(HEADS // self.groups, 1) for t in (keys, values))
        scores = split(self.q(x), HEADS) @ keys.mT / (WIDTH // HEADS) ** 0.5
        heads = (scores + mask).softmax(-1) @ values
        return self.o(heads.transpose(1, 2).flatten(2))


def masked(value: float, *, whole_rows: bool = False) -> Callable[[int], Config]:
    """Hidden states, and an additive mask: causal, the first tokens of one row are padding.

    whole_rows: the padding attends to nothing, so that its rows are masked whole.
    """

    def inputs(shape: tuple[int, ...], draw: torch.Generator) -> tuple[Tensor, Tensor]:
        batch, tokens, _ = shape
        allowed = torch.ones(batch, 1, tokens, tokens, dtype=torch.bool).tril()
        allowed[0, :, :, : tokens // 3] = False
        if not whole_rows:
            allowed |= torch.eye(tokens, dtype=torch.bool)
        return torch.randn(shape, generator=draw), torch.zeros(allowed.shape).masked_fill(~allowed, value)

    return with_inputs((2, 12, WIDTH), inputs)


class FusedAttention(Attention):
    """The same with torch's fused attention."""

    def forward(self, x: Tensor, mask: Tensor) -> Any:
        keys, values = (split(t, self.groups) for t in self.kv(x).chunk(2, -1))
        heads = F.scaled_dot_product_attention(
            split(self.q(x), HEADS), keys, values, attn_mask=mask, enable_gqa=True
        )
        return self.o(heads.transpose(1, 2).flatten(2))


def by_hand(module: FusedAttention) -> Attention:
    attention = Attention(module.groups)
    attention.load_state_dict(module.state_dict())
    return attention


class SelfAttention(nn.Module):
    """torch's own, with its weights as second output."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, x: Tensor, padding: Tensor) -> Any:
        return self.attention(x, x, x, key_padding_mask=padding)


def padding(shape: tuple[int, ...], draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Hidden states, and which of them are padding."""
    mask = torch.zeros(shape[:2], dtype=torch.bool)
    mask[0, shape[1] // 2 :] = True
    return torch.randn(shape, generator=draw), mask


def encoder_layer(activation: str, *, norm_first: bool) -> nn.Module:
    return nn.TransformerEncoderLayer(
        WIDTH, HEADS, 64, activation=activation, batch_first=True, norm_first=norm_first
    )


def memory(shape: tuple[int, ...], draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """A target and what it attends to."""
    return torch.randn(shape, generator=draw), torch.randn(2, 5, WIDTH, generator=draw)


class LearnedPositions(nn.Module):
    """Learned positions of a fixed length, as in a vision transformer."""

    def __init__(self, tokens: int = 16) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.randn(tokens, WIDTH))
        self.layer = encoder_layer("gelu", norm_first=True)

    def forward(self, x: Tensor) -> Any:
        return self.layer(x + self.positions)


class Patches(nn.Module):
    """A vision transformer's patches, with a class token."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, WIDTH, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.layer = encoder_layer("gelu", norm_first=True)

    def forward(self, pixels: Tensor) -> Any:
        patches = self.embed(pixels).flatten(2).mT
        tokens = torch.cat([self.token.expand(len(pixels), -1, -1), patches], 1)
        return self.layer(tokens)[:, 0]


class Mixer(nn.Module):
    """An MLP over a fixed number of tokens, then one over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Sequential(nn.Linear(24, 12), nn.GELU(), nn.Linear(12, 24))
        self.channels = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.GELU())

    def forward(self, x: Tensor) -> Any:
        mixed = x + self.tokens(x.mT).mT
        return mixed + self.channels(mixed)


class Windows(nn.Module):
    """Attention within windows of four tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        windows = x.roll(-2, 1).reshape(-1, 4, WIDTH)
        attended = self.attention(windows, windows, windows, need_weights=False)[0]
        y: Tensor = attended.reshape(x.shape)
        return y.roll(2, 1)


class Rotary(nn.Module):
    """Rotary positions by complex multiplication, as Llama's first code has them."""

    def __init__(self) -> None:
        super().__init__()
        self.qk = nn.Linear(WIDTH, 2 * WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        frequencies = 100.0 ** (-torch.arange(0, 8, 2).float() / 8)
        angles = torch.outer(torch.arange(x.shape[1]).float(), frequencies)
        turns = torch.polar(torch.ones_like(angles), angles)
        q, k = (self._turned(split(t, HEADS), turns) for t in self.qk(x).chunk(2, -1))
        return (q @ k.mT / 8**0.5).softmax(-1)

    @staticmethod
    def _turned(heads: Tensor, turns: Tensor) -> Tensor:
        pairs = torch.view_as_complex(heads.float().reshape(*heads.shape[:-1], -1, 2))
        return torch.view_as_real(pairs * turns).flatten(-2).type_as(heads)


class LinearPositions(nn.Module):
    """ALiBi: scores that fall with the distance."""

    slopes: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.register_buffer("slopes", 2.0 ** -torch.arange(1.0, HEADS + 1))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (split(t, HEADS) for t in self.qkv(x).chunk(3, -1))
        place = torch.arange(x.shape[1])
        distance = (place[:, None] - place).clamp(min=0)
        scores = q @ k.mT / 8**0.5 - self.slopes[:, None, None] * distance
        hidden = torch.full_like(scores, torch.finfo(x.dtype).min).triu(1)
        return ((scores + hidden).softmax(-1) @ v).transpose(1, 2).flatten(2)


class LinearAttention(nn.Module):
    """Attention without softmax, summed up over the past."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        q, k = F.elu(q) + 1, F.elu(k) + 1
        past = torch.einsum("btk,btv->btkv", k, v).cumsum(1)
        weights = torch.einsum("btk,btk->bt", q, k.cumsum(1))
        return torch.einsum("btk,btkv->btv", q, past) / weights[..., None]


class GatedLinearUnits(nn.Module):
    """SwiGLU, GEGLU, ReGLU and GLU, added up."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.ModuleList(nn.Linear(WIDTH, 2 * WIDTH) for _ in range(4))
        self.down = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Any:
        activations: list[Callable[[Tensor], Tensor]] = [F.silu, F.gelu, F.relu, torch.sigmoid]
        halves = [gate(x).chunk(2, -1) for gate in self.gates]
        return self.down(sum(f(gate) * up for f, (gate, up) in zip(activations, halves, strict=True)))


class Experts(nn.Module):
    """The two best of several experts a token, chosen by a router in float32."""

    def __init__(self, experts: int = 4) -> None:
        super().__init__()
        self.router = nn.Linear(WIDTH, experts, bias=False)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, 48), nn.SiLU(), nn.Linear(48, WIDTH)) for _ in range(experts)
        )

    def scores(self, x: Tensor) -> Tensor:
        return F.linear(x.float(), self.router.weight.float())

    def forward(self, x: Tensor) -> Tensor:
        best = self.scores(x).softmax(-1).topk(2, -1)
        weights = (best.values / best.values.sum(-1, keepdim=True)).to(x.dtype)
        y = torch.zeros_like(x)
        for index, expert in enumerate(self.experts):
            share = (weights * (best.indices == index)).sum(-1, keepdim=True)
            y = y + share * expert(x)
        return y


class Float32Router(Experts):
    """Its router takes float32 only."""

    def scores(self, x: Tensor) -> Any:
        return self.router(x.float())


class SharedExpert(nn.Module):
    """Grouped experts with sigmoid scores and a bias that only chooses, beside a shared one."""

    bias: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(WIDTH, 8, bias=False)
        self.register_buffer("bias", 0.1 * torch.randn(8))
        self.up, self.down = (nn.Parameter(torch.randn(9, *s) / 6) for s in ((WIDTH, 24), (24, WIDTH)))

    def forward(self, x: Tensor) -> Tensor:
        scores = torch.sigmoid(self.router(x).float())
        chosen = (scores + self.bias).topk(3, -1).indices
        weights = torch.zeros_like(scores).scatter(-1, chosen, scores.gather(-1, chosen))
        weights = weights / weights.sum(-1, keepdim=True)
        weights = torch.cat([weights, torch.ones_like(weights[..., :1])], -1).to(x.dtype)
        hidden = torch.einsum("btw,ewh->bteh", x, self.up).relu()
        return torch.einsum("bte,bteh,ehw->btw", weights, hidden, self.down)


class Block(nn.Module):
    """A decoder's layer with norms in float32 and grouped queries, on ids, with tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(40, WIDTH)
        self.norms = nn.ModuleList(UpcastRMSNorm() for _ in range(3))
        self.attention = FusedAttention(groups=2)
        self.gate_up, self.down = nn.Linear(WIDTH, 128), nn.Linear(64, WIDTH)
        self.head = nn.Linear(WIDTH, 40, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Any:
        first, second, last = self.norms
        x = self.embedding(tokens)
        mask = torch.full((tokens.shape[1],) * 2, float("-inf"), dtype=x.dtype).triu(1)
        x = x + self.attention(first(x), mask)
        gate, up = self.gate_up(second(x)).chunk(2, -1)
        return self.head(last(x + self.down(F.silu(gate) * up)))


LOWEST = torch.finfo(torch.float32).min
RIGHT = [
    Right("multi-head attention", SelfAttention, with_inputs((2, 12, WIDTH), padding)),
    Right("encoder layer with ReLU", lambda: encoder_layer("relu", norm_first=False), normal(2, 8, WIDTH)),
    Right(
        "encoder layer with norm first", lambda: encoder_layer("gelu", norm_first=True), normal(2, 8, WIDTH)
    ),
    Right(
        "decoder layer",
        lambda: nn.TransformerDecoderLayer(WIDTH, HEADS, 64, batch_first=True),
        with_inputs((2, 8, WIDTH), memory),
    ),
    Right("causal mask of infinities", Attention, masked(float("-inf"))),
    Right("rows masked whole by the lowest number", lambda: Attention(2), masked(LOWEST, whole_rows=True)),
    # In bfloat16 the scores drown beside -10000: the rows that are masked whole become others.
    Right("rows masked whole by -10000", lambda: Attention(2), masked(-1e4, whole_rows=True), FLOAT32),
    Right(
        "fused attention beside one by hand",
        lambda: FusedAttention(2),
        masked(float("-inf")),
        reference=by_hand,
    ),
    Right("learned positions", LearnedPositions, fixed(1, 16, WIDTH)),
    Right("vision transformer's patches", Patches, normal(1, 3, 16, 16)),
    Right("MLP mixer", Mixer, normal(1, 24, WIDTH)),
    Right("shifted windows", Windows, fixed(1, 12, WIDTH)),
    Right("complex rotary positions", Rotary, normal(2, 12, WIDTH)),
    Right("linear positions", LinearPositions, normal(1, 12, WIDTH)),
    Right("linear attention", LinearAttention, normal(1, 12, WIDTH)),
    Right("gated linear units", GatedLinearUnits, normal(1, 12, WIDTH)),
    Right("two of four experts", Experts, normal(2, 16, WIDTH)),
    Right("a router that takes float32 only", Float32Router, normal(1, 8, WIDTH), FLOAT32),
    Right("a shared expert", SharedExpert, normal(2, 16, WIDTH)),
    Right("decoder with tied weights", Block, ids(40, 2, 12)),
]
