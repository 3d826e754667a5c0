"""Modules of torch.nn in ttnn, replicated on every chip."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from ttci.devices.protocol import NoImplementationError
from ttci.devices.ttnn.lowering import LoweringTarget, register_lowering
from ttci.modules.ttnn.linear import TtnnLinear, lower_linear
from ttci.modules.ttnn.normalization import TtnnLayerNorm, TtnnRMSNorm


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


@register_lowering(nn.Softmax)
def _lower_softmax(module: nn.Softmax, target: LoweringTarget) -> Any:
    if module.dim is None:
        raise NoImplementationError("Softmax has a ttnn implementation only where its dim is given")

    def softmax(x: Any) -> Any:
        return target.ttnn.softmax(x, dim=module.dim)

    return softmax


@register_lowering(nn.Identity)
def _lower_identity(_: nn.Identity, __: LoweringTarget) -> Any:
    return _unchanged


@register_lowering(nn.Dropout)
@register_lowering(nn.Dropout1d)
@register_lowering(nn.Dropout2d)
@register_lowering(nn.Dropout3d)
@register_lowering(nn.AlphaDropout)
@register_lowering(nn.FeatureAlphaDropout)
def _lower_dropout(module: Any, _: LoweringTarget) -> Any:
    if module.training and module.p > 0:
        raise NoImplementationError(
            f"{type(module).__name__} that drops at random has no ttnn implementation; call .eval() on the "
            "module, as for inference"
        )
    return _unchanged


@register_lowering(nn.Flatten)
def _lower_flatten(module: nn.Flatten, target: LoweringTarget) -> Any:
    def flatten(x: Any) -> Any:
        shape = tuple(x.shape)
        first, last = module.start_dim % len(shape), module.end_dim % len(shape)
        flat = (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])
        return target.ttnn.reshape(x, flat)

    return flatten


class TtnnSequential:
    """Steps one after another, each an attribute of the name that it has in the module."""

    def __init__(self, module: nn.Sequential, target: LoweringTarget) -> None:
        self._names = [name for name, _ in module.named_children()]
        for name, step in module.named_children():
            setattr(self, name, target.lower(step))

    def __call__(self, x: Any) -> Any:
        """What the last step gives."""
        for name in self._names:
            x = getattr(self, name)(x)
        return x


@register_lowering(nn.Sequential)
def _lower_sequential(module: nn.Sequential, target: LoweringTarget) -> TtnnSequential:
    return TtnnSequential(module, target)


def _check_one_dimension(module: nn.Module, shape: tuple[int, ...]) -> None:
    if len(shape) != 1:
        raise NoImplementationError(
            f"{type(module).__name__} has a ttnn implementation over one dimension, not over {len(shape)}"
        )


def _unchanged(x: Any) -> Any:
    return x
