"""Goldens of products of matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_golden

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "GELU": F.gelu,
    "RELU": F.relu,
    "SILU": F.silu,
}


@register_golden("ttnn.experimental.minimal_matmul")
def _minimal_matmul(
    x: Tensor | Sequence[Tensor],
    weight: Tensor,
    bias_tensor: Tensor | None = None,
    *,
    fused_activation: Any = None,
    fuse_swiglu: bool = False,
    **_: Any,
) -> Any:
    if not isinstance(x, Tensor) or fuse_swiglu:
        return NotImplemented
    output = x @ weight
    if bias_tensor is not None:
        output = output + bias_tensor
    if fused_activation is None:
        return output
    kind = getattr(fused_activation, "op_type", fused_activation)
    activation = _ACTIVATIONS.get(str(getattr(kind, "name", kind)).upper())
    return NotImplemented if activation is None else activation(output)


@register_golden("ttnn.experimental.minimal_matmul_split")
def _minimal_matmul_split(
    x: Tensor, weight: Tensor, chunks: int, dim: int = -1, bias_tensor: Tensor | None = None, **others: Any
) -> Any:
    output = _minimal_matmul(x, weight, bias_tensor, **others)
    return output if output is NotImplemented else output.chunk(chunks, dim=dim)
