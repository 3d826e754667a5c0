"""Goldens of training: losses, gradients that are clipped, statistics that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_golden

_LEAST_NORM = 1e-6  # that ttnn adds to the norm before it divides by it


@register_golden("ttnn.moreh_clip_grad_norm", changes=lambda inputs, *_, **__: inputs)
def _clip_grad_norm(
    inputs: Sequence[Tensor], max_norm: float, norm_type: float = 2.0, *_: Any, **__: Any
) -> list[Tensor]:
    norms = torch.stack([torch.linalg.vector_norm(tensor, norm_type) for tensor in inputs])
    total = torch.linalg.vector_norm(norms, norm_type)
    factor = torch.clamp(max_norm / (total + _LEAST_NORM), max=1.0)
    return [total.reshape(1), *(tensor * factor for tensor in inputs)]


@register_golden("ttnn.moreh_norm")
def _norm(
    x: Tensor, p: float, *, dim: int | Sequence[int] | None = None, keepdim: bool = False, **_: Any
) -> Tensor:
    """Without `keepdim` the last two dimensions are still kept where they are reduced."""
    dims = list(range(x.ndim)) if dim is None or dim == [] else [dim] if isinstance(dim, int) else list(dim)
    reduced: Tensor = torch.linalg.vector_norm(x, p, dim=dims, keepdim=True)
    places = {place % x.ndim for place in dims}
    gone = [] if keepdim else [place for place in places if place < x.ndim - 2]
    return reduced.squeeze(tuple(gone)) if gone else reduced


def _divisor_of(*positional: Any, reduction: str = "", divisor_tensor: Any = None, **_: Any) -> list[Any]:
    """What the mean is divided by is kept in it, for the backward pass."""
    is_mean = "mean" in (reduction, *positional[2:3])
    return [divisor_tensor] if is_mean and divisor_tensor is not None else []


@register_golden("ttnn.moreh_nll_loss", changes=_divisor_of)
def _nll_loss(
    input_tensor: Tensor,
    target_tensor: Tensor,
    reduction: str,
    *_: Any,
    weight_tensor: Tensor | None = None,
    divisor_tensor: Any = None,
    ignore_index: int = -100,
    **__: Any,
) -> Any:
    if reduction not in ("mean", "sum"):
        return NotImplemented
    classes = target_tensor.clamp(0, input_tensor.shape[1] - 1).long()
    weights = torch.ones(input_tensor.shape[1]) if weight_tensor is None else weight_tensor.flatten()
    counted = torch.where(target_tensor == ignore_index, 0.0, weights[classes])
    loss = -(input_tensor.gather(1, classes.unsqueeze(1)).squeeze(1) * counted).sum()
    if reduction == "sum":
        return loss.reshape(1)
    divisor = counted.sum()
    return [(loss / divisor).reshape(1), divisor.reshape(divisor_tensor.shape)]


def _statistics(*_: Any, training: bool = False, **named: Any) -> list[Any]:
    given = (named.get("running_mean"), named.get("running_var"))
    return [tensor for tensor in given if tensor is not None] if training else []


@register_golden("ttnn.batch_norm", changes=_statistics)
def _batch_norm(
    x: Tensor,
    *,
    running_mean: Any = None,
    running_var: Any = None,
    training: bool = False,
    eps: float = 1e-5,
    momentum: float = 0.1,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    **_: Any,
) -> list[Tensor]:
    """In training it moves the statistics it was given: ttnn's variance is the biased one, torch's is not."""
    old = [running_mean, running_var]
    new = [x.mean(dim=(0, 2, 3), keepdim=True), x.var(dim=(0, 2, 3), keepdim=True, correction=0)]
    mean, variance = new if training else old
    output = (x - mean) * (variance + eps) ** -0.5
    output = output if weight is None else output * weight
    output = output if bias is None else output + bias
    moved = [torch.lerp(a, b, momentum) for a, b in zip(old, new, strict=True) if a is not None]
    return [output, *(moved if training else [])]


@register_golden("ttnn.clip_bw")
@register_golden("ttnn.clamp_bw")
def _clamp_bw(grad_tensor: Tensor, input_tensor: Tensor, *bounds: Any, **named: Any) -> Any:
    least = named.get("min", bounds[0] if bounds else None)
    most = named.get("max", bounds[1] if len(bounds) > 1 else None)
    if isinstance(least, Tensor) or isinstance(most, Tensor):
        return NotImplemented
    inside = torch.ones_like(input_tensor, dtype=torch.bool)
    inside = inside if least is None else inside & (input_tensor >= least)
    inside = inside if most is None else inside & (input_tensor <= most)
    return torch.where(inside, grad_tensor, 0.0)


@register_golden("ttnn.prod_bw")
def _prod_bw(grad_tensor: Tensor, input_tensor: Tensor, dim: int | None = None, *_: Any, **__: Any) -> Tensor:
    """A gradient may be as large as the input: what counts lies where each reduced dimension begins."""
    with torch.enable_grad():
        x = input_tensor.detach().clone().requires_grad_()
        product = x.prod().reshape((1,) * x.ndim) if dim is None else x.prod(dim, keepdim=True)
        first = tuple(slice(size) for size in product.shape)
        (gradient,) = torch.autograd.grad(product, x, grad_tensor[first])
    return gradient


@register_golden("ttnn.acosh_bw")
def _acosh_bw(grad_tensor: Tensor, input_tensor: Tensor, **_: Any) -> Tensor:
    """Nan below 1, and infinite there, with the gradient's sign."""
    return grad_tensor / (input_tensor - 1).sqrt() / (input_tensor + 1).sqrt()


@register_golden("ttnn.moreh_linear_backward")
def _linear_backward(
    output_grad: Tensor,
    input: Tensor,  # noqa: A002  # ttnn's name
    weight: Tensor,
    *,
    are_required_outputs: Sequence[bool] = (True, True, True),
    bias: Tensor | None = None,
    **_: Any,
) -> list[Tensor]:
    """Those gradients that are asked for; the weight is [out, in], the bias [1, out] or [1, 1]."""
    rows, of_output = input.flatten(0, -2), output_grad.flatten(0, -2)  # [N, in], [N, out]
    of_bias = of_output.sum(0) if bias is None or bias.numel() > 1 else of_output.sum()
    grads = [
        output_grad @ weight,
        of_output.T @ rows,
        of_bias if bias is None else of_bias.reshape(bias.shape),
    ]
    return [grad for grad, is_required in zip(grads, are_required_outputs, strict=True) if is_required]


@register_golden("ttnn.moreh_sum")
def _sum(input: Tensor, dim: int | Sequence[int] | None = None, **_: Any) -> Any:  # noqa: A002  # ttnn's name
    """Over all dimensions where the list of them is empty; ttnn's own golden takes the other cases."""
    return (
        input.sum().reshape(1) if dim is not None and not isinstance(dim, int) and not dim else NotImplemented
    )


@register_golden("ttnn.moreh_sum_backward")
def _sum_backward(
    output_grad: Tensor,
    *,
    input: Tensor | None = None,  # noqa: A002  # ttnn's name
    dim: int | Sequence[int] | None = None,
    **_: Any,
) -> Tensor:
    """The last two dimensions are kept where they are summed, without `keepdim` too."""
    if input is None:
        return output_grad
    dims = range(input.ndim) if dim is None or dim == [] else [dim] if isinstance(dim, int) else dim
    summed = {place % input.ndim for place in dims}
    kept = [1 if place in summed else size for place, size in enumerate(input.shape)]
    return output_grad.reshape(kept).expand(input.shape)
