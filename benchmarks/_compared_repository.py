"""A repository with a module of 5 ms, and what ttci, pytest-benchmark and asv say of a change to it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

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
TIMES = 20
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
def busy() -> Iterator[None]:
    """Meanwhile another process takes a core for two seconds, on average, and leaves it for as long."""
    process = subprocess.Popen([sys.executable, "-c", _BUSY])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def make_repository(folder: Path) -> None:
    _write_module(folder, TIMES)
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


def compared(folder: Path, times: int, seconds: float) -> str:
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


def by_hand(folder: Path, times: int) -> str:
    """What pytest-benchmark says of two saved runs, with its usual threshold of 5 % and 10 % of the mean."""
    subprocess.run(["rm", "-rf", str(folder / ".benchmarks")], check=True)
    for saved in (TIMES, times):
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


def by_asv(folder: Path, times: int) -> str:
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
