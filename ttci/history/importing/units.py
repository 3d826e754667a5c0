"""Units of other tools in those of ttci, so that a tool which changes its unit breaks no series."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Direction = Literal["lower", "higher"]

_MS_PER = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3, "min": 60e3}
_TIMES = {
    **dict.fromkeys(("ns", "nsec", "nanosecond", "nanoseconds"), "ns"),
    **dict.fromkeys(("us", "μs", "usec", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("min", "minute", "minutes"), "min"),
}
_BYTES_PER = {
    **dict.fromkeys(("b", "byte", "bytes"), 1),
    **{f"{letter}b": 10 ** (3 * power) for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 2 ** (10 * power) for power, letter in enumerate("kmgt", 1)},
}
_ONE_OF_MANY = ("iter", "iteration", "op", "call", "run")
_RATE = re.compile(r"(?P<what>.+?) ?/ ?(?P<time>[^/]+)")


@dataclass(frozen=True)
class Meaning:
    """What a figure in a unit is to ttci; `factor` times it is the figure in ttci's own unit."""

    check: Literal["performance", "memory"]
    metric: str
    unit: str
    factor: float = 1.0
    direction: Direction | None = None  # None where the unit does not say which way is better


def meaning_of(unit: str) -> Meaning:
    """Of a unit as any tool writes it: a time, a rate, an amount of memory, or anything else."""
    text = unicodedata.normalize("NFKC", unit.partition("\t")[0]).strip()
    what, _, of = text.rpartition("/")
    amount = what.strip() if of.strip().lower() in _ONE_OF_MANY else text
    if amount.lower() in _TIMES:
        factor = _MS_PER[_TIMES[amount.lower()]]
        return Meaning("performance", "latency_ms", "ms", factor, "lower")
    if amount.lower() in _BYTES_PER:
        return Meaning("memory", "memory_mb", "MB", _BYTES_PER[amount.lower()] / 1e6, "lower")
    rate = _RATE.fullmatch(text)
    if rate and rate["time"].lower() in _TIMES:
        factor = 1e3 / _MS_PER[_TIMES[rate["time"].lower()]]
        return Meaning("performance", f"{_slug(rate['what'])}_per_s", f"{rate['what']}/s", factor, "higher")
    return Meaning("performance", _slug(text), text)


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_").lower() or "value"
