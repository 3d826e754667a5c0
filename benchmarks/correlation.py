"""The correlation of 22.5 million bfloat16 values with a float32 reference.

`ttci.checks.comparison.compare` without its elementwise part, which is no part of a
correlation (its time with that part is printed too), against ``numpy.corrcoef`` in float64, in turns
in one process. From these tensors a user of numpy converts both to float64 first,
so that counts on numpy's side and is what the bound is about; the ratio to
``numpy.corrcoef`` alone, on arrays that are float64 already, is printed beside it.

torch keeps to one thread here, numpy does as it likes: on a machine that others use,
torch's threads wait for each other at every step, and the figures say nothing.

Memory: in a fresh process, how far the peak of the resident set lies above what it
held just before, with both inputs made and touched, after a small comparison that
loads what there is to load. What else peaked earlier counts against `compare`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ttci.checks.comparison import compare

COUNT = 22_500_000
FASTER = 10.0
MEBIBYTES = 64.0
DIGITS = 1e-9
REPETITIONS = 7
TOLERANCE = 1e-3


def main() -> int:
    """Measure speed, memory and digits; 1 where a bound is missed."""
    if "--memory" in sys.argv:
        print(_extra_mebibytes())
        return 0
    torch.set_num_threads(1)
    output, reference = _tensors()
    ready = output.double().numpy(), reference.double().numpy()
    sides: dict[str, Callable[[], float]] = {
        "compare": lambda: compare(output, reference, TOLERANCE, elementwise=False).correlation,
        "compare, elementwise too": lambda: compare(output, reference, TOLERANCE).correlation,
        "numpy, from the tensors": lambda: _numpy(output.double().numpy(), reference.double().numpy()),
        "numpy, ready arrays": lambda: _numpy(*ready),
    }
    seconds: dict[str, list[float]] = {label: [] for label in sides}
    values: dict[str, float] = {}
    for repetition in range(REPETITIONS + 1):
        for label, side in sides.items():
            start = time.perf_counter()
            values[label] = side()
            if repetition:  # the first warms up
                seconds[label].append(time.perf_counter() - start)
    off = abs(values["compare"] - values["numpy, ready arrays"])
    return _conclude({label: statistics.median(taken) for label, taken in seconds.items()}, off)


def _tensors() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    output = torch.empty(COUNT, dtype=torch.bfloat16)
    reference = torch.empty(COUNT)
    for start in range(0, COUNT, 1 << 18):  # in pieces, so that the peak stays below the two tensors
        piece = reference[start : start + (1 << 18)].normal_(generator=generator)
        output[start : start + (1 << 18)] = piece + 0.01 * torch.randn(len(piece), generator=generator)
    return output, reference


def _numpy(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.corrcoef(left, right)[0, 1])


def _extra_mebibytes() -> float:
    output, reference = _tensors()
    compare(output[:1000], reference[:1000], TOLERANCE)
    before = _status_kib("VmRSS")
    compare(output, reference, TOLERANCE)
    return (_status_kib("VmHWM") - before) / 1024


def _status_kib(name: str) -> int:
    """A figure of this process; getrusage's peak would be the parent's, which it inherits."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _conclude(medians: dict[str, float], off: float) -> int:
    command = [sys.executable, str(Path(__file__)), "--memory"]
    extra = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    faster = medians["numpy, from the tensors"] / medians["compare"]
    print(f"{COUNT:,} elements, bfloat16 against float32; median of {REPETITIONS}")
    for label, median in medians.items():
        ratio = median / medians["compare"]
        print(f"  {label:25} {1000 * median:7.1f} ms   {ratio:5.1f} times compare")
    well = faster >= FASTER and extra <= MEBIBYTES and off <= DIGITS
    print(f"ratio {faster:.1f} with the conversion to float64, bound {FASTER:g}: at least")
    print(f"memory on top {extra:.1f} MiB, bound {MEBIBYTES:g} MiB (elementwise too)")
    print(f"correlation off by {off:.1e}, bound {DIGITS:g}")
    print("met" if well else "MISSED")
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
