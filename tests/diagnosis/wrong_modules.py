"""Wrong modules, one mistake each, and what their diagnosis must say."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttci.modules.attention import MultiHeadAttention
from ttci.modules.block import DecoderBlock
from ttci.modules.ffn import MLP, SwiGLU
from ttci.modules.normalization import RMSNorm

WIDTH, TOKENS, HEADS = 128, 48, 4
SHAPE = (2, TOKENS, WIDTH)


@dataclass(frozen=True)
class WrongModule:
    """A module with one mistake.

    told: a regular expression; None where nothing may be claimed.
    """

    name: str
    right: Callable[[], nn.Module]
    wrong: Callable[[Any], nn.Module]
    told: str | None
    inputs: Callable[[tuple[int, ...]], Any] | None = None
    dtype: str = "bfloat16"


class Changed(nn.Module):
    """The output of a right module, changed."""

    def __init__(self, module: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.inner, self.change = module, change

    def forward(self, *args: Any) -> Tensor:
        changed: Tensor = self.change(self.inner(*args).clone())
        return changed


class SoftmaxOverQueries(nn.Module):
    """Causal attention that normalizes each key's weights."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.inner = module

    def forward(self, x: Tensor) -> Tensor:
        plain = F.scaled_dot_product_attention
        F.scaled_dot_product_attention = self.attend  # type: ignore[assignment]
        try:
            attended: Tensor = self.inner(x)
        finally:
            F.scaled_dot_product_attention = plain
        return attended

    @staticmethod
    def attend(query: Tensor, key: Tensor, value: Tensor, **_: Any) -> Tensor:
        groups = query.shape[-3] // key.shape[-3]
        key, value = (heads.repeat_interleave(groups, -3) for heads in (key, value))
        scores = query @ key.mT / query.shape[-1] ** 0.5
        ahead = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        attended: Tensor = scores.masked_fill(ahead, float("-inf")).softmax(-2) @ value
        return attended


class Layer(nn.Module):
    """A residual around a norm and a gated network, with biases."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        nn.init.normal_(self.norm.weight, 1, 0.5)
        nn.init.normal_(self.norm.bias)
        self.gate, self.up, self.down = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        for linear in (self.gate, self.up, self.down):
            nn.init.normal_(linear.bias)
            nn.init.normal_(linear.weight, std=0.1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.down(F.silu(self.gate(self.norm(x))) * self.up(self.norm(x)))
        return out


class Attended(nn.Module):
    """Attention with a mask, as it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        nn.init.normal_(self.qkv.weight, std=0.15)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (p.unflatten(-1, (HEADS, -1)).transpose(1, 2) for p in self.packed(self.qkv(x)))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        out: Tensor = self.out(y.transpose(1, 2).flatten(2))
        return out

    def packed(self, qkv: Tensor) -> Any:
        return qkv.chunk(3, -1)


class Experts(nn.Module):
    """Four, of which each token takes one."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(WIDTH, 4)
        self.experts = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        chosen = self.router(x).softmax(-1)
        out: Tensor = sum(chosen[..., i, None] * expert(x) for i, expert in enumerate(self.experts))
        return out


class MaskTransposed(Attended):
    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return super().forward(x, mask.mT)


class MaskMissing(Attended):
    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return super().forward(x, torch.ones_like(mask))


class Interleaved(Attended):
    def packed(self, qkv: Tensor) -> Any:
        return tuple(qkv[..., part::3] for part in range(3))


class KeysLast(Attended):
    def packed(self, qkv: Tensor) -> Any:
        q, v, k = qkv.chunk(3, -1)
        return q, k, v


class NoResidual(Layer):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) - x


class TwoResiduals(Layer):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x


class NoSilu(Layer):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.down(self.gate(self.norm(x)) * self.up(self.norm(x)))
        return out


class Relu(Layer):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.down(F.relu(self.gate(self.norm(x))) * self.up(self.norm(x)))
        return out


def bert() -> nn.Module:
    return MultiHeadAttention(WIDTH, HEADS, qkv_bias=True, out_bias=True, causal=False)


def llama() -> nn.Module:
    module = MultiHeadAttention(WIDTH, HEADS, 2, rope_theta=10000.0)
    for projection in (module.q_proj, module.k_proj):
        nn.init.normal_(projection.weight, std=0.15)
    return module


def linear() -> nn.Module:
    module = nn.Linear(WIDTH, WIDTH)
    nn.init.normal_(module.bias)
    return module


def made(change: Callable[[Tensor], Tensor]) -> Callable[[Any], nn.Module]:
    return lambda module: Changed(module, change)


def as_class(kind: type[nn.Module]) -> Callable[[Any], nn.Module]:
    def change(module: Any) -> nn.Module:
        changed: nn.Module = copy.deepcopy(module)
        changed.__class__ = kind
        return changed

    return change


def doing(act: Callable[[Any], object]) -> Callable[[Any], nn.Module]:
    def change(module: Any) -> nn.Module:
        changed: nn.Module = copy.deepcopy(module)
        with torch.no_grad():
            act(changed)
        return changed

    return change


def put(place: Any, value: Callable[[Tensor], Any]) -> Callable[[Tensor], Tensor]:
    def change(y: Tensor) -> Tensor:
        y[place] = value(y.clone())
        return y

    return change


def swapped(first: str, second: str) -> Callable[[Any], object]:
    def act(module: Any) -> None:
        one, other = module.get_submodule(first), module.get_submodule(second)
        module.set_submodule(first, other)
        module.set_submodule(second, one)

    return act


def masked(shape: tuple[int, ...]) -> Any:
    allowed = torch.ones(shape[1], shape[1], dtype=torch.bool).tril()
    allowed[:, 0] = True
    return torch.randn(shape), allowed


def indices(order: list[int], dim: int) -> Callable[[Tensor], Tensor]:
    return lambda y: y.index_select(dim, torch.tensor(order))


ALL = slice(None)
BLOCKS = [*range(32), *range(64, 96), *range(32, 64), *range(96, 128)]
PACKED = [head * 16 + part * 64 + i for head in range(4) for part in range(2) for i in range(16)]
HALVES = [group * 32 + pair + half * 16 for group in range(4) for pair in range(16) for half in range(2)]
LINEAR = (
    ("scaled", lambda y: y * 0.125, r"once it is divided by 0\.125"),
    ("negated", lambda y: -y, r"once it is negated"),
    ("shifted", lambda y: y + 0.5, r"once it is lowered by 0\.(5|4999)"),
    ("columns swapped", indices(BLOCKS, -1), r"once columns 32 to 63 and 64 to 95 are swapped"),
    (
        "two columns swapped",
        put((..., [9, 10]), lambda y: y[..., [10, 9]]),
        r"once columns 9 and 10 are swapped",
    ),
    ("columns reversed", lambda y: y.flip(-1), r"once the order of the columns is reversed"),
    (
        "columns interleaved",
        indices(HALVES, -1),
        r"columns, interleaved instead of halved, .* within every 32",
    ),
    ("heads packed by pairs", indices(PACKED, -1), r"blocks of 16 columns, interleaved instead of halved"),
    ("rows reversed", lambda y: y.flip(1), r"once the order of the rows is reversed"),
    ("one row on", lambda y: F.pad(y, (0, 0, 1, 0))[:, :-1], r"rows are moved by 1 back"),
    ("rows rolled", lambda y: y.roll(1, 1), r"once the rows are rolled by -1"),
    (
        "heads joined wrongly",
        lambda y: y.unflatten(-1, (4, -1)).transpose(1, 2).reshape(y.shape),
        r"its rows are not swapped with its 4 heads of 32 columns|its 4 heads of 32 columns are swapped",
    ),
    ("batch swapped", lambda y: y.flip(0), r"indices 0 and 1 are swapped|dimension 0 is reversed"),
    ("a shard zero", put((..., slice(32, 64)), lambda _: 0), r"only columns 32 to 63 \(tile 1 of 4.*all 0"),
    (
        "a shard scaled",
        put((..., slice(64, 128)), lambda y: 2 * y[..., 64:]),
        r"only columns 64 to 127 .*scaled by 2",
    ),
    (
        "a shard copied",
        put((..., slice(64, 96)), lambda y: y[..., :32]),
        r"columns 64 to 95 .*what belongs in columns 0 to 31",
    ),
    ("the last tile's rows", put((ALL, slice(32, None)), lambda _: 0), r"only rows 32 to 47 \(tile 1 of 2"),
    ("one row", put((ALL, 17), lambda _: 0), r"only row 17 is wrong, all 0"),
    ("one column", put((..., 9), lambda y: y[..., 9] + 1), r"only column 9 is wrong, (1|0\.998) too large"),
    ("NaN", put((ALL, slice(32, None)), lambda _: float("nan")), r"only rows 32 to 47 .*NaN"),
)
WRONG = [
    *(WrongModule(name, linear, made(change), told) for name, change, told in LINEAR),
    WrongModule("no bias", linear, doing(lambda m: m.bias.zero_()), r"without the bias of the linear"),
    WrongModule(
        "bias twice", linear, doing(lambda m: m.bias.mul_(2)), r"with the bias of the linear added twice"
    ),
    WrongModule(
        "weight transposed",
        linear,
        doing(lambda m: m.weight.copy_(m.weight.T.clone())),
        r"weight of .*transposed",
    ),
    WrongModule("no residual", Layer, as_class(NoResidual), r"without the residual around `down`"),
    WrongModule(
        "two residuals", Layer, as_class(TwoResiduals), r"with the residual around `down` added twice"
    ),
    WrongModule("no activation", Layer, as_class(NoSilu), r"without the silu"),
    WrongModule("another activation", Layer, as_class(Relu), r"with relu for silu"),
    WrongModule("gate and up swapped", Layer, doing(swapped("gate", "up")), r"with `gate` and `up` swapped"),
    WrongModule(
        "no bias inside", Layer, doing(lambda m: m.up.bias.zero_()), r"`up` is .*\n.*without the bias"
    ),
    WrongModule(
        "no norm",
        Layer,
        doing(lambda m: setattr(m, "norm", nn.Identity())),
        r"`norm` is the first .*\n.*without the layer_norm|without `norm`",
    ),
    WrongModule(
        "norm's weight missing", Layer, doing(lambda m: m.norm.weight.fill_(1)), r"without the weight of"
    ),
    WrongModule("mask missing", Attended, as_class(MaskMissing), r"without the mask", masked),
    WrongModule("mask transposed", Attended, as_class(MaskTransposed), r"with the mask.* transposed", masked),
    WrongModule(
        "packing interleaved",
        Attended,
        as_class(Interleaved),
        r"columns interleaved instead of in 3 parts",
        masked,
    ),
    WrongModule(
        "keys last",
        Attended,
        as_class(KeysLast),
        r"keys and values swapped|thirds in the order \(0, 2, 1\)",
        masked,
    ),
    WrongModule(
        "causal mask missing", llama, doing(lambda m: setattr(m, "causal", False)), r"without the mask"
    ),
    WrongModule(
        "causal mask unwanted", bert, doing(lambda m: setattr(m, "causal", True)), r"with a causal mask"
    ),
    WrongModule(
        "softmax over queries",
        llama,
        SoftmaxOverQueries,
        r"with the softmax over queries instead of keys",
    ),
    WrongModule(
        "rotary missing",
        llama,
        doing(lambda m: setattr(m, "rope_theta", None)),
        r"without the rotary embedding",
    ),
    WrongModule(
        "another base",
        llama,
        doing(lambda m: setattr(m, "rope_theta", 500000.0)),
        r"with a base of 500000 for 10000",
    ),
    WrongModule(
        "one expert",
        Experts,
        doing(lambda m: m.experts[3].load_state_dict(m.experts[2].state_dict())),
        r"`experts\.2` in the place of `experts\.3`",
    ),
    WrongModule(
        "two experts swapped",
        Experts,
        doing(swapped("experts.0", "experts.1")),
        r"`experts\.0` and `experts\.1` swapped",
    ),
    WrongModule(
        "norms swapped",
        lambda: block(RMSNorm),
        doing(swapped("attention_norm", "ffn_norm")),
        r"`attention_norm` and `ffn_norm` swapped",
    ),
    WrongModule(
        "a type too coarse",
        linear,
        made(lambda y: y.to(torch.float8_e4m3fn).to(y.dtype)),
        r"values are all of float8_e4m3fn",
    ),
]


def block(norm: type[nn.Module]) -> nn.Module:
    norms = norm(WIDTH), norm(WIDTH)
    for one in norms:
        nn.init.normal_(one.weight, 1, 0.5)  # type: ignore[arg-type]
    return DecoderBlock(llama(), SwiGLU(WIDTH, 256), *norms)


def noisy(share: float, seed: int) -> Callable[[Tensor], Tensor]:
    """Off by errors of no pattern."""

    def change(y: Tensor) -> Tensor:
        noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed))
        return y + share * y.float().std() * noise.to(y.dtype)

    return change


SHARES = (0.05, 0.1, 0.2, 0.5)
RIGHT: tuple[Callable[[], nn.Module], ...] = (linear, Layer, llama, Experts, lambda: MLP(WIDTH, 256))
IMPRECISE = [
    WrongModule(f"{share:g} of noise in {place}", right, made(noisy(share, place)), None)
    for share in SHARES
    for place, right in enumerate(RIGHT)
]
