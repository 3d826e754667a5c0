"""The roof of each board: how fast a chip of it moves and multiplies at most, and who says so.

The figures are those of the specification, which nothing exceeds: programs reach some 92 % of a
Wormhole's bandwidth and 98 % of a Blackhole's (tt-metal, ``tech_reports/Saturating_DRAM_bandwidth``),
and a program that ttnn dispatches has fewer Tensix cores than the chip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PASSES = {"LoFi": 1, "HiFi2": 2, "HiFi3": 3, "HiFi4": 4}
"""How often the matrix engine goes over a product, by math fidelity.

Source: tt-metal, ``tech_reports/matrix_engine``: 4, 2, 1.33 and 1 TFLOPS at 1 GHz.
"""
_MULTIPLY_ADDS_PER_CYCLE = 8 * 16 * 16
"""Of a matrix engine in one pass: [8, 16] by [16, 16].

Source: tt-metal, ``tech_reports/matrix_engine``, which counts 4,096 operations: a multiplication
and an addition each.
"""
_WORMHOLE = "https://docs.tenstorrent.com/aibs/wormhole/specifications.html"
_BLACKHOLE = "https://docs.tenstorrent.com/aibs/blackhole/specifications.html"
_FEWER_CORES = "https://github.com/tenstorrent/tt-system-firmware/releases/tag/v19.5.0"


@dataclass(frozen=True)
class Roof:
    """What bounds whatever runs on a board.

    Attributes:
        board: its name in manifests.
        chips: on the board, or in the host.
        tensix_cores: of a chip; each has a matrix engine.
        clock_ghz: of a Tensix core.
        dram_gb_per_s: of a chip, in 10^9 bytes; reads and writes share it.
        source: where the figures stand.
    """

    board: str
    chips: int
    tensix_cores: int
    clock_ghz: float
    dram_gb_per_s: float
    source: str

    @property
    def dram_bytes_per_ms(self) -> float:
        """Of a chip."""
        return self.dram_gb_per_s * 1e6

    def multiply_adds_per_ms(self, fidelity: str) -> float:
        """Of a chip, at a math fidelity: ``LoFi``, ``HiFi2``, ``HiFi3``, ``HiFi4``."""
        return self.tensix_cores * _MULTIPLY_ADDS_PER_CYCLE * self.clock_ghz * 1e6 / PASSES[fidelity]

    def dram_ms(self, dram_bytes: float) -> float:
        """The shortest time in which a chip's DRAM moves so many bytes."""
        return dram_bytes / self.dram_bytes_per_ms

    def compute_ms(self, multiply_adds: Mapping[str, float]) -> float:
        """The shortest time in which a chip does so many multiply-adds, by math fidelity."""
        return sum(count / self.multiply_adds_per_ms(fidelity) for fidelity, count in multiply_adds.items())


ROOFS = {
    roof.board: roof
    for roof in (
        # 288 GB/s, 72 cores: 74 TFLOPS at HiFi4 there, of two operations a multiply-add.
        Roof("n150", 1, 72, 1.0, 288, _WORMHOLE),
        # 576 GB/s, 128 cores and 131 TFLOPS are of its two chips.
        Roof("n300", 2, 64, 1.0, 288, _WORMHOLE),
        Roof("t3k", 8, 64, 1.0, 288, f"{_WORMHOLE}, of four n300"),
        Roof("glx", 32, 80, 1.0, 288, f"{_WORMHOLE}, of 32 chips that have all their rows"),
        Roof("p100", 1, 120, 1.35, 448, f"{_BLACKHOLE}, p100a"),
        # 140 cores before firmware 19.5.0.
        Roof("p150", 1, 120, 1.35, 512, f"{_BLACKHOLE}, p150a; cores: {_FEWER_CORES}"),
        Roof("p150x4", 4, 120, 1.35, 512, f"{_BLACKHOLE}, of four p150a; cores: {_FEWER_CORES}"),
    )
}
