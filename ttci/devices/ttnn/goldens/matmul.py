"""Goldens of products of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ttci.devices.ttnn.goldens.activations import activated
from ttci.devices.ttnn.goldens.registry import register_golden

_TILE = 32  # rows


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


@register_golden("ttnn.experimental.attn_matmul")
def _attn_matmul(input_tensor_a: Tensor, input_tensor_b: Tensor, *_: Any, **__: Any) -> Tensor:
    """Heads of one token a row of the batch, each with what its row of the batch holds."""
    return (input_tensor_a.transpose(0, 2) @ input_tensor_b).transpose(0, 2)


@register_golden("ttnn.experimental.group_attn_matmul")
def _group_attn_matmul(input_tensor_a: Tensor, input_tensor_b: Tensor, *_: Any, **__: Any) -> Tensor:
    """As attn_matmul, of heads that share fewer ones of the second tensor."""
    group = input_tensor_a.shape[1] // input_tensor_b.shape[1]
    return _attn_matmul(input_tensor_a, input_tensor_b.repeat_interleave(group, dim=1))


@register_golden("ttnn.experimental.attn_matmul_from_cache")
def _attn_matmul_from_cache(
    input_tensor_a: Tensor, input_tensor_b: Tensor, num_tokens: int, transpose_hw: bool, *_: Any, **__: Any
) -> Tensor:
    """As attn_matmul, with so many tokens of a cache, in whole tiles."""
    tokens = input_tensor_b[:, :, : -(-num_tokens // _TILE) * _TILE]
    return _attn_matmul(input_tensor_a, tokens.transpose(2, 3) if transpose_hw else tokens)


@register_golden("ttnn.experimental.matmul_decode")
def _matmul_decode(input_tensor_a: Tensor, input_tensor_b: Tensor, *_: Any, **__: Any) -> Tensor:
    return input_tensor_a @ input_tensor_b
