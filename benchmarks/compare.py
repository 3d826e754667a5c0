"""How often ``ttci compare`` calls unchanged code changed, and how soon it finds what has changed.

On generated noise, by its own rule for when to look and what to say: pairs of processes whose ratio varies by
0.5 to 10 %, evenly, with outliers, and between processes of two speeds. Then really, on this machine, with a
module of 5 ms while another process takes a core at random: unchanged code and code that takes 5 % longer,
and beside it pytest-benchmark's comparison of two saved runs and ``asv continuous``. ``--runs N --seconds S``
makes it longer, ``--percent P`` is another change, and ``--alone`` leaves the others out.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.random import Generator

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._compared_repository import (
    TIMES,
    busy,
    by_asv,
    by_hand,
    compared,
    make_repository,
)
from benchmarks._processes import MOST_PAIRS, PAIR_NOISES, SAME, Noise, measured
from ttci.compare.intervals import MOST_FALSE_CALLS
from ttci.results import Comparison

SEED = 20261128
_SERIES, _SERIES_CHANGED = 50_000, 1_000


def _said(generator: Generator, noise: Noise, change: float) -> tuple[Comparison, int]:
    """What is said in the end, and after how many pairs of processes."""
    found = measured(generator, noise, change)
    return found.word(SAME), found.pairs


def _print_generated() -> float:
    """Print the table; the share of false calls of the noise that has most."""
    print(f"generated, seed {SEED}: {MOST_PAIRS} pairs of processes at most, same within {SAME:.0%}")
    print(f"{'noise of a pair':24}{'unchanged: false in 1,000':>27}{'same, of 100':>14}", end="")
    print(f"{'+5%: slower':>14}{'after':>7}{'+2%: slower':>14}{'+1%: same':>12}")
    most = 0
    for row, (name, noise) in enumerate(PAIR_NOISES.items()):
        generator = np.random.default_rng([SEED, row])
        unchanged = [_said(generator, noise, 0.0)[0] for _ in range(_SERIES)]
        false = sum(word in (Comparison.SLOWER, Comparison.FASTER) for word in unchanged)
        most = max(most, false)
        five, two, one = (
            [_said(generator, noise, change) for _ in range(_SERIES_CHANGED)] for change in (0.05, 0.02, 0.01)
        )
        found = [pairs for word, pairs in five if word is Comparison.SLOWER]
        print(
            f"{name:24}{1000 * false / _SERIES:27.2f}{_percent(unchanged, Comparison.SAME):14.1f}"
            f"{_percent([word for word, _ in five], Comparison.SLOWER):14.1f}"
            f"{np.median(found) if found else math.nan:7.0f}"
            f"{_percent([word for word, _ in two], Comparison.SLOWER):14.1f}"
            f"{_percent([word for word, _ in one], Comparison.SAME):12.1f}",
            flush=True,
        )
    return most / _SERIES


def _percent(words: list[Comparison], word: Comparison) -> float:
    return 100 * words.count(word) / len(words)


def _print_real(runs: int, seconds: float, percent: int, *, is_alone: bool) -> None:
    load = os.getloadavg()[0]
    print(f"\nreally, {os.cpu_count()} cores, load {load:.1f} before: another process takes a core at random")
    random.seed(SEED)
    with tempfile.TemporaryDirectory() as made, busy():
        folder = Path(made)
        make_repository(folder)
        changed = (f"+{percent}%", TIMES + TIMES * percent // 100)
        words = {what: Counter[str]() for what in ("unchanged", changed[0])}
        for number in range(runs):
            for what, times in random.sample([("unchanged", TIMES), changed], 2):
                found = compared(folder, times, seconds)
                words[what][found.partition(" ")[0]] += 1
                print(f"run {number + 1}, {what:10} ttci compare     {found}", flush=True)
                for name, judged in (
                    () if is_alone else (("pytest-benchmark", by_hand), ("asv continuous", by_asv))
                ):
                    start = time.monotonic()
                    said = judged(folder, times)
                    print(f"{'':17} {name:16} {said}, {time.monotonic() - start:.0f} s", flush=True)
        for what, said_of in words.items():
            print(f"{what}: " + ", ".join(f"{count} {word}" for word, count in said_of.most_common()))


def main() -> int:
    """Print both parts; 1 where unchanged code is called changed too often."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--runs", type=int, default=1, help="real ones of each kind")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each")
    parser.add_argument("--percent", type=int, default=5, help="that the changed code takes longer")
    parser.add_argument("--alone", action="store_true", help="without pytest-benchmark and asv")
    options = parser.parse_args()
    if TIMES * options.percent % 100:
        parser.error(f"--percent: the module has {TIMES} equal steps; name a multiple of {100 // TIMES}")
    share = _print_generated()
    print(
        f"false calls: {1000 * share:.2f} in 1,000 at most (bound {1000 * MOST_FALSE_CALLS:g} for each noise)"
    )
    _print_real(options.runs, options.seconds, options.percent, is_alone=options.alone)
    return int(share > MOST_FALSE_CALLS)


if __name__ == "__main__":
    raise SystemExit(main())
