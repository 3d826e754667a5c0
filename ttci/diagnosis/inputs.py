"""Mistakes in how a module is called: inputs swapped, a mask left out, positions off by one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor


@dataclass(frozen=True)
class WrongInputs:
    """The tensors that a module is wrongly called with.

    Attributes:
        text: how, for a sentence that begins ``the output is what the reference gives``.
        tensors: in place of the right ones.
    """

    text: str
    tensors: Sequence[Tensor]


def wrong_inputs(names: Sequence[str], tensors: Sequence[Tensor]) -> Iterator[WrongInputs]:
    """What people do to the inputs of a module, most likely first."""
    for place, tensor in enumerate(tensors):
        for text, change in _changes(names[place], tensor):
            changed = change(tensor)
            if changed.shape == tensor.shape:
                yield WrongInputs(text, [*tensors[:place], changed, *tensors[place + 1 :]])
    for first, second in itertools.combinations(range(len(tensors)), 2):
        one, other = tensors[first], tensors[second]
        if one.shape == other.shape and one.dtype == other.dtype:
            swapped = list(tensors)
            swapped[first], swapped[second] = other, one
            yield WrongInputs(f"with {names[first]} and {names[second]} swapped", swapped)


def _changes(name: str, tensor: Tensor) -> Iterator[tuple[str, Callable[[Tensor], Tensor]]]:
    if _is_mask(name, tensor):
        yield from _of_masks(name, tensor)
    if not tensor.is_floating_point() and tensor.dtype != torch.bool:
        for by in (1, -1):
            yield f"with {name} off by {by:+d}", partial(_off_by, by)
    if tensor.ndim > 1 and tensor.shape[1] > 1:
        for by, where in ((1, "on"), (-1, "back")):
            yield f"with {name} moved {where} by one place", partial(torch.roll, shifts=by, dims=1)
    if tensor.ndim > 1 and tensor.shape[-1] == tensor.shape[-2] and not _is_mask(name, tensor):
        yield f"with {name} transposed", lambda x: x.mT


def _off_by(by: int, ids: Tensor) -> Tensor:
    return (ids + by).clamp_(0, int(ids.max()))


def _is_mask(name: str, tensor: Tensor) -> bool:
    return "mask" in name.lower() or tensor.dtype == torch.bool


def _of_masks(name: str, tensor: Tensor) -> Iterator[tuple[str, Callable[[Tensor], Tensor]]]:
    """Nothing hidden, whatever the mask's convention; so padding leaks in."""
    if tensor.is_floating_point():
        yield f"without the mask {name}", torch.zeros_like
        yield f"with the sign of {name} changed", torch.neg
    else:
        yield f"without the mask {name} (all of it seen)", torch.ones_like
        yield f"without the mask {name} (nothing marked)", torch.zeros_like
        yield f"with the mask {name} inverted", lambda x: ~x if x.dtype == torch.bool else 1 - x
    if tensor.ndim > 1 and tensor.shape[-1] == tensor.shape[-2]:
        yield f"with the mask {name} transposed", lambda x: x.mT
