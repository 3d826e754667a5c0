"""Mistakes in layers: linear ones, convolutions, norms, activations, embeddings."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ttci.diagnosis.calls import Call, Change, Function, is_float, with_argument
from ttci.diagnosis.mistakes import Maker, Mistake, Names

_ACTIVATIONS: dict[str, Function] = {
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu by tanh": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
_BIAS_PLACES = {"linear": 2, "layer_norm": 3, **dict.fromkeys(("conv1d", "conv2d", "conv3d"), 2)}
_WEIGHT_PLACES = {"layer_norm": 2, "rms_norm": 2}
_PARTS = (2, 4, 8)  # heads, chips
_MOST_SWAPPED = 4
_EPSILONS = (1e-6, 1e-5, 1e-3, 1e-1)


def _given(position: int, name: str, value: Any) -> Change:
    """The call with another value of one argument."""

    def change(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args, kwargs = with_argument(args, kwargs, position, name, value)
        return function(*args, **kwargs)

    return change


def _input_itself(_: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    x = args[0] if args else kwargs["input"]
    return x.clone()


def _biases(call: Call, names: Names) -> Iterator[Mistake]:
    position = _BIAS_PLACES[call.name]
    bias = call.argument(position, "bias")
    if not is_float(bias):
        return
    owner = names.owner(bias, call)
    missing = {call.index: _given(position, "bias", None)}
    yield Mistake(f"without the bias of {owner}", missing, kind="no bias", text_of_all="without any bias")
    double = {call.index: _given(position, "bias", 2 * bias)}
    yield Mistake(
        f"with the bias of {owner} added twice",
        double,
        kind="bias twice",
        text_of_all="with every bias added twice",
    )


def _matrices(call: Call, names: Names) -> Iterator[Mistake]:
    weight = call.argument(1, "weight")
    if is_float(weight) and weight.ndim == 2 and weight.shape[0] == weight.shape[1]:
        changes = {call.index: _given(1, "weight", weight.T)}
        owner = names.owner(weight, call)
        all_of = "with every weight transposed"
        yield Mistake(
            f"with the weight of {owner} transposed", changes, kind="transposed", text_of_all=all_of
        )


def input_shares(call: Call, names: Names) -> Iterator[Mistake]:
    """Parts of what a linear layer takes that are left out or swapped: a head, a chip's share of a sum."""
    x, weight = call.argument(0, "input"), call.argument(1, "weight")
    if not is_float(x) or not is_float(weight):
        return
    owner, width = names.owner(weight, call), weight.shape[1]
    for parts in (parts for parts in _PARTS if width % parts == 0 and width // parts >= 8):
        size = width // parts
        for part in range(parts):
            text = f"without part {part} of {parts} (columns {part * size} to {(part + 1) * size - 1})"
            left_out = _of_input(partial(_without_columns, start=part * size, length=size))
            yield Mistake(f"{text} of what {owner} takes", {call.index: left_out})
        for one, other in itertools.combinations(range(parts if parts <= _MOST_SWAPPED else 0), 2):
            order = [*range(parts)]
            order[one], order[other] = other, one
            text = (
                f"with parts {one} and {other} of {parts} (of {size} columns) of what {owner} takes swapped"
            )
            yield Mistake(text, {call.index: _of_input(partial(_reordered, order=order))})


def _of_input(change: Function) -> Change:
    def changed(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return function(change(args[0]), *args[1:], **kwargs)

    return changed


def _without_columns(x: Tensor, start: int, length: int) -> Tensor:
    x = x.clone()
    x[..., start : start + length] = 0
    return x


def _reordered(x: Tensor, order: list[int]) -> Tensor:
    parts = x.chunk(len(order), -1)
    return torch.cat([parts[index] for index in order], -1)


def _norms(call: Call, names: Names) -> Iterator[Mistake]:
    position = _WEIGHT_PLACES[call.name]
    weight = call.argument(position, "weight")
    owner = names.owner(weight, call)
    if is_float(weight):
        changes = {call.index: _given(position, "weight", None)}
        all_of = "without the weight of any norm"
        yield Mistake(f"without the weight of {owner}", changes, kind="no norm weight", text_of_all=all_of)
    left_out = {call.index: _input_itself}
    yield Mistake(f"without {owner}", left_out, kind="no norm", text_of_all="without any norm")
    yield Mistake(f"with {_other_norm(call)} for {owner}", {call.index: _as_other_norm})
    eps_place = 4 if call.name == "layer_norm" else 3
    own = call.argument(eps_place, "eps", 1e-5 if call.name == "layer_norm" else None)
    for eps in _EPSILONS:
        if own is None or abs(eps - own) > 1e-3 * eps:
            changes = {call.index: _given(eps_place, "eps", eps)}
            of = "its own" if own is None else f"{own:g}"
            yield Mistake(
                f"with an epsilon of {eps:g} for {of} in {owner}",
                changes,
                kind=f"eps {eps}",
                text_of_all=f"with an epsilon of {eps:g} in every norm",
            )


def _other_norm(call: Call) -> str:
    return "an RMS norm" if call.name == "layer_norm" else "a layer norm"


def _as_other_norm(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    names: tuple[str, ...] = ("input", "normalized_shape", "weight", "bias", "eps")
    if function.__name__ != "layer_norm":
        names = ("input", "normalized_shape", "weight", "eps")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    if function.__name__ == "layer_norm":
        return F.rms_norm(given["input"], given["normalized_shape"], given.get("weight"), given.get("eps"))
    eps = given.get("eps") or 1e-6
    return F.layer_norm(given["input"], given["normalized_shape"], given.get("weight"), None, eps)


def _activations(call: Call, names: Names) -> Iterator[Mistake]:
    own = "gelu by tanh" if call.kwargs.get("approximate") == "tanh" else call.name
    place = names.place(call)
    yield Mistake(
        f"without the {own}{place}",
        {call.index: _input_itself},
        kind="no activation",
        text_of_all="without any activation",
    )
    for name, function in _ACTIVATIONS.items():
        text = f"with the {own}{place} applied twice" if name == own else f"with {name} for {own}{place}"
        change = {call.index: partial(_activated, function, twice=name == own)}
        all_of = f"with {name} for {own} everywhere" if name != own else ""
        yield Mistake(text, change, kind=f"as {name}", text_of_all=all_of)


def _activated(
    other: Function, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any], *, twice: bool
) -> Any:
    x = args[0] if args else kwargs["input"]
    return other(function(*args, **kwargs)) if twice else other(x)


def _lookups(call: Call, names: Names) -> Iterator[Mistake]:
    ids, table = call.argument(0, "input"), call.argument(1, "weight")
    if not isinstance(ids, Tensor) or not is_float(table):
        return
    owner, last = names.owner(table, call), table.shape[0] - 1
    by_one = ((1, "moved on by one place"), (-1, "moved back by one place"))
    for by, text in by_one:
        if ids.ndim and ids.shape[-1] > 1:
            yield Mistake(
                f"with the ids of {owner} {text}", {call.index: _given(0, "input", ids.roll(by, -1))}
            )
        off = (ids + by).clamp(0, last)
        yield Mistake(f"with the ids of {owner} off by {by:+d}", {call.index: _given(0, "input", off)})


LAYERS: dict[str, tuple[Maker, ...]] = {
    "linear": (_biases, _matrices),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), (_biases,)),
    "layer_norm": (_biases, _norms),
    "rms_norm": (_norms,),
    **dict.fromkeys(("silu", "gelu", "relu", "sigmoid", "tanh"), (_activations,)),
    "embedding": (_lookups,),
}
