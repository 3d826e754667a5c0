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


@register_golden("ttnn.topk")
def _topk(
    x: Tensor,
    k: int = 32,
    dim: int = -1,
    largest: bool = True,
    *_: Any,
    stable: bool = False,
    indices_tensor: Tensor | None = None,
    **__: Any,
) -> tuple[Tensor, Tensor]:
    """In order whether it is asked for or not; ttnn's own golden also compares all numbers with all found."""
    if stable:
        every, places = torch.sort(x, dim=dim, descending=largest, stable=True)
        values, indices = every.narrow(dim, 0, k), places.narrow(dim, 0, k)
    else:
        values, indices = torch.topk(x, k, dim, largest)
    return values, indices if indices_tensor is None else indices_tensor.long().gather(dim, indices)


@register_golden("ttnn.experimental.deepseek_grouped_gate")
def _grouped_gate(
    scores: Tensor,
    bias: Tensor,
    *,
    n_groups: int = 8,
    summed_experts_per_group: int = 2,
    topk_groups: int = 4,
    n_activated_experts: int = 8,
    route_scale: float = 1.0,
    epsilon: float = 1e-20,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """DeepSeek-V3's experts: of the groups whose best are likeliest, the likeliest, and their shares."""
    likely = torch.sigmoid(scores)
    groups = (likely + bias).reshape(*scores.shape[:-1], n_groups, -1)  # [..., G, E / G]
    best = groups.topk(summed_experts_per_group, dim=-1).values.sum(-1).topk(topk_groups, dim=-1).indices
    is_left_out = torch.ones(groups.shape[:-1], dtype=torch.bool).scatter(-1, best, False)
    kept = groups.masked_fill(is_left_out[..., None], -torch.inf).flatten(-2)
    experts = kept.topk(n_activated_experts, dim=-1).indices
    shares = likely.gather(-1, experts)
    return route_scale * shares / (shares.sum(-1, keepdim=True) + epsilon), experts
