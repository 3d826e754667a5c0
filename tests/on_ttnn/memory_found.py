"""The memory of operations, and of modules that hold their weight in many ways, on a mock board.

``python memory_found.py BOARD`` prints, as JSON, the bytes in all, in DRAM of a chip and in L1 of a core.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from ttci.manifest import TtnnDeviceEntry
from ttci.testing.choice import open_with_modules

ROWS, WIDTH = 64, 128
Forward = Callable[[Any], Any]


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {  # of ttnn and an x of 2 x 4 tiles
    "add": lambda ttnn, x: ttnn.add(x, x),
    "add_into_l1": lambda ttnn, x: ttnn.add(x, x, memory_config=ttnn.L1_MEMORY_CONFIG),
    "twice_through_l1": lambda ttnn, x: twice_through_l1(ttnn, x),
    "silu": lambda ttnn, x: ttnn.silu(x),
    "rms_norm": lambda ttnn, x: ttnn.rms_norm(x),
    "softmax": lambda ttnn, x: ttnn.softmax(x, dim=-1),
    "transpose": lambda ttnn, x: ttnn.transpose(x, -1, -2),
    "matmul": lambda ttnn, x: ttnn.matmul(x, ttnn.transpose(x, -1, -2)),
    "typecast": lambda ttnn, x: ttnn.typecast(x, ttnn.float32),
    "concat": lambda ttnn, x: ttnn.concat([x, x], dim=2),
    "attention": lambda ttnn, x: ttnn.transformer.scaled_dot_product_attention(x, x, x, is_causal=True),
    "frees_its_own": lambda ttnn, x: frees_its_own(ttnn, x),
}


def twice_through_l1(ttnn: Any, x: Any) -> Any:
    l1 = ttnn.L1_MEMORY_CONFIG
    return ttnn.silu(ttnn.silu(x, memory_config=l1), memory_config=l1)


def frees_its_own(ttnn: Any, x: Any) -> Any:
    first = ttnn.silu(x)
    second = ttnn.silu(first)
    ttnn.deallocate(first)
    return ttnn.silu(second)


class InSlots:
    __slots__ = ("weight",)

    def __init__(self, weight: Any) -> None:
        self.weight = weight

    def __call__(self, x: Any) -> Any:
        return importlib.import_module("ttnn").matmul(x, self.weight)

    def forward(self, x: Any) -> Any:
        return self(x)


class Parts:
    def __init__(self, weight: Any) -> None:
        self.part = InSlots(weight)

    def __call__(self, x: Any) -> Any:
        return self.part(x)


def by_default(weight: Any) -> Forward:
    def forward(x: Any, weight: Any = weight) -> Any:
        return InSlots(weight)(x)

    return forward


HELD_BY_THE_FILE: list[Any] = []


def by_the_file(x: Any) -> Any:
    return InSlots(HELD_BY_THE_FILE[0])(x)


def in_a_generator(weight: Any) -> Forward:
    def each() -> Iterator[Any]:
        while True:
            yield weight

    weights = each()
    next(weights)
    return lambda x: InSlots(next(weights))(x)


HOLDERS: dict[str, Callable[[Any], Forward]] = {
    "closure": lambda weight: lambda x: InSlots(weight)(x),
    "bound_method": lambda weight: InSlots(weight).forward,
    "slots": InSlots,
    "attribute_of_a_part": Parts,
    "partial": lambda weight: partial(lambda x, weight: InSlots(weight)(x), weight=weight),
    "default": lambda weight: by_default(weight),
    "generator": in_a_generator,
    "file": lambda weight: HELD_BY_THE_FILE.append(weight) or by_the_file,  # type: ignore[func-returns-value]
}


def found(device: Any, forward: Forward) -> list[int]:
    """In the order in which a check does it: the module is prepared, then called on what is on the board."""
    implementation = device.prepare(forward)
    x = device.to_device(torch.zeros(1, 1, ROWS, WIDTH))
    peak = device.peak_memory(implementation, [x], lambda: implementation(x))
    device.release(implementation)
    return [peak.total_bytes, peak.dram.peak_bytes, peak.l1_per_core.peak_bytes]


def main(board: str) -> None:
    entry = TtnnDeviceEntry.model_validate({"backend": "ttnn", "target": "mock", "board": board})
    device: Any = open_with_modules("mock", entry)

    def put(*shape: int) -> Any:
        return device.to_device(torch.zeros(*shape))

    try:
        with device.without_values():
            by_operation = {
                name: found(device, partial(operate, device._ttnn)) for name, operate in OPERATIONS.items()
            }
            held = {name: hold(put(1, 1, WIDTH, 1024)) for name, hold in HOLDERS.items()}
            device.share(held.values())
            by_holder = {name: found(device, forward) for name, forward in reversed(held.items())}
    finally:
        device.close()
    print(json.dumps([by_operation, by_holder]))


if __name__ == "__main__":
    main(*sys.argv[1:])
