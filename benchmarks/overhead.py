"""What ttci costs above the same suite written by hand.

Both sides are whole processes (``python -m pytest``), start to exit, in turns, in
one folder; each writes a JUnit file and pytest-benchmark's JSON:

* ttci: a model of 200 tiny modules, correctness and performance, on a bfloat16
  torch device. Beside the judging it writes run.json.
* by hand: one parametrized pytest file that imports the same 200 modules. A
  fixture makes each ready once for its two tests: weights and input in bfloat16,
  the float32 reference. Correctness runs the module twice and asserts shape,
  finiteness, Pearson correlation, allclose, an unchanged input and a repeatable
  result; performance warms up and calls pytest-benchmark. ttci's plugin is switched
  off there, as it is where ttci is not installed.

Warm-up and rounds are equal: one call, as there is no time for more, and ROUNDS, which both
sides are told. torch keeps to one
thread on both: the work is tiny, and threads that wait for each other on a busy
machine would drown it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BOUND = 1.3
MODULES = 200
ROUNDS = 8  # the fewest after which a median can be called steady
REPETITIONS = 5

_MODEL = f"""
import torch
from torch import nn

from ttci.testing import ModuleTest

WIDTHS = [8 + index % 8 for index in range({MODULES})]


def make_module(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList(make_module(width) for width in WIDTHS)

    def get_module_tests(self) -> list[ModuleTest]:
        return [
            ModuleTest(
                f"module_{{index:03}}",
                input_shape=(1, 16, width),
                tolerance=1e-2,
                test_cases=["correctness", "performance"],
                module=module,
            )
            for index, (width, module) in enumerate(zip(WIDTHS, self.parts))
        ]
"""

_MANIFEST = """
[devices.tiny]
backend = "torch"
dtype = "bfloat16"

[models.tiny]
source = "tiny.py::Tiny"
devices = ["tiny"]
"""

_BY_HAND = f'''
import copy

import pytest
import torch
from torch import nn

WIDTHS = [8 + index % 8 for index in range({MODULES})]


def make_module(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))


torch.manual_seed(0)
MODULES = [make_module(width) for width in WIDTHS]


@pytest.fixture(scope="module", params=range({MODULES}), ids=lambda index: f"module_{{index:03}}")
def prepared(request):
    """The module and its input in bfloat16, and the float32 reference; made once for both tests."""
    module = MODULES[request.param]
    torch.manual_seed(0)
    value = torch.randn(1, 16, WIDTHS[request.param])
    with torch.no_grad():
        reference = module(value)
    return copy.deepcopy(module).to(torch.bfloat16), value.to(torch.bfloat16), reference


def test_correctness(prepared):
    module, value, reference = prepared
    before = value.clone()
    with torch.no_grad():
        first, second = module(value), module(value)
    assert first.shape == reference.shape
    assert torch.isfinite(first).all()
    pair = torch.stack([first.flatten().double(), reference.flatten().double()])
    assert torch.corrcoef(pair)[0, 1] >= 0.99
    assert torch.allclose(first.float(), reference, rtol=0.05, atol=0.05)
    assert torch.equal(value, before), "the input was changed in place"
    assert torch.equal(first, second), "a second call gave another result"


def test_performance(prepared, benchmark):
    module, value, _ = prepared

    def forward():
        with torch.no_grad():
            return module(value)

    forward()
    benchmark(forward)
'''


def main() -> int:
    """Measure both sides in turns and print the ratio; 1 where it misses the bound."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tiny.py").write_text(_MODEL)
        (folder / "models_manifest.toml").write_text(_MANIFEST)
        (folder / "test_by_hand.py").write_text(_BY_HAND)
        ttci = ("--manifest=models_manifest.toml", "--test-model=tiny", "--test-device=tiny")
        sides = {
            "by hand": ("-p", "no:ttci", "test_by_hand.py"),
            "ttci": (*ttci, "--run-json=run.json"),
        }
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        for repetition in range(REPETITIONS + 1):
            for side, options in sides.items():
                taken = _seconds_of(folder, side.replace(" ", "_"), options)
                if repetition:  # the first of each fills the caches of files and bytecode
                    seconds[side].append(taken)
    return _conclude({side: statistics.median(samples) for side, samples in seconds.items()})


def _seconds_of(folder: Path, label: str, options: tuple[str, ...]) -> float:
    """Wall seconds of one pytest process; it must have passed with the rounds it was told."""
    benchmark = folder / f"{label}.json"
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", *options),
        *(f"--junitxml={label}.xml", f"--benchmark-json={benchmark}"),
        *("--benchmark-max-time=0", f"--benchmark-min-rounds={ROUNDS}"),
    ]
    # Products are native, as they are by hand, whatever this CPU is quick at.
    settings = {"OMP_NUM_THREADS": "1", "PYTEST_ADDOPTS": "", "TTCI_PRODUCTS": "native"}
    environment = {**os.environ, **settings}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # it would have each process compile all it imports
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    taken = time.perf_counter() - start
    if done.returncode or f"{2 * MODULES} passed" not in done.stdout:
        raise SystemExit(f"{label} did not pass all of its {2 * MODULES} tests:\n{done.stdout}")
    rounds = [entry["stats"]["rounds"] for entry in json.loads(benchmark.read_text())["benchmarks"]]
    if rounds != [ROUNDS] * MODULES:
        raise SystemExit(f"{label} measured {sorted(set(rounds))} rounds, not {ROUNDS}")
    return taken


def _conclude(medians: dict[str, float]) -> int:
    ratio = medians["ttci"] / medians["by hand"]
    extra_ms = 1000 * (medians["ttci"] - medians["by hand"]) / (2 * MODULES)
    print(f"{MODULES} modules, 2 checks each, {ROUNDS} rounds; median of {REPETITIONS} whole processes")
    for side, median in medians.items():
        print(f"  {side:8} {median:6.2f} s   {1000 * median / (2 * MODULES):6.2f} ms a test")
    print(f"  ttci adds {extra_ms:.2f} ms a test")
    print(f"ratio {ratio:.2f}, bound {BOUND}: {'met' if ratio <= BOUND else 'MISSED'}")
    return 0 if ratio <= BOUND else 1


if __name__ == "__main__":
    raise SystemExit(main())
