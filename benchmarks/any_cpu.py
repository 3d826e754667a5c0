"""The kernels of llama3@cpu with products in float32, beside the same kernels in float32.

Three devices in turns, in one process: ``cpu`` of the manifest with its dtype changed to
float32; with TTCI_PRODUCTS=float32, as a CPU without fast bfloat16 products computes; and
without that setting, as this CPU computes. The inputs are the performance check's. On a machine
that others use, a round can only become slower: the quickest counts, and torch keeps to
one thread, as threads that wait for each other would drown the figures.

Numbers: the forced device against TTCI_PRODUCTS=native, in units in the last place of
bfloat16. A native product of a whole kernel takes minutes on an ordinary CPU, so linears
are compared on TOKENS tokens and COLUMNS columns of their weight, without their
activation, which may widen a unit. What float32 itself may round is no difference:
2^-22 of the sum of the terms' magnitudes. Attention as torch computes it natively rounds
each probability to bfloat16 too, by at most 2^-9; twice that is no difference either.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ttci.devices.half_precision import SETTING
from ttci.devices.torch_device import TorchDevice
from ttci.environment import describe_environment
from ttci.manifest import KernelEntry, TorchDeviceEntry, load_manifest
from ttci.modules.kernels import Kernel
from ttci.testing.config import ModuleTest
from ttci.testing.kernels import kernel_tests
from ttci.testing.prepared import PreparedTest

BOUND = 2.0
UNITS = 1.0
MIN_ROUNDS, MIN_SECONDS = 7, 1.0  # of each kernel, on all devices together
TOKENS, COLUMNS = 8, 128

_ROOT = Path(__file__).parents[1]
_FLOAT32_ROUNDING, _PROBABILITY_ROUNDING = 2.0**-22, 2.0**-8


def main() -> int:
    """Measure every kernel and compare its numbers; 1 where a bound is missed."""
    torch.set_num_threads(1)
    manifest = load_manifest(_ROOT / "models_manifest.toml")
    entry = manifest.devices["cpu"]
    assert isinstance(entry, TorchDeviceEntry)
    devices = {
        "float32": _device(entry.model_copy(update={"dtype": "float32"}), None),
        "forced": _device(entry, "float32"),
        "not forced": _device(entry, None),
    }
    environment = describe_environment(_ROOT)
    how = devices["not forced"].environment.get("products", "native")
    print(f"llama3@cpu on {environment['cpu']}, torch {environment['torch']}; one thread")
    print(f"not forced, products are {how}; the quickest round, ms and times float32\n")
    print(f"{'kernel':12}{'float32':>10}{'forced':>18}{'not forced':>18}{'units off native':>20}")
    worst_ratio = worst_units = 0.0
    for test in kernel_tests(manifest, "llama3"):
        ratios = _measure(test, devices)
        units = _units_off_native(manifest.models["llama3"].kernels[test.name], entry)
        print(f"{units:18.2f}")
        worst_ratio, worst_units = max(worst_ratio, *ratios), max(worst_units, units)
    return _conclude(worst_ratio, worst_units)


def _device(entry: TorchDeviceEntry, products: str | None) -> TorchDevice:
    os.environ.pop(SETTING, None)
    if products:
        os.environ[SETTING] = products
    return TorchDevice("cpu", entry)


def _measure(test: ModuleTest, devices: Mapping[str, TorchDevice]) -> list[float]:
    """Print the times of a kernel on each device; those of the latter two over the first."""
    prepared = {label: PreparedTest(test, device) for label, device in devices.items()}
    seconds: dict[str, list[float]] = {label: [] for label in devices}
    for one in prepared.values():
        one.forward()  # makes the inputs ready
    end = time.perf_counter() + MIN_SECONDS
    while len(seconds["float32"]) < MIN_ROUNDS or time.perf_counter() < end:
        for label, one in prepared.items():
            start = time.perf_counter()
            one.forward()
            seconds[label].append(time.perf_counter() - start)
    base, *others = (1000 * min(taken) for taken in seconds.values())
    print(f"{test.name:12}{base:10.2f}", end="")
    for other in others:
        print(f"{other:10.2f} {other / base:5.2f} x", end="")
    return [other / base for other in others]


def _units_off_native(entry: KernelEntry, device: TorchDeviceEntry) -> float:
    """The most units in the last place that an element is off, above what rounding in between explains."""
    entry, inputs = _reduced(entry, device)
    outputs = []
    for how in ("float32", "native"):
        opened = _device(device, how)
        with torch.no_grad():
            outputs.append(opened.prepare(Kernel(entry))(*opened.to_device(inputs)).float())
    forced, native = outputs
    unit = torch.exp2(torch.frexp(native).exponent - 8.0)  # bfloat16 has 8 significant bits
    beyond = (forced - native).abs() - _explained(entry, [value.bfloat16().float() for value in inputs])
    return float((beyond / unit).clamp(min=0).max())


def _reduced(entry: KernelEntry, device: TorchDeviceEntry) -> tuple[KernelEntry, list[Tensor]]:
    torch.manual_seed(0)
    kernel = Kernel(entry)
    inputs = list(kernel.make_inputs(kernel.cut_shape(tuple(entry.shapes[0]), device.max_tokens)))
    if entry.op != "linear":
        return entry, inputs
    x, weight, *bias = inputs
    cut = [x[..., :TOKENS, :], weight[:, :COLUMNS], *(value[:COLUMNS] for value in bias)]
    return entry.model_copy(update={"options": {}}), cut


def _explained(entry: KernelEntry, inputs: list[Tensor]) -> Tensor | float:
    """Of each output, what float32 rounds, and what native attention rounds in between."""
    if entry.op == "linear":
        x, weight, *_ = inputs
        return _FLOAT32_ROUNDING * (x.abs() @ weight.abs())
    if entry.op == "scaled_dot_product_attention":
        queries, keys, values = inputs
        options = Kernel(entry).options
        mean = F.scaled_dot_product_attention(queries, keys, values.abs(), **options, enable_gqa=True)
        return _PROBABILITY_ROUNDING * mean
    return 0.0


def _conclude(worst_ratio: float, worst_units: float) -> int:
    well = worst_ratio <= BOUND and worst_units <= UNITS
    print(f"\nratio at most {worst_ratio:.2f}, bound {BOUND:g}")
    print(f"units off native at most {worst_units:.2f}, bound {UNITS:g}")
    print("met" if well else "MISSED")
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
