"""Device memory, from ttnn's own record of what was allocated."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ttci.devices.ttnn.allocated import Place

Graph = Iterable[Mapping[str, Any]]  # its nodes

_BOTH = frozenset({"DRAM", "L1"})
_CHANGES = ("buffer_allocate", "buffer_deallocate")
_OUT_OF_MEMORY = re.compile(
    r"Not enough space to allocate \d+ B (?P<kind>\S+) buffer across (?P<banks>\d+) banks, where each bank "
    r"needs to store (?P<needed>\d+) B, but bank size is (?P<size>\d+) B \(allocated: (?P<used>\d+) B, "
    r"free: (?P<free>\d+) B, largest free block: (?P<block>\d+) B\)"
)


@contextmanager
def captured(ttnn: Any, *, dispatched: bool = True) -> Iterator[list[Any]]:
    """What ttnn records of the calls inside: a list that is filled at the end.

    Args:
        ttnn: the module.
        dispatched: whether they are carried out. Where they are not, every program is recorded with
            the buffers that it lays out in L1, once a mesh; where they are, only those of circular
            buffers, once a chip.
    """
    nodes: list[Any] = []
    mode = ttnn.graph.RunMode.NORMAL if dispatched else ttnn.graph.RunMode.NO_DISPATCH
    ttnn.graph.begin_graph_capture(mode)
    try:
        yield nodes
    finally:
        nodes += ttnn.graph.end_graph_capture()


def alive_after(graph: Graph) -> dict[Place, int]:
    """The bytes of what was allocated in a captured graph and is still there at its end; of one chip."""
    alive: dict[Place, int] = {}
    deque(_changes(graph, alive), maxlen=0)
    return alive


def peak_bytes(graph: Graph, before: Mapping[Place, int], kinds: Collection[str] = _BOTH) -> int:
    """The most bytes alive at once in a captured graph; of one chip.

    Args:
        graph: what ``ttnn.graph.end_graph_capture()`` gives; the chips of a mesh allocate alike.
        before: what was there when the capture began.
        kinds: DRAM, L1 or both.
    """
    now = peak = sum(size for (kind, _), size in before.items() if kind in kinds)
    for kind, change in _changes(graph, dict(before)):
        now += change if kind in kinds else 0
        peak = max(peak, now)
    return peak


def _changes(graph: Graph, alive: dict[Place, int]) -> Iterator[tuple[str, int]]:
    """The kind of each buffer that comes or goes, and by how many bytes that changes; `alive` is kept up."""
    for node in graph:
        parameters = node["params"]
        if node["node_type"] not in _CHANGES or parameters["type"] not in _BOTH:
            continue
        place = str(parameters["type"]), int(parameters["address"])
        if node["node_type"] == "buffer_allocate":
            alive[place] = int(parameters["size"])
            yield place[0], alive[place]
        else:
            yield place[0], -alive.pop(place, 0)


def what_is_missing(sentence: str) -> str | None:
    """Of ttnn's sentence about a buffer that does not fit: how many bytes are missing; None of another.

    A buffer is spread evenly over all banks of its kind, each share in one piece.
    """
    found = _OUT_OF_MEMORY.search(sentence)
    if not found:
        return None
    banks, needed, free, block = (int(found[name]) for name in ("banks", "needed", "free", "block"))
    per_bank = f"each of {banks} {found['kind']} banks needs {needed:,} bytes"
    size, used = int(found["size"]), int(found["used"])
    if needed <= free:
        return f"{per_bank} in one piece and has {free:,} free, at most {block:,} of them in one piece"
    missing, in_use = banks * (needed - free), f"{used:,} of {size:,} are in use"
    told = f"{missing:,} bytes are missing: {per_bank} and has {free:,} free ({in_use})"
    return f"{told}; give the device a larger l1-small-bytes" if found["kind"] == "L1_SMALL" else told


def sentence_of(text: str) -> str:
    """What a TT_FATAL or an error of the driver says, without the place in the source and the backtrace."""
    told = text.partition("\nbacktrace:")[0].partition("\nLocation:")[0]
    head, separator, info = told.partition("\ninfo:\n")
    return " ".join((info if separator else head).split())
