"""Compaction: the newest runs of a pair keep their samples, older ones quantiles of them.

The rule of growth: a run costs its figures and their samples while it is among the newest
`keep` of its pair, and its figures and at most 9 quantiles of each afterwards, for ever.
`ttci history add` sees to that for the pairs it adds to, ten runs at a time. A run
of 1,000 figures with 20 samples each is a file of 730 kB (200 kB as git packs it), and of
440 kB (50 kB) once it is compacted; with 100 samples each, 2.2 MB (860 kB), and then the same
440 kB (50 kB). So a year of one such run a day, of which 50 keep their samples, is 26 MB to
fetch. A branch's past commits keep what was taken: that costs the server, and nobody who
fetches, for only the newest commit is fetched at first.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from ttci.errors import MachineryError
from ttci.history import KEEP, record
from ttci.history.stores.protocol import Store
from ttci.results import Measurement, Result, Run

QUANTILES = 9  # the smallest, seven between, the largest
_BATCH, _MOST_DUE = 10, 40  # runs that are compacted together: each time is a push
_DIGITS = 6  # of a quantile: far below any noise


@dataclass(frozen=True)
class Compacted:
    """What compaction did: files that are smaller now, by how many bytes, and what it could not read."""

    files: int
    saved_bytes: int
    problems: tuple[str, ...]


def compact(store: Store, keep: int) -> Compacted:
    """Take the samples of all but the newest `keep` runs of each pair, in one change.

    Raises:
        MachineryError: the store cannot be read or written.
    """
    return _compact(store, _older(store.names(), keep))


def compact_when_due(store: Store, pairs: Collection[str], keep: int = KEEP) -> Compacted:
    """The same for these pairs, as the store was last fetched, where ten of their older runs hold samples.

    Raises:
        MachineryError: the store cannot be read or written.
    """
    due: list[str] = []
    for pair, of_pair in groupby(sorted(store.names_as_last_fetched()), key=_pair):
        older = list(of_pair)[:-keep] if pair in pairs else []
        if len(older) >= _BATCH and _holds_samples(store, older[-_BATCH]):
            due += older[-_MOST_DUE:]
    return _compact(store, due)


def _holds_samples(store: Store, name: str) -> bool:
    for _, content in store.read([name]):
        try:
            run = record.decode(content, name)
        except MachineryError:
            return False
        return any(measurement.samples for result in run.results for measurement in result.measurements)
    return False


def _compact(store: Store, names: Sequence[str]) -> Compacted:
    smaller: dict[str, bytes] = {}
    saved: dict[str, int] = {}
    problems = []
    for name, content in store.read(names):
        try:
            slim = record.encode(_compacted(record.decode(content, name)))
        except MachineryError as error:
            problems.append(str(error))
            continue
        if len(slim) < len(content):
            smaller[name], saved[name] = slim, len(content) - len(slim)
    message = f"Keep quantiles instead of samples of {len(smaller)} runs"
    done = store.change({}, smaller, message) if smaller else []
    return Compacted(len(done), sum(saved[name] for name in done), tuple(problems))


def quantiles(samples: Sequence[float]) -> tuple[float, ...]:
    """Evenly spaced quantiles of `samples`, least and largest included; all of them where they are few."""
    ordered = sorted(samples)
    if len(ordered) > QUANTILES:
        # In parts of themselves: between two samples lie sums of many of them.
        parts = [value / QUANTILES for value in ordered]
        inner = statistics.quantiles(parts, n=QUANTILES - 1, method="inclusive")
        ordered = [ordered[0], *(value * QUANTILES for value in inner), ordered[-1]]
    return tuple(map(_rounded, ordered))


def _rounded(value: float) -> float:
    rounded = float(f"{value:.{_DIGITS}g}")
    return rounded if math.isfinite(rounded) else value


def _older(names: Sequence[str], keep: int) -> list[str]:
    """All but the last `keep` of each pair: a name begins with its pair, then with its start."""
    found: list[str] = []
    for _, of_pair in groupby(sorted(names), key=_pair):
        found += list(of_pair)[:-keep]
    return found


def _pair(name: str) -> str:
    return name.split("/")[1]


def _compacted(run: Run) -> Run:
    return run.model_copy(update={"results": tuple(map(_without_samples, run.results))})


def _without_samples(result: Result) -> Result:
    return result.model_copy(update={"measurements": tuple(_slim(result.measurements))})


def _slim(measurements: Iterable[Measurement]) -> Iterable[Measurement]:
    for measurement in measurements:
        if measurement.samples:
            update = {"samples": (), "quantiles": quantiles(measurement.samples)}
            measurement = measurement.model_copy(update=update)
        yield measurement
