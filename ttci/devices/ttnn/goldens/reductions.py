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
