"""Torch's products, attention, norms and sums, taken as the matrix engine takes them.

Shapes: B batch, H heads, K key/value heads, S queries, T keys, D head dim, E hidden dim.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ttci.devices.ttnn.engine.products import multiplied, product, read
from ttci.devices.ttnn.engine.settings import EngineSettings

Taken = Callable[..., Tensor]


def as_on_engine(settings: EngineSettings | None) -> AbstractContextManager[Any]:
    """While it is entered, torch computes as the engine does with these settings; as ever where None."""
    return nullcontext() if settings is None or settings.is_exact else _EngineMode(settings)


class _EngineMode(TorchFunctionMode):
    def __init__(self, settings: EngineSettings) -> None:
        super().__init__()
        self._settings = settings

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        taken = _TAKEN.get(func)
        if taken is None or not args[0].is_floating_point():
            return func(*args, **kwargs)
        return taken(self._settings, *args, **kwargs)


def _matmul(settings: EngineSettings, left: Tensor, right: Tensor, **_: Any) -> Tensor:
    return product(left.float(), right.float(), settings).to(left.dtype)


def _linear(settings: EngineSettings, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    y = _matmul(settings, x, weight.transpose(-2, -1))
    return y if bias is None else y + bias


def _addmm(
    settings: EngineSettings, x: Tensor, left: Tensor, right: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    return beta * x + alpha * _matmul(settings, left, right)


def _attention(
    settings: EngineSettings,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,  # noqa: ARG001  # torch's order
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """The weights are divided by their sum in the end, which is taken of the same bits."""
    if enable_gqa:
        k, v = (x.repeat_interleave(q.shape[-3] // x.shape[-3], dim=-3) for x in (k, v))  # [B, H, T, D]
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = _matmul(settings, q, k.transpose(-2, -1)) * scale  # [B, H, S, T]
    if is_causal:
        scores = scores.masked_fill(scores.new_ones(scores.shape[-2:]).triu(1).bool(), -torch.inf)
    if attn_mask is not None:
        allowed = attn_mask.dtype == torch.bool
        scores = scores.masked_fill(~attn_mask, -torch.inf) if allowed else scores + attn_mask
    weights = (scores - scores.amax(-1, keepdim=True)).exp()
    if not settings.float32_sums:
        weights = weights.bfloat16().float()
    with_ones = torch.cat((v, v.new_ones(*v.shape[:-1], 1)), dim=-1)  # [B, H, T, D + 1]
    y = _matmul(settings, weights, with_ones)
    return y[..., :-1] / y[..., -1:]


def _rms_norm(
    settings: EngineSettings,
    x: Tensor,
    normalized_shape: Sequence[int],  # noqa: ARG001  # the last dimension
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    squares = multiplied(x, x, settings).mean(-1, keepdim=True)
    y = multiplied(x, (squares + (eps or 0.0)).rsqrt(), settings)
    return y if weight is None else multiplied(y, weight, settings)


def _layer_norm(
    settings: EngineSettings,
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    centred = x - read(x, settings.passes).mean(-1, keepdim=True)
    y = _rms_norm(settings, centred, normalized_shape, weight, eps)
    return y if bias is None else y + bias


def _sum(settings: EngineSettings, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return read(x.float(), settings.passes).sum(*args, **kwargs)


def _mean(settings: EngineSettings, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return read(x.float(), settings.passes).mean(*args, **kwargs)


_TAKEN: dict[Any, Taken] = {
    **dict.fromkeys((torch.matmul, torch.bmm, torch.mm, Tensor.matmul, Tensor.bmm, Tensor.mm), _matmul),
    Tensor.__matmul__: _matmul,
    F.linear: _linear,
    torch.addmm: _addmm,
    F.scaled_dot_product_attention: _attention,
    F.rms_norm: _rms_norm,
    F.layer_norm: _layer_norm,
    **dict.fromkeys((torch.sum, Tensor.sum), _sum),
    **dict.fromkeys((torch.mean, Tensor.mean), _mean),
}
