"""The limit of a test on a board: the shortest time that its DRAM and its matrix engines allow.

Whatever is written to run a test, its weights, inputs and outputs cross the DRAM interface once, and
its products are multiplied. Neither goes faster than the board's roof, and at best both go on
at the same time. Launching programs and the links between chips are left out: a limit is never
above what a board can reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ttci.catalog.boards import ROOFS

_ROUNDING = 1e-9  # of a figure: a target written with all the digits of a limit is not below it


class Limit(BaseModel):
    """The limit of one test, and what it comes from.

    Attributes:
        board: for which it holds.
        latency_ms: of a forward pass, at least.
        bound_by: which of the two takes that long.
        dram_bytes: that a chip must read from and write to its DRAM.
        multiply_adds: of a chip, by the math fidelity in use.
        operations: of ttnn, that a chip runs in a forward pass. Launching them is not in the limit.
        programs: that are made for them: one for all operations that differ in nothing but their tensors'
            numbers and addresses. Each is compiled and kept on the board.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    board: str
    latency_ms: float
    bound_by: Literal["DRAM", "compute"]
    dram_bytes: int
    multiply_adds: dict[str, int]
    operations: int | None = None
    programs: int | None = None

    @property
    def intensity(self) -> float:
        """Multiply-adds a byte."""
        return sum(self.multiply_adds.values()) / self.dram_bytes if self.dram_bytes else 0.0


def limit_of(
    board: str,
    dram_bytes: int,
    multiply_adds: Mapping[str, int],
    operations: int | None = None,
    programs: int | None = None,
) -> Limit | None:
    """The limit of what a chip of `board` must move and multiply; None where that is nothing."""
    roof = ROOFS[board]
    dram_ms, compute_ms = roof.dram_ms(dram_bytes), roof.compute_ms(multiply_adds)
    if not dram_ms and not compute_ms:
        return None
    return Limit(
        board=board,
        latency_ms=max(dram_ms, compute_ms),
        bound_by="DRAM" if dram_ms >= compute_ms else "compute",
        dram_bytes=dram_bytes,
        multiply_adds=dict(multiply_adds),
        operations=operations,
        programs=programs,
    )


def why_impossible(metric: str, target: float, limit: Limit) -> str | None:
    """Why no program can reach a target, in one sentence; None where nothing is known against it.

    Args:
        metric: its name, ``latency_ms`` or ``tokens_per_s_per_user``; a limit says nothing of others.
        target: its value, in the metric's unit.
        limit: of the test, on the board that the target is for.
    """
    least, most = limit.latency_ms, 1000 / limit.latency_ms
    of_board, cause = f"the limit of the {limit.board}", _cause(limit)
    if metric == "latency_ms" and target < least * (1 - _ROUNDING):
        return f"{target:,g} ms is below {of_board}, {_figure(least)} ms: {cause}"
    if metric == "tokens_per_s_per_user" and target > most * (1 + _ROUNDING):
        step = f"a step takes {_figure(least)} ms"
        return f"{target:,g} tokens/s/user is above {of_board}, {_figure(most)}, as {step}: {cause}"
    return None


def _figure(value: float) -> str:
    """Of four digits, and whole where it is large."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _cause(limit: Limit) -> str:
    if limit.bound_by == "DRAM":
        roof = ROOFS.get(limit.board)
        speed = f", at {roof.dram_gb_per_s:g} GB/s" if roof else ""
        megabytes = f"{_figure(limit.dram_bytes / 1e6)} MB"
        return f"the DRAM of a chip needs that long for the {megabytes} that must cross it{speed}"
    products = " and ".join(
        f"{_figure(count / 1e9)} billion at {fidelity}" for fidelity, count in limit.multiply_adds.items()
    )
    return f"the matrix engines of a chip need that long for its multiply-adds, {products}"
