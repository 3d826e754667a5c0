"""Goldens that ttci adds to ttnn's own: for operations that have none, or one that does not fit.

A file a family of operations; importing this registers them all.
"""

from ttci.devices.ttnn.goldens import (
    attention,
    cache,
    collectives,
    data_movement,
    distributed_norms,
    matmul,
    norms,
    pooling,
    reductions,
    rotary,
)
from ttci.devices.ttnn.goldens.registry import COLLECTIVES, COPIES, GOLDENS, UNDEFINED, register_golden

__all__ = [
    "COLLECTIVES",
    "COPIES",
    "GOLDENS",
    "UNDEFINED",
    "attention",
    "cache",
    "collectives",
    "data_movement",
    "distributed_norms",
    "matmul",
    "norms",
    "pooling",
    "reductions",
    "register_golden",
    "rotary",
]
