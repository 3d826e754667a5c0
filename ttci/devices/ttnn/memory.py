"""Device memory, from ttnn's own record of what was allocated."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

from ttci.tensors import children_of

_BOTH = frozenset({"DRAM", "L1"})
_CHANGES = ("buffer_allocate", "buffer_deallocate")
_OUT_OF_MEMORY = re.compile(
    r"Not enough space to allocate \d+ B (?P<kind>\S+) buffer across (?P<banks>\d+) banks, where each bank "
    r"needs to store (?P<needed>\d+) B, but bank size is (?P<size>\d+) B \(allocated: (?P<used>\d+) B, "
    r"free: (?P<free>\d+) B, largest free block: (?P<block>\d+) B\)"
)


@contextmanager
def captured(ttnn: Any) -> Iterator[list[Any]]:
    """What ttnn records of the calls inside: a list that is filled at the end."""
    nodes: list[Any] = []
    ttnn.graph.begin_graph_capture(ttnn.graph.RunMode.NORMAL)
    try:
        yield nodes
    finally:
        nodes += ttnn.graph.end_graph_capture()


def allocated_bytes(graph: Iterable[Mapping[str, Any]], kinds: Iterable[str] = _BOTH) -> tuple[int, int]:
    """Bytes alive at the end of a captured graph, and the most alive at once in it; of one chip.

    Args:
        graph: what ``ttnn.graph.end_graph_capture()`` gives; the chips of a mesh allocate alike.
        kinds: DRAM, L1 or both.
    """
    alive: dict[tuple[str, int, int], int] = {}
    now = peak = 0
    for node in graph:
        parameters = node["params"]
        if node["node_type"] not in _CHANGES or parameters["type"] not in kinds:
            continue
        key = (str(parameters["type"]), int(parameters["device_id"]), int(parameters["address"]))
        if node["node_type"] == "buffer_allocate":
            alive[key] = int(parameters["size"])
            now += alive[key]
            peak = max(peak, now)
        else:
            now -= alive.pop(key, 0)
    return now, peak


def tensors_on_device(ttnn: Any, value: Any) -> Iterator[Any]:
    """Every ttnn tensor on the device that `value` holds, in containers, attributes and closures, once."""
    yield from _tensors_in(ttnn, value, set())


def _tensors_in(ttnn: Any, value: Any, seen: set[int]) -> Iterator[Any]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, ttnn.Tensor):
        if ttnn.is_tensor_storage_on_device(value) and value.is_allocated():
            yield value
        return
    for item in _held_by(value):
        yield from _tensors_in(ttnn, item, seen)


def _held_by(value: Any) -> Iterable[Any]:
    """What containers, objects and functions hold."""
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, MethodType):
        return [value.__self__]
    if isinstance(value, FunctionType):
        return inspect.getclosurevars(value).nonlocals.values()
    held = [item for _, item in children_of(value)]
    if not held and hasattr(value, "__dict__") and not isinstance(value, type | ModuleType):
        held = list(vars(value).values())
    return held


def bytes_of(tensor: Any) -> int:
    """Of a tensor on the device, on one chip."""
    return int(tensor.buffer_num_pages() * tensor.buffer_page_size())


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
