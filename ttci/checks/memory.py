"""Does it fit? The peak of tensor bytes alive during a forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ttci.catalog.metrics import METRICS
from ttci.catalog.units import BYTES_PER
from ttci.checks.outcome import Findings, measured
from ttci.results import Measurement


@dataclass(frozen=True)
class Usage:
    """The most of a memory that was in use at once, and how much of it there is."""

    peak_bytes: int
    capacity_bytes: int


@dataclass(frozen=True)
class PeakMemory:
    """The most bytes alive at once, weights and inputs included.

    Attributes:
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
    yield _peak_of("memory_mb", peak.total_bytes)
    if peak.dram:
        yield _peak_of("dram_mb", peak.dram.peak_bytes, peak.dram.capacity_bytes)
    if peak.l1_per_core:
        yield _peak_of("l1_per_core_kb", peak.l1_per_core.peak_bytes, peak.l1_per_core.capacity_bytes)


def _peak_of(metric: str, peak_bytes: int, capacity_bytes: int | None = None) -> Measurement:
    per_unit = BYTES_PER[METRICS[metric].unit]
    capacity = None if capacity_bytes is None else capacity_bytes / per_unit
    return measured(metric, peak_bytes / per_unit, statistic="peak", capacity=capacity)
