"""Activations that ttnn fuses into another operation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ttci.devices.ttnn.numbers import GoldenError

_gelu_tanh = partial(F.gelu, approximate="tanh")
# By the name of ttnn's UnaryOpType. A second argument that ttnn may give says how exactly it computes.
_WITHOUT_PARAMETERS: dict[str, Callable[[Tensor], Tensor]] = {
    "IDENTITY": lambda x: x,
    "RELU": F.relu,
    "RELU6": F.relu6,
    "SILU": F.silu,
    "MISH": F.mish,
    "SIGMOID": torch.sigmoid,
    "HARDSIGMOID": F.hardsigmoid,
    "HARDSWISH": F.hardswish,
    "TANH": torch.tanh,
    "GELU": F.gelu,
    "GELU_TANH": _gelu_tanh,
    "LOG": torch.log,
    "EXP": torch.exp,
    "SQRT": torch.sqrt,
    "ABS": torch.abs,
}
# Those whose parameters change what they compute, in ttnn's order.
_WITH_PARAMETERS: dict[str, Callable[..., Tensor]] = {
    "LEAKY_RELU": F.leaky_relu,
    "ELU": F.elu,
    "CELU": F.celu,
    "SOFTPLUS": F.softplus,
}


def activated(x: Tensor, activation: Any) -> Tensor:
    """`x` after a fused activation: a name, a ``UnaryOpType``, a ``UnaryWithParam`` or None.

    Raises:
        GoldenError: where what it computes is not modelled.
    """
    if activation is None:
        return x
    kind = getattr(activation, "op_type", activation)
    name = str(getattr(kind, "name", kind)).upper()
    if name in _WITH_PARAMETERS:
        return _WITH_PARAMETERS[name](x, *getattr(activation, "params", ()))
    if name not in _WITHOUT_PARAMETERS:
        raise GoldenError(f"the fused activation {name} is not modelled on a mock board; apply it by itself")
    return _WITHOUT_PARAMETERS[name](x)
