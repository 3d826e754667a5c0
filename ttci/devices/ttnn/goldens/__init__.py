"""Goldens that ttci adds to ttnn's own: for operations that have none, or one that does not fit.

A file a family of operations; importing this registers them all.
"""

from ttci.devices.ttnn.goldens import (
    activations,
    attention,
    cache,
    collectives,
    convolutions,
    convolutions_3d,
    data_movement,
    matmul,
    norms,
    pooling,
    reductions,
    rotary,
    sampling,
    windows,
)
from ttci.devices.ttnn.goldens.registry import COLLECTIVES, COPIES, GOLDENS, UNDEFINED, register_golden

__all__ = [
    "COLLECTIVES",
    "COPIES",
    "GOLDENS",
    "UNDEFINED",
    "activations",
    "attention",
    "cache",
    "collectives",
    "convolutions",
    "convolutions_3d",
    "data_movement",
    "matmul",
    "norms",
    "pooling",
    "reductions",
    "register_golden",
    "rotary",
    "sampling",
    "windows",
]
