"""What ttnn is asked of precision on a mock board; one process a board.

``python precision.py fidelity BOARD`` prints the math fidelity of each product by the type of its weights,
``python precision.py blocks BOARD`` how far ttci's rounding of weights is from ttnn's own.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from torch import nn

from ttci.checks.number_types import rounded_weight
from ttci.devices import open_device
from ttci.devices.ttnn.lowering import LoweringTarget
from ttci.manifest import TtnnDeviceEntry
from ttci.modules.ttnn.linear import lower_linear

SHAPES = ((64, 96), (33, 50), (32, 16))


def fidelity(device: Any) -> dict[str, str]:
    ttnn, asked = device._ttnn, {}
    for name in ("bfloat16", "bfloat8_b", "bfloat4_b"):
        linear = lower_linear(LoweringTarget(ttnn, device._mesh, getattr(ttnn, name)), nn.Linear(64, 64))
        given: list[Any] = []

        def see(operation: Any, args: Any, kwargs: Any, given: list[Any] = given) -> None:  # noqa: ARG001
            if operation.python_fully_qualified_name == "ttnn.linear":
                given.append(kwargs["compute_kernel_config"])

        with ttnn.decorators.register_pre_operation_hook(see):
            linear(device.to_device(torch.randn(1, 32, 64)))
        (config,) = given
        asked[name] = config.math_fidelity.name
    return asked


def blocks(device: Any) -> dict[str, float]:
    ttnn = device._ttnn
    off = {}
    for name in ("bfloat16", "bfloat8_b", "bfloat4_b"):
        for shape in SHAPES:
            weight = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * torch.logspace(
                -2, 2, shape[1]
            )
            host = ttnn.from_torch(weight, dtype=getattr(ttnn, name), layout=ttnn.TILE_LAYOUT)
            ttnns = ttnn.to_torch(host).float()
            off[f"{name} {shape}"] = (rounded_weight(weight, name) - ttnns).abs().max().item()
    return off


def main(what: str, board: str) -> None:
    entry = TtnnDeviceEntry.model_validate({"backend": "ttnn", "target": "mock", "board": board})
    device: Any = open_device("mock", entry)
    try:
        found = {"fidelity": fidelity, "blocks": blocks}[what](device)
    finally:
        device.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
