"""Does it fit? The peak of tensor bytes alive during a forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ttci.checks.outcome import Findings
from ttci.results import Measurement

_BYTES_PER_MB, _BYTES_PER_KB = 1_000_000, 1_000


@dataclass(frozen=True)
class Usage:
    """The most of a memory that was in use at once, and how much of it there is."""

    peak_bytes: int
    capacity_bytes: int


@dataclass(frozen=True)
class PeakMemory:
    """The most bytes alive at once, weights and inputs included.

    dram: of one chip.
    l1_per_core: of one core, with the circular buffers of the operation that runs.
    """

    total_bytes: int
    dram: Usage | None = None
    l1_per_core: Usage | None = None


def check_memory(peak: PeakMemory) -> Findings:
    """The peak in megabytes of 10^6 bytes; of a board also its DRAM and L1, beside what it has."""
    return Findings(measurements=tuple(_measurements(peak)))


def _measurements(peak: PeakMemory) -> Iterator[Measurement]:
    yield _measurement("memory_mb", "MB", peak.total_bytes / _BYTES_PER_MB)
    if peak.dram:
        used, there = peak.dram.peak_bytes, peak.dram.capacity_bytes
        yield _measurement("dram_mb", "MB", used / _BYTES_PER_MB, there / _BYTES_PER_MB)
    if peak.l1_per_core:
        used, there = peak.l1_per_core.peak_bytes, peak.l1_per_core.capacity_bytes
        yield _measurement("l1_per_core_kb", "kB", used / _BYTES_PER_KB, there / _BYTES_PER_KB)


def _measurement(name: str, unit: str, value: float, capacity: float | None = None) -> Measurement:
    return Measurement(name=name, value=value, unit=unit, statistic="peak", capacity=capacity)
