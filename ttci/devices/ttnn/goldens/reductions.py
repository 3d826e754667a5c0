"""Goldens of reductions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_golden


@register_golden("ttnn.experimental.fast_reduce_nc")
def _fast_reduce_nc(x: Tensor, *, dims: Sequence[int], **_: Any) -> Tensor:
    """A sum over the first dimensions, which are kept."""
    return x.sum(dim=tuple(dims), keepdim=True)


@register_golden("ttnn.prod")
def _prod(x: Tensor, dim: int | None = None, keepdim: bool = False, **others: Any) -> Any:
    """Over all dimensions where none is named; ttnn's own golden keeps none of them then."""
    if dim is not None or not keepdim or others.get("dims") is not None:
        return NotImplemented
    return torch.prod(x).reshape((1,) * x.ndim)


@register_golden("ttnn.experimental.isin")
def _isin(elements: Tensor, test_elements: Tensor, *_: Any, invert: bool = False, **__: Any) -> Tensor:
    """All bits are set where it is true."""
    return torch.isin(elements, test_elements, invert=invert).long() * (2**32 - 1)


@register_golden("ttnn.experimental.intimg")
def _integral_image(input_tensor: Tensor, *_: Any, **__: Any) -> Tensor:
    return input_tensor.cumsum(dim=1).cumsum(dim=2)


@register_golden("ttnn.experimental.topk_router_gpt")
def _topk_router_gpt(
    input_tensor: Tensor, weight_tensor: Tensor, bias_tensor: Tensor, k: int, *_: Any, **__: Any
) -> list[Tensor]:
    """The `k` likeliest experts of each token, and their shares."""
    scores, experts = torch.topk(input_tensor @ weight_tensor + bias_tensor, k, dim=-1)
    return [experts, torch.softmax(scores, dim=-1)]
