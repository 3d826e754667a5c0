"""How often the correctness check calls a right output wrong, and how often it sees a fault.

Right outputs: small modules of many kinds, each from `SEEDS` seeds, as three devices compute
them: torch in bfloat16; the same with weights in bfloat8_b; and a device that rounds
everything to bfloat16 up or down at random, so that its errors have nothing in common with
those by which they are judged. The reference is float32. A false alarm is a problem found in
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
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._small_modules import OTHERS, TOKENS, TOKENWISE, WIDTH
from ttci.checks.judged_output import RoundedReferences, judged_output, learn_from_passes
from ttci.checks.number_types import Precision, rounded_weight
from ttci.checks.rounding import Roughness, Rounding

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

    def problems(self, output: Tensor, precision: Precision) -> list[str]:
        """About its rows, columns, elements and integers: the whole is made to agree."""
        judged = judged_output(output, self.reference, float("inf"), exact=False, precision=precision)
        learn_from_passes([judged], RoundedReferences(precision, lambda how: self.rounded(precision, how)))
        return judged.problems()


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
        for problem in case.problems(output, precision)[:1]:
            found.alarms[device] += 1
            found.lines.append(f"false alarm: {case.kind}, seed {case.seed}, {device}: {problem}")


def _judge_faults(case: Case, found: Found) -> None:
    right = _on_torch(case, BFLOAT16)
    for name, fault in FAULTS.items():
        output = right.clone()
        fault(output)
        found.faults[name] += 1
        if case.problems(output, BFLOAT16):
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
