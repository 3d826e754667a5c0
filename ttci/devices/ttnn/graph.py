"""A captured graph of ttnn's, read: the operations that ran on the device, and what each was given.

``ttnn.graph.end_graph_capture()`` gives a list of nodes. A function that begins is an operation of
the device where a program was executed in it: a call like ``ttnn.linear`` is made of some.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Node = Mapping[str, Any]

_DRAM = 0  # ttnn.BufferType
_NUMBER = re.compile(r"\d+")
_CHANGES: dict[str, Callable[[set[int], int], None]] = {
    "buffer_allocate": set.add,
    "buffer_deallocate": set.discard,
}
_FIDELITY = re.compile(r"math_fidelity=(\w+)")
_BYTES_OF_1024 = {  # numbers; block floats with their shared exponents
    "BFLOAT16": 2048,
    "BFLOAT8_B": 1088,
    "BFLOAT4_B": 576,
    "FLOAT32": 4096,
    "UINT32": 4096,
    "INT32": 4096,
    "UINT16": 2048,
    "UINT8": 1024,
}


@dataclass(frozen=True)
class GraphTensor:
    """A tensor on the device, as an operation was given it or made it; of one chip.

    Attributes:
        shape: the logical one.
        buffer_bytes: that are allocated for it; None where nothing says it.
    """

    shape: tuple[int, ...]
    dtype: str
    is_in_dram: bool
    address: int
    buffer_bytes: int | None = None

    def bytes_of(self, numbers: float) -> int:
        """What so many numbers of its type take."""
        return round(numbers * _BYTES_OF_1024.get(self.dtype, 1024) / 1024)


@dataclass(frozen=True)
class Operation:
    """An operation that ran on the device.

    Attributes:
        name: of its class in C++.
        settings: how it was called, as C++ prints it.
        made_before: the addresses, of its inputs in DRAM, of what was there before the capture.
    """

    name: str
    settings: str
    inputs: Sequence[GraphTensor]
    outputs: Sequence[GraphTensor]
    made_before: frozenset[int]

    @property
    def fidelity(self) -> str:
        """Its math fidelity; where it states none, the one that is quickest."""
        stated = _FIDELITY.search(self.settings)
        return stated[1] if stated else "LoFi"

    def setting(self, position: int) -> str:
        """One of its settings by position; empty where there is none."""
        fields = _fields(self.settings)
        return fields[position] if position < len(fields) else ""


def operations_in(graph: Sequence[Node]) -> Iterator[Operation]:
    """The operations of the device in a captured graph, in order."""
    reader = _Reader(graph)
    for node in graph:
        reader.follow(node)
        if node["node_type"] == "function_start" and reader.is_operation(node):
            yield reader.operation(node)


class _Reader:
    """Knows what is allocated where the graph has been read to."""

    def __init__(self, graph: Sequence[Node]) -> None:
        self._nodes = {int(node["counter"]): node for node in graph}
        buffers = [node for node in graph if node["node_type"] == "buffer"]
        self._bytes_by_tensor = {
            tensor: int(node["params"]["size"]) for node in buffers for tensor in node["connections"]
        }
        self._allocated: set[int] = set()  # addresses in DRAM, since the capture began
        self._bytes_at: dict[int, int] = {}  # by address in DRAM; views have no buffer of their own

    def follow(self, node: Node) -> None:
        """Take note of `node`, the next."""
        kind, parameters = node["node_type"], node["params"]
        if kind in _CHANGES and parameters["type"] == "DRAM":
            _CHANGES[kind](self._allocated, int(parameters["address"]))
        elif kind == "tensor" and node["counter"] in self._bytes_by_tensor:
            tensor = self._tensor(node)
            if tensor is not None and tensor.is_in_dram:
                self._bytes_at[tensor.address] = self._bytes_by_tensor[node["counter"]]

    def is_operation(self, node: Node) -> bool:
        """Whether a function that begins runs a program itself."""
        return any(child["node_type"] == "program_execution" for child in self._children(node))

    def operation(self, node: Node) -> Operation:
        """The operation that begins at `node`."""
        inputs = [tensor for number in node["input_tensors"] if (tensor := self._tensor(self._nodes[number]))]
        ends = [child for child in self._children(node) if child["node_type"] == "function_end"]
        made = [tensor for end in ends for child in self._children(end) if (tensor := self._tensor(child))]
        before = {t.address for t in inputs if t.is_in_dram and t.address not in self._allocated}
        settings = next(iter(node["arguments"]), "")
        return Operation(node["params"]["name"], settings, inputs, made, frozenset(before))

    def _children(self, node: Node) -> Iterator[Node]:
        return (self._nodes[number] for number in node["connections"] if number in self._nodes)

    def _tensor(self, node: Node) -> GraphTensor | None:
        """None of a node that is no tensor on the device."""
        parameters = node["params"]
        if node["node_type"] != "tensor" or parameters.get("storage_type") != "DEVICE":
            return None
        pieces = json.loads(parameters.get("device_tensors") or "[]")
        if not pieces:
            return None
        address = int(pieces[0]["address"])
        return GraphTensor(
            tuple(map(int, _NUMBER.findall(parameters["shape"]))),
            str(parameters["dtype"]).rpartition("::")[2],
            int(parameters["buffer_type"]) == _DRAM,
            address,
            self._bytes_by_tensor.get(int(node["counter"]), self._bytes_at.get(address)),
        )


def _fields(settings: str) -> list[str]:
    """What stands in the outermost parentheses, taken apart at its own commas."""
    fields, depth = [""], 0
    for character in settings.partition("(")[2]:
        depth += (character in "([{<") - (character in ")]}>")
        if depth < 0:
            break
        if character == "," and depth == 0:
            fields.append("")
        else:
            fields[-1] += character
    return [text.strip() for text in fields]
