"""How often the correctness check calls a right output wrong, and how often it sees a fault.

Right outputs: small modules of many kinds, each from `SEEDS` seeds, as three devices compute
them: torch in bfloat16; the same with weights in bfloat8_b; and a device that rounds
everything to bfloat16 up or down at random, so that its errors have nothing in common with
those by which they are judged. The reference is float32. A false alarm is a complaint about
a row, a column, an element or an integer; the rules for the whole are another matter.

Faults: put into right outputs of bfloat16, one at a time.

    python benchmarks/correctness_bounds.py [FIRST_SEED]

The bounds were found with the seeds from 0 on; others show that they hold beyond those.
"""

from __future__ import annotations

import copy
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ttci.checks.judged_output import RoundedReferences, judged_output, learn_from_passes
from ttci.checks.number_types import Precision, rounded_weight
from ttci.checks.rounding import Roughness, Rounding
from ttci.modules.attention import MultiHeadAttention
from ttci.modules.ffn import SwiGLU
from ttci.modules.normalization import RMSNorm

WIDTH, TOKENS = 32, 16
SEEDS = 146
SEEDS_OF_FAULTS = 4
CORES = 2
FEWEST_OUTPUTS = 10_000
MOST_FALSE_ALARMS = 1e-3  # of right outputs
FEWEST_CAUGHT = 0.99  # at a near tie of a choice of experts, a token could be anything
MOST_SECONDS = 180.0
FIRST_SEED_OF_DEVICE = 1_000_000
BFLOAT16 = Precision(torch.bfloat16, "bfloat16")
BFLOAT8_B = Precision(torch.bfloat16, "bfloat8_b")


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


@dataclass(frozen=True)
class Case:
    """A module with its input and reference."""

    kind: str
    seed: int
    module: nn.Module
    x: Tensor
    reference: Tensor
    known: dict[tuple[Precision, Roughness], list[Tensor]] = field(default_factory=dict)

    def rounded(self, precision: Precision, roughness: Roughness) -> list[Tensor]:
        """The reference with rounding, computed once for all that are judged by it."""
        if (precision, roughness) not in self.known:
            self.known[precision, roughness] = self._rounded(precision, roughness)
        return self.known[precision, roughness]

    def _rounded(self, precision: Precision, roughness: Roughness) -> list[Tensor]:
        rounding = Rounding(precision, roughness, self.module.buffers())
        given = rounding.given(self.x)
        with rounding:
            return [self.module(given)]

    def complaints(self, output: Tensor, precision: Precision) -> list[str]:
        """About its rows, columns, elements and integers: the whole is made to agree."""
        judged = judged_output(output, self.reference, float("inf"), exact=False, precision=precision)
        learn_from_passes([judged], RoundedReferences(precision, lambda how: self.rounded(precision, how)))
        return judged.complaints()


@dataclass
class Found:
    """What was counted, by device and by fault, and what there is to say of it."""

    outputs: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """Count another's too."""
        self.outputs += other.outputs
        self.alarms += other.alarms
        self.faults += other.faults
        self.caught += other.caught
        self.lines += other.lines


def main(first_seed: int = 0) -> int:
    """Measure both rates; 1 where a bound is missed."""
    start = time.perf_counter()
    found = Found()
    with ProcessPoolExecutor(CORES) as pool:
        seeds = range(first_seed, first_seed + SEEDS)
        with_faults = [seed in seeds[:SEEDS_OF_FAULTS] for seed in seeds]
        for of_seed in pool.map(_of_seed, seeds, with_faults, chunksize=4):
            found.add(of_seed)
    print(*found.lines, sep="\n")
    return _conclude(found, time.perf_counter() - start)


def _of_seed(seed: int, with_faults: bool) -> Found:
    torch.set_num_threads(1)
    found = Found()
    with torch.no_grad():
        for kind, make in (TOKENWISE | OTHERS).items():
            torch.manual_seed(seed)
            module = make()
            x = torch.randn(1, TOKENS, WIDTH)
            case = Case(kind, seed, module, x, module(x.clone()))
            _judge_right_outputs(case, found)
            if kind in TOKENWISE and with_faults:
                _judge_faults(case, found)
    return found


def _judge_right_outputs(case: Case, found: Found) -> None:
    for device, (output, precision) in _right_outputs(case).items():
        found.outputs[device] += 1
        for complaint in case.complaints(output, precision)[:1]:
            found.alarms[device] += 1
            found.lines.append(f"false alarm: {case.kind}, seed {case.seed}, {device}: {complaint}")


def _judge_faults(case: Case, found: Found) -> None:
    right = _on_torch(case, BFLOAT16)
    for name, fault in FAULTS.items():
        output = right.clone()
        fault(output)
        found.faults[name] += 1
        if case.complaints(output, BFLOAT16):
            found.caught[name] += 1
        else:
            found.lines.append(f"missed: {case.kind}, seed {case.seed}: {name}")


def _right_outputs(case: Case) -> dict[str, tuple[Tensor, Precision]]:
    at_random = case.rounded(BFLOAT16, Roughness(seed=FIRST_SEED_OF_DEVICE + case.seed))[0]
    return {
        "torch, bfloat16": (_on_torch(case, BFLOAT16), BFLOAT16),
        "torch, bfloat16 with bfloat8_b weights": (_on_torch(case, BFLOAT8_B), BFLOAT8_B),
        "rounded at random": (at_random, BFLOAT16),
    }


def _on_torch(case: Case, precision: Precision) -> Tensor:
    module = copy.deepcopy(case.module)
    for parameter in module.parameters():
        if parameter.ndim > 1:
            parameter.data = rounded_weight(parameter.data, precision.weight_dtype)
    output: Tensor = module.bfloat16()(case.x.bfloat16())
    return output


def _zero_last_token(output: Tensor) -> None:
    output[0, -1] = 0


def _set_an_element(output: Tensor) -> None:
    output[0, 5, 7] = 8 * output.float().std()


def _scale_a_column(output: Tensor) -> None:
    output[..., -1] *= 1.2


def _swap_two_tokens(output: Tensor) -> None:
    output[0, [3, 4]] = output[0, [4, 3]]


def _zero_a_column(output: Tensor) -> None:
    output[..., 3] = 0


FAULTS: dict[str, Callable[[Tensor], Any]] = {
    "last token zero": _zero_last_token,
    "one element 8 standard deviations": _set_an_element,
    "one column scaled by 1.2": _scale_a_column,
    "one column zero": _zero_a_column,
    "two tokens swapped": _swap_two_tokens,
}


def _conclude(found: Found, seconds: float) -> int:
    outputs, faults = found.outputs, found.faults
    for device, count in outputs.items():
        print(f"{device:40} {found.alarms[device]:4} false alarms in {count:6,} right outputs")
    rate, share = found.alarms.total() / outputs.total(), found.caught.total() / faults.total()
    for name, count in faults.items():
        print(f"{name:40} {found.caught[name]:6,} of {count:6,} caught")
    well = _within(rate, share, outputs.total(), seconds)
    print(f"right outputs {outputs.total():,}, bound {FEWEST_OUTPUTS:,}: at least")
    print(f"false alarms {rate:.2e} of right outputs, bound {MOST_FALSE_ALARMS:g}")
    print(f"faults caught {share:.4f}, bound {FEWEST_CAUGHT:g}: at least")
    print(f"{seconds:.0f} s, bound {MOST_SECONDS:g} s")
    print("met" if well else "MISSED")
    return 0 if well else 1


def _within(rate: float, share: float, count: int, seconds: float) -> bool:
    holds: Sequence[bool] = (
        rate <= MOST_FALSE_ALARMS,
        share >= FEWEST_CAUGHT,
        count >= FEWEST_OUTPUTS,
        seconds <= MOST_SECONDS,
    )
    return all(holds)


if __name__ == "__main__":
    raise SystemExit(main(*map(int, sys.argv[1:2])))
