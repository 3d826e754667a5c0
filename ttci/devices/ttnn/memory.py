"""The peak of device memory, from ttnn's own record of what was allocated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def allocated_bytes(graph: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """Bytes of DRAM and L1 alive at the end of a captured graph, and the most alive at once in it.

    graph: what ``ttnn.graph.end_graph_capture()`` gives.
    """
    alive: dict[tuple[str, int, int], int] = {}
    now = peak = 0
    for node in graph:
        parameters = node["params"]
        if node["node_type"] not in ("buffer_allocate", "buffer_deallocate"):
            continue
        key = (str(parameters["type"]), int(parameters["device_id"]), int(parameters["address"]))
        if node["node_type"] == "buffer_allocate":
            alive[key] = int(parameters["size"])
            now += alive[key]
            peak = max(peak, now)
        else:
            now -= alive.pop(key, 0)
    return now, peak
