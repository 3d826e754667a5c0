"""Units of figures: which are of time, and how one is converted to another."""

from __future__ import annotations

NANOSECONDS_PER = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
}
BYTES_PER = {"B": 1, "kB": 1_000, "MB": 1_000_000}


def is_time(unit: str) -> bool:
    """Whether figures in `unit` are durations."""
    return unit in NANOSECONDS_PER


def is_of_time(unit: str) -> bool:
    """Whether figures in `unit` tell how quick something is: durations, and what is done in a time."""
    return is_time(unit) or any(map(is_time, unit.split("/")[1:]))


def time_factor(unit: str, to: str) -> float:
    """What a duration in `unit` is multiplied by to be in the unit `to`."""
    return NANOSECONDS_PER[unit] / NANOSECONDS_PER[to]  # of whole numbers: rounded once
