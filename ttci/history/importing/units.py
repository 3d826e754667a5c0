"""Units of other tools in those of ttci, so that a tool which changes its unit breaks no series."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ttci.catalog.metrics import METRICS, Direction, Metric
from ttci.catalog.units import BYTES_PER, time_factor

_LATENCY, _MEMORY = METRICS["latency_ms"], METRICS["memory_mb"]
_TIMES = {  # as others write them
    **dict.fromkeys(("ns", "nsec", "nanosecond", "nanoseconds"), "ns"),
    **dict.fromkeys(("us", "μs", "usec", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("min", "minute", "minutes"), "min"),
}
_BYTES = {
    **dict.fromkeys(("b", "byte", "bytes"), 1),
    **{f"{letter}b": 10 ** (3 * power) for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 2 ** (10 * power) for power, letter in enumerate("kmgt", 1)},
}
_ONE_OF_MANY = ("iter", "iteration", "op", "call", "run")
_RATE = re.compile(r"(?P<what>.+?) ?/ ?(?P<time>[^/]+)")


@dataclass(frozen=True)
class Meaning:
    """What a figure in a unit is to ttci; `factor` times it is the figure in ttci's own unit."""

    check: str
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
        return _of_metric(_LATENCY, time_factor(_TIMES[amount.lower()], _LATENCY.unit))
    if amount.lower() in _BYTES:
        return _of_metric(_MEMORY, _BYTES[amount.lower()] / BYTES_PER[_MEMORY.unit])
    rate = _RATE.fullmatch(text)
    if rate and rate["time"].lower() in _TIMES:
        factor = time_factor("s", _TIMES[rate["time"].lower()])
        return Meaning(_LATENCY.check, f"{_slug(rate['what'])}_per_s", f"{rate['what']}/s", factor, "higher")
    return Meaning(_LATENCY.check, _slug(text), text)


def _of_metric(metric: Metric, factor: float) -> Meaning:
    return Meaning(metric.check, metric.name, metric.unit, factor, metric.direction)


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_").lower() or "value"
