"""Goldens that ttci adds to ttnn's own: for operations that have none, or one that does not fit.

A file a family of operations; importing this registers them all.
"""

from ttci.devices.ttnn.goldens import (
    attention,
    cache,
    collectives,
    data_movement,
    matmul,
    norms,
    pooling,
    randomness,
    reductions,
    rotary,
    state_space,
    training,
)
from ttci.devices.ttnn.goldens.registry import (
    CHANGES,
    COLLECTIVES,
    COPIES,
    GOLDENS,
    UNDEFINED,
    check_names,
    place_of,
    register_golden,
)

__all__ = [
    "CHANGES",
    "COLLECTIVES",
    "COPIES",
    "GOLDENS",
    "UNDEFINED",
    "attention",
    "cache",
    "check_names",
    "collectives",
    "data_movement",
    "matmul",
    "norms",
    "place_of",
    "pooling",
    "randomness",
    "reductions",
    "register_golden",
    "rotary",
    "state_space",
    "training",
]
