"""Modules of torch.nn in ttnn, replicated on every chip."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ttci.devices import NoImplementationError
from ttci.devices.ttnn.lowering import LoweringTarget, register_lowering
from ttci.modules.ttnn_linear import TtnnLinear, lower_linear
from ttci.modules.ttnn_normalization import TtnnLayerNorm, TtnnRMSNorm


@register_lowering(nn.Linear)
def _lower_linear(module: nn.Linear, target: LoweringTarget) -> TtnnLinear:
    return lower_linear(target, module)


@register_lowering(nn.LayerNorm)
def _lower_layer_norm(module: nn.LayerNorm, target: LoweringTarget) -> TtnnLayerNorm:
    _check_one_dimension(module, module.normalized_shape)
    return TtnnLayerNorm(target, module.weight, module.bias, module.eps)


@register_lowering(nn.RMSNorm)
def _lower_rms_norm(module: nn.RMSNorm, target: LoweringTarget) -> TtnnRMSNorm:
    _check_one_dimension(module, module.normalized_shape)
    eps = torch.finfo(torch.float32).eps if module.eps is None else module.eps
    return TtnnRMSNorm(target, module.weight, eps)


@register_lowering(nn.SiLU)
def _lower_silu(_: nn.SiLU, target: LoweringTarget) -> Any:
    return target.ttnn.silu


@register_lowering(nn.GELU)
def _lower_gelu(module: nn.GELU, target: LoweringTarget) -> Any:
    variants = target.ttnn.GeluVariant
    variant = variants.Tanh if module.approximate == "tanh" else variants.Accurate

    def gelu(x: Any) -> Any:
        return target.ttnn.gelu(x, variant=variant)

    return gelu


@register_lowering(nn.Softmax)
def _lower_softmax(module: nn.Softmax, target: LoweringTarget) -> Any:
    if module.dim is None:
        raise NoImplementationError("Softmax has a ttnn implementation only where its dim is given")

    def softmax(x: Any) -> Any:
        return target.ttnn.softmax(x, dim=module.dim)

    return softmax


@register_lowering(nn.Sequential)
def _lower_sequential(module: nn.Sequential, target: LoweringTarget) -> Any:
    steps = [target.lower(step) for step in module]

    def run(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return run


def _check_one_dimension(module: nn.Module, shape: tuple[int, ...]) -> None:
    if len(shape) != 1:
        raise NoImplementationError(
            f"{type(module).__name__} has a ttnn implementation over one dimension, not over {len(shape)}"
        )
