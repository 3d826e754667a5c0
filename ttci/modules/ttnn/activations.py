"""The activations of torch.nn in ttnn: one operation each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from ttci.devices.ttnn.lowering import LoweringTarget, register_lowering

# The operation's name in ttnn, and the options that a module gives it.
_ACTIVATIONS: dict[type[nn.Module], tuple[str, Callable[[Any], dict[str, Any]]]] = {
    nn.CELU: ("celu", lambda module: {"alpha": module.alpha}),
    nn.ELU: ("elu", lambda module: {"alpha": module.alpha}),
    nn.Hardsigmoid: ("hardsigmoid", lambda _: {}),
    nn.Hardswish: ("hardswish", lambda _: {}),
    nn.Hardtanh: ("hardtanh", lambda module: {"min_val": module.min_val, "max_val": module.max_val}),
    nn.LeakyReLU: ("leaky_relu", lambda module: {"negative_slope": module.negative_slope}),
    nn.LogSigmoid: ("log_sigmoid", lambda _: {}),
    nn.Mish: ("mish", lambda _: {}),
    nn.ReLU: ("relu", lambda _: {}),
    nn.ReLU6: ("relu6", lambda _: {}),
    nn.SELU: ("selu", lambda _: {}),
    nn.SiLU: ("silu", lambda _: {}),
    nn.Sigmoid: ("sigmoid", lambda _: {}),
    nn.Softplus: ("softplus", lambda module: {"beta": module.beta, "threshold": module.threshold}),
    nn.Softsign: ("softsign", lambda _: {}),
    nn.Tanh: ("tanh", lambda _: {}),
}


def _register(
    module_class: type[nn.Module], operation: str, options: Callable[[Any], dict[str, Any]]
) -> None:
    @register_lowering(module_class)
    def lower(module: nn.Module, target: LoweringTarget) -> Any:
        return partial(getattr(target.ttnn, operation), **options(module))


for _class, (_operation, _options) in _ACTIVATIONS.items():
    _register(_class, _operation, _options)


@register_lowering(nn.GELU)
def _lower_gelu(module: nn.GELU, target: LoweringTarget) -> Any:
    variants = target.ttnn.GeluVariant
    variant = variants.Tanh if module.approximate == "tanh" else variants.Accurate
    return partial(target.ttnn.gelu, variant=variant)
