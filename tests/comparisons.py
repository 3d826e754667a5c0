"""Comparisons of two commits, as `ttci compare` leaves them."""

from __future__ import annotations

from ttci.results import Comparison
from ttci.results.comparison import Commit, ComparisonRun, Figure, NotCompared

LATENCY = "llama3@cpu/attention[performance]"


def compared(
    word: Comparison = Comparison.SLOWER,
    ratio: float | None = 1.1,
    half_width: float | None = 0.03,
    identity: str = LATENCY,
    noise: float | None = 0.02,
) -> Figure:
    """A latency of both sides; without an interval where `half_width` is None."""
    has_interval = ratio is not None and half_width is not None
    return Figure(
        id=identity,
        name="latency_ms",
        unit="ms",
        direction="lower",
        base=5.0,
        head=5.0 * (ratio or 1.0),
        ratio=ratio,
        low=ratio - half_width if ratio is not None and half_width is not None else None,
        high=ratio + half_width if ratio is not None and half_width is not None else None,
        comparison=word,
        pairs=12 if has_interval else 1,
        noise=noise,
        declared_at="model.py:8",
    )


def counted(base: float, head: float, identity: str = "llama3@cpu/attention[memory]") -> Figure:
    """A peak of memory of both sides, which has no noise."""
    ratio = head / base if base else None
    words = {True: Comparison.SAME, False: Comparison.SLOWER if head > base else Comparison.FASTER}
    return Figure(
        id=identity,
        name="memory_mb",
        unit="MB",
        direction="lower",
        base=base,
        head=head,
        ratio=ratio,
        low=ratio,
        high=ratio,
        comparison=words[base == head],
        noise=0.0,
    )


def comparison_of(*figures: Figure, not_compared: tuple[NotCompared, ...] = ()) -> ComparisonRun:
    """Everything that a comparison of main and the working tree found."""
    return ComparisonRun(
        base=Commit(commit="a" * 40, name="main"),
        head=Commit(commit="b" * 40, name="", is_dirty=True),
        same=0.02,
        most_false_calls=1e-3,
        seconds=42.0,
        pairs_of_processes=12,
        figures=figures,
        not_compared=not_compared,
    )
