"""Goldens of normalizations."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_golden


@register_golden("ttnn.rms_norm")
def _rms_norm(
    x: Tensor,
    *,
    epsilon: float = 1e-12,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    residual_input_tensor: Tensor | None = None,
    **_: Any,
) -> Tensor:
    if residual_input_tensor is not None:
        x = x + residual_input_tensor
    width = x.shape[-1:]
    weight = None if weight is None else weight.reshape(width)
    y = F.rms_norm(x, width, weight, eps=epsilon)
    return y if bias is None else y + bias.reshape(width)


@register_golden("ttnn.layer_norm")
def _layer_norm(
    x: Tensor,
    *,
    epsilon: float = 1e-12,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    residual_input_tensor: Tensor | None = None,
    **_: Any,
) -> Tensor:
    if residual_input_tensor is not None:
        x = x + residual_input_tensor
    width = x.shape[-1:]
    weight = None if weight is None else weight.reshape(width)
    bias = None if bias is None else bias.reshape(width)
    return F.layer_norm(x, width, weight, bias, eps=epsilon)
