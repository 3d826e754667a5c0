"""Goldens of state space models (Mamba)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_golden

_LATENT = 32  # numbers of a hidden state for each channel, which these operations are made for
_CHANNELS = 5120  # the only number of them that ttnn takes


def _last_state(a: Any, bx: Any, h_prev: Any, *_: Any, **__: Any) -> list[Any]:  # noqa: ARG001
    return [h_prev]


@register_golden("ttnn.experimental.prefix_scan", changes=_last_state)
def _prefix_scan(a: Tensor, bx: Tensor, h_prev: Tensor, *_: Any, **__: Any) -> list[Tensor]:
    """h[t] = a[t] h[t-1] + bx[t] over dimension 2; the last of them is kept in `h_prev`."""
    state, states = h_prev.reshape(a.shape[:2] + a.shape[3:]), []
    for step in range(a.shape[2]):
        state = a[:, :, step] * state + bx[:, :, step]
        states.append(state)
    return [torch.stack(states, dim=2), state.reshape(h_prev.shape)]


@register_golden("ttnn.experimental.hc_sum_reduce")
def _hc_sum_reduce(x: Tensor, *_: Any, **__: Any) -> Tensor:
    """The sum over each latent state."""
    return x.reshape(*x.shape[:-1], -1, _LATENT).sum(dim=-1)


@register_golden("ttnn.experimental.repeat_and_interleave_eltwise_mul")
def _repeat_and_interleave_eltwise_mul(a: Tensor, b: Tensor, *_: Any, **__: Any) -> Tensor:
    """Latent states, one for each channel or the same for all, times channels, or what is wide already."""
    if a.shape[-1] == _LATENT:
        a = a.repeat(1, 1, 1, _CHANNELS)
    return a * (b.repeat_interleave(_LATENT, dim=-1) if b.shape[-1] == _CHANNELS else b)
