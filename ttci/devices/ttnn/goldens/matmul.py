"""Goldens of products of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ttci.devices.ttnn.goldens.activations import activated
from ttci.devices.ttnn.goldens.registry import register_golden


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
    return activated(output, fused_activation)


@register_golden("ttnn.experimental.minimal_matmul_split")
def _minimal_matmul_split(
    x: Tensor, weight: Tensor, chunks: int, dim: int = -1, bias_tensor: Tensor | None = None, **others: Any
) -> Any:
    output = _minimal_matmul(x, weight, bias_tensor, **others)
    return output if output is NotImplemented else output.chunk(chunks, dim=dim)
