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
    distributed_norms,
    matmul,
    norms,
    pooling,
    randomness,
    reductions,
    rotary,
    sampling,
    state_space,
    training,
    windows,
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
    "activations",
    "attention",
    "cache",
    "check_names",
    "collectives",
    "convolutions",
    "convolutions_3d",
    "data_movement",
    "distributed_norms",
    "matmul",
    "norms",
    "place_of",
    "pooling",
    "randomness",
    "reductions",
    "register_golden",
    "rotary",
    "sampling",
    "state_space",
    "training",
    "windows",
]
