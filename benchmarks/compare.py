"""How often ``ttci compare`` calls unchanged code changed, and how soon it finds what has changed.

On generated noise, by its own rule for when to look and what to say: pairs of processes whose ratio varies by
0.5 to 10 %, evenly, with outliers, and between processes of two speeds. Then really, on this machine, with a
module of 5 ms while another process takes a core at random: unchanged code and code that takes 5 % longer,
and beside it pytest-benchmark's comparison of two saved runs and ``asv continuous``. ``--runs N --seconds S``
makes it longer.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from ttci.compare.intervals import MOST_FALSE_CALLS, interval_of, is_look
from ttci.results import Comparison

SEED = 20261128
MOST_PAIRS = 40  # of processes: about a minute of a module of 5 ms on a quiet machine
SAME = 0.02
_SERIES, _SERIES_CHANGED = 20_000, 1_000

Noise = Callable[
    [Generator], float
]  # the logarithm of head/base of a pair of processes where nothing has changed


def _normal(deviation: float) -> Noise:
    return lambda generator: generator.normal(0, deviation)


def _outliers(deviation: float) -> Noise:
    """One pair in ten varies ten times as much: another process has begun in its middle."""
    return lambda generator: generator.normal(0, deviation * (10 if generator.random() < 0.1 else 1))


def _two_speeds(generator: Generator) -> float:
    """Of either side, one process in two is 3 % slower, by where its memory lies."""
    base, head = generator.integers(2, size=2)
    return float(0.03 * (head - base) + generator.normal(0, 0.001))


NOISES: dict[str, Noise] = {
    "0.5%": _normal(0.005),
    "1%": _normal(0.01),
    "3%": _normal(0.03),
    "10%": _normal(0.1),
    "1%, outliers of 10%": _outliers(0.01),
    "two speeds, 3% apart": _two_speeds,
}


def _said(generator: Generator, noise: Noise, change: float) -> tuple[Comparison, int]:
    """What is said in the end, and after how many pairs of processes."""
    logarithms = [math.log1p(change) + noise(generator) for _ in range(MOST_PAIRS)]
    for pairs in range(1, MOST_PAIRS + 1):
        is_last = pairs == MOST_PAIRS
        if is_look(pairs) or is_last:
            word = interval_of(logarithms[:pairs], is_last=is_last).word(SAME)
            if word is not Comparison.UNSURE:
                return word, pairs
    return Comparison.UNSURE, MOST_PAIRS


def _print_generated() -> float:
    """Print the table; the share of false calls over all noises."""
    print(f"generated, seed {SEED}: {MOST_PAIRS} pairs of processes at most, same within {SAME:.0%}")
    print(f"{'noise of a pair':24}{'unchanged: false in 1,000':>27}{'same, of 100':>14}", end="")
    print(f"{'+5%: slower':>14}{'after':>7}{'+2%: slower':>14}{'+1%: same':>12}")
    calls = 0
    for row, (name, noise) in enumerate(NOISES.items()):
        generator = np.random.default_rng([SEED, row])
        unchanged = [_said(generator, noise, 0.0)[0] for _ in range(_SERIES)]
        false = sum(word in (Comparison.SLOWER, Comparison.FASTER) for word in unchanged)
        calls += false
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
    return calls / (_SERIES * len(NOISES))


def _percent(words: list[Comparison], word: Comparison) -> float:
    return 100 * words.count(word) / len(words)


MODULE = """
import torch
from torch import nn


class Repeated(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1024, 1024)

    def forward(self, x):
        for _ in range(TIMES):
            x = self.layer(x)
        return x
"""
MODEL = """
from repeated import Repeated
from ttci.testing import TestableModule, TestConfig


class Model(TestableModule):
    def get_test_configs(self):
        return {"layers": (Repeated(), TestConfig("layers", (1, 2, 1024), test_cases=["performance"]))}
"""
MANIFEST = """
[devices.cpu]
backend = "torch"
[models.model]
source = "model.py::Model"
devices = ["cpu"]
"""
BY_HAND = """
import torch
from repeated import Repeated


def test_layers(benchmark):
    module, x = Repeated(), torch.randn(1, 2, 1024)
    with torch.no_grad():
        benchmark(module, x)
"""
BY_ASV = """
import torch
from repeated import Repeated


class Layers:
    def setup(self):
        self.module, self.x = Repeated(), torch.randn(1, 2, 1024)

    def time_forward(self):
        with torch.no_grad():
            self.module(self.x)
"""
ASV_SETTINGS = {
    "version": 1,
    "project": "repeated",
    "repo": ".",
    "branches": ["HEAD"],
    "environment_type": "virtualenv",
    "matrix": {"req": {"torch": [version("torch").partition("+")[0]]}},
    "build_command": ["python -m pip wheel --quiet --no-deps -w {build_cache_dir} {build_dir}"],
}
PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "repeated"
version = "1"
[tool.setuptools]
py-modules = ["repeated"]
"""
_TIMES, _TIMES_CHANGED = 20, 21
_GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
_ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
_BUSY = """
import random, time
while True:
    end = time.monotonic() + random.expovariate(1 / 2)
    while time.monotonic() < end:
        pass
    time.sleep(random.expovariate(1 / 2))
"""


@contextmanager
def _busy() -> Iterator[None]:
    """Meanwhile another process takes a core for two seconds, on average, and leaves it for as long."""
    process = subprocess.Popen([sys.executable, "-c", _BUSY])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _make_repository(folder: Path) -> None:
    _write_module(folder, _TIMES)
    (folder / "model.py").write_text(MODEL)
    (folder / "models_manifest.toml").write_text(MANIFEST)
    (folder / "test_by_hand.py").write_text(BY_HAND)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "asv.conf.json").write_text(json.dumps(ASV_SETTINGS))
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "__init__.py").touch()
    (folder / "benchmarks" / "layers.py").write_text(BY_ASV)
    (folder / ".asv").mkdir()
    (folder / ".gitignore").write_text("reports/\n.asv/\n.benchmarks/\n__pycache__/\n")
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "first")):
        subprocess.run([*_GIT, *arguments], cwd=folder, check=True)


def _write_module(folder: Path, times: int) -> None:
    (folder / "repeated.py").write_text(MODULE.replace("TIMES", str(times)))


def _compared(folder: Path, times: int, seconds: float) -> str:
    """What ttci says of the working tree, with its interval and what it took."""
    _write_module(folder, times)
    command = [sys.executable, "-m", "ttci", "compare", "HEAD", "--seconds", str(seconds), "--json"]
    done = subprocess.run(command, cwd=folder, env=_ENVIRONMENT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    (figure,) = found["figures"]
    limits = "not known" if figure["low"] is None else f"{figure['low']:.3f} and {figure['high']:.3f}"
    return (
        f"{figure['comparison']:8}{figure['ratio']:.3f}, between {limits}; {figure['base']:.2f} ms, "
        f"{found['seconds']:.0f} s, {figure['pairs']} pairs, noise {figure['noise'] or math.nan:.1%}"
    )


def _by_hand(folder: Path, times: int) -> str:
    """What pytest-benchmark says of two saved runs, with its usual threshold of 5 % and 10 % of the mean."""
    subprocess.run(["rm", "-rf", str(folder / ".benchmarks")], check=True)
    for saved in (_TIMES, times):
        _write_module(folder, saved)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:ttci",
            "test_by_hand.py",
            "--benchmark-autosave",
        ]
        subprocess.run(command, cwd=folder, env=_ENVIRONMENT, capture_output=True, check=True)
    means, medians = zip(
        *(_statistics_in(path) for path in sorted(folder.glob(".benchmarks/*/*.json"))), strict=True
    )
    mean, median = (values[1] / values[0] for values in (means, medians))
    failed = [f"mean:{limit:.0%}" for limit in (0.05, 0.1) if mean > 1 + limit]
    fails = f"fails at {', '.join(failed)}" if failed else "passes"
    return f"mean {mean:.3f}, median {median:.3f}: {fails}"


def _by_asv(folder: Path, times: int) -> str:
    """What asv says of two commits, with a factor of 1.05; environments are made before."""
    _write_module(folder, times)
    for arguments in (("checkout", "-q", "-B", "head"), ("commit", "-q", "--allow-empty", "-am", "head")):
        subprocess.run([*_GIT, *arguments], cwd=folder, check=True)
    asv, at_home = [sys.executable, "-m", "asv"], {**_ENVIRONMENT, "HOME": str(folder / ".asv")}
    how: dict[str, Any] = {"cwd": folder, "env": at_home, "capture_output": True, "text": True}
    subprocess.run([*asv, "machine", "--yes"], check=True, **how)  # kept in the home folder
    done = subprocess.run([*asv, "continuous", "--factor", "1.05", "HEAD^", "HEAD"], check=False, **how)
    if done.returncode not in (0, 1):
        raise SystemExit(f"asv ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
    subprocess.run([*_GIT, "reset", "-q", "--hard", "HEAD^"], cwd=folder, check=True)
    said = [line for line in done.stdout.splitlines() if line.isupper() or "layers.Layers" in line]
    return " ".join(" ".join(said[-2:]).split())


def _statistics_in(path: Path) -> tuple[float, float]:
    statistics = json.loads(path.read_text())["benchmarks"][0]["stats"]
    return statistics["mean"], statistics["median"]


def _print_real(runs: int, seconds: float) -> None:
    load = os.getloadavg()[0]
    print(f"\nreally, {os.cpu_count()} cores, load {load:.1f} before: another process takes a core at random")
    random.seed(SEED)
    with tempfile.TemporaryDirectory() as made, _busy():
        folder = Path(made)
        _make_repository(folder)
        for number in range(runs):
            for what, times in random.sample([("unchanged", _TIMES), ("+5%", _TIMES_CHANGED)], 2):
                print(
                    f"run {number + 1}, {what:10} ttci compare     {_compared(folder, times, seconds)}",
                    flush=True,
                )
                for name, judged in (("pytest-benchmark", _by_hand), ("asv continuous", _by_asv)):
                    start = time.monotonic()
                    said = judged(folder, times)
                    print(f"{'':17} {name:16} {said}, {time.monotonic() - start:.0f} s", flush=True)


def main() -> int:
    """Print both parts; 1 where unchanged code is called changed too often."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--runs", type=int, default=1, help="real ones of each kind")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each")
    options = parser.parse_args()
    share = _print_generated()
    print(f"false calls: {1000 * share:.2f} in 1,000 (bound {1000 * MOST_FALSE_CALLS:g})")
    _print_real(options.runs, options.seconds)
    return int(share > MOST_FALSE_CALLS)


if __name__ == "__main__":
    raise SystemExit(main())
