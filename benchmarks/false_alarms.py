"""How often a right architecture is called wrong, and how often a wrong one passes.

The corpus of ``tests/architectures``: right modules of torch and tiny Hugging Face
models with random weights, 10 seeds each, gradients and correctness in float32 and
correctness in bfloat16; wrong modules, 3 seeds each, by the check that must see the
fault. A check that cannot be judged is counted as unavailable, with the reason.

Every false alarm and every missed fault is listed. One process a core.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the corpus is: tests/architectures

from tests.architectures import right_torch, right_transformers
from tests.architectures.entries import Right, Wrong, judge
from tests.architectures.wrong import WRONG

RIGHT_SEEDS, WRONG_SEEDS = 10, 3
FALSE_ALARMS, MISSED_FAULTS = 0, 0
UNJUDGED = 0.05  # of the right ones: a check that is never made raises no alarm either
RIGHT = [*right_torch.RIGHT, *right_transformers.RIGHT]
OUTCOMES = ("passed", "unavailable", "failed", "error")
SECONDS_BETWEEN_LINES = 30


@dataclass(frozen=True)
class Judged:
    """What became of one check of one module."""

    is_right: bool
    name: str
    seed: int
    check: str
    outcome: str
    message: str

    @property
    def is_mistake(self) -> bool:
        """A right module called wrong, or a wrong one not."""
        return self.outcome in ("failed", "error") if self.is_right else self.outcome != "failed"

    def __str__(self) -> str:
        return f"{self.name}, seed {self.seed}, {self.check}: {self.outcome} {_line(self.message)}"


def main() -> int:
    """Judge the whole corpus; 1 where a bound is missed."""
    start = time.perf_counter()
    judged = list(_all_judged())
    print(f"{len(RIGHT)} right architectures, {RIGHT_SEEDS} seeds each")
    right = [one for one in judged if one.is_right]
    wrong = [one for one in judged if not one.is_right]
    alarms, missed = ([one for one in side if one.is_mistake] for side in (right, wrong))
    _print_outcomes(right)
    caught = len(wrong) - len(missed)
    print(f"{len(WRONG)} wrong architectures, {WRONG_SEEDS} seeds each: {caught} of {len(wrong)} caught")
    for title, mistakes in (("false alarm", alarms), ("missed fault", missed)):
        for mistake in mistakes:
            print(f"{title}: {mistake}")
    print(f"false alarms {len(alarms)}, bound {FALSE_ALARMS}: at most")
    print(f"missed faults {len(missed)}, bound {MISSED_FAULTS}: at most")
    unjudged = sum(one.outcome == "unavailable" for one in right) / len(right)
    print(f"unavailable {unjudged:.1%}, bound {UNJUDGED:.0%}: at most")
    print(f"took {(time.perf_counter() - start) / 60:.1f} minutes")
    well = len(alarms) <= FALSE_ALARMS and len(missed) <= MISSED_FAULTS and unjudged <= UNJUDGED
    print("met" if well else "MISSED")
    return 0 if well else 1


def _all_judged() -> Iterator[Judged]:
    """Entry by entry, over all cores."""
    shown = time.monotonic()
    context = get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(
        os.cpu_count(), context, initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        futures = [pool.submit(_judge_right, index) for index in reversed(range(len(RIGHT)))]
        futures += [pool.submit(_judge_wrong, index) for index in range(len(WRONG))]
        for done, future in enumerate(as_completed(futures), 1):
            yield from future.result()
            if time.monotonic() - shown > SECONDS_BETWEEN_LINES:
                print(f"  {done} of {len(futures)} architectures", flush=True)
                shown = time.monotonic()


def _judge_right(index: int) -> list[Judged]:
    right: Right = RIGHT[index]
    return [
        Judged(
            True,
            right.name,
            seed,
            f"{check} in {dtype}" if check == "correctness" else check,
            outcome,
            message,
        )
        for seed in range(RIGHT_SEEDS)
        for dtype in right.dtypes
        for check, outcome, message in _outcomes_of_right(right, seed, dtype)
    ]


def _outcomes_of_right(right: Right, seed: int, dtype: str) -> Iterator[tuple[str, str, str]]:
    checks = ("correctness", "gradients") if dtype == "float32" else ("correctness",)
    module, config = right.made(seed)
    for check, result in judge(module, config, dtype, *checks).items():
        yield check, result.outcome.value, result.message


def _judge_wrong(index: int) -> list[Judged]:
    wrong: Wrong = WRONG[index]
    judged = []
    for seed in range(WRONG_SEEDS):
        for dtype in wrong.dtypes_of_check:
            module, config = wrong.judged(seed)
            result = judge(module, config, dtype, wrong.check)[wrong.check]
            check = f"{wrong.check} in {dtype}"
            judged.append(Judged(False, wrong.name, seed, check, result.outcome.value, result.message))
    return judged


def _print_outcomes(judged: list[Judged]) -> None:
    counts = Counter((one.check, one.outcome) for one in judged)
    print(f"  {'':26}" + "".join(f"{outcome:>13}" for outcome in OUTCOMES))
    for check in sorted({one.check for one in judged}):
        print(f"  {check:26}" + "".join(f"{counts[check, outcome]:13}" for outcome in OUTCOMES))
    reasons = Counter((one.name, _line(one.message)) for one in judged if one.outcome == "unavailable")
    for (name, reason), count in sorted(reasons.items()):
        print(f"  unavailable {count} times: {name}: {reason}")


def _line(message: str) -> str:
    return message.replace("\n", " / ")[:200]


if __name__ == "__main__":
    raise SystemExit(main())
