"""Mistakes in which weight goes where: gate for up, one expert for another, interleaved heads."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from ttci.diagnosis.calls import Call, Change, is_float
from ttci.diagnosis.mistakes import Mistake, Names, of_result

_MOST_ALIKE = 8  # of modules or layers that are tried for one another
_INTERLEAVED_WITH = 3  # layers of one input, of which two are turned: queries, keys and values


def weight_mistakes(reference: object, calls: Sequence[Call], names: Names) -> Iterator[Mistake]:
    """Weights that stand in for others of the same shape."""
    if isinstance(reference, nn.Module):
        yield from _modules_swapped(reference)
        yield from _buffers_swapped(reference)
    yield from _layers_swapped(calls, names)
    yield from _heads_interleaved(calls, names)


def _modules_swapped(reference: nn.Module) -> Iterator[Mistake]:
    """Siblings of one class whose weights have the same shapes: experts, norms, gate and up."""
    for parent, module in reference.named_modules():
        prefix = f"{parent}." if parent else ""
        children = [(prefix + name, child) for name, child in module.named_children() if _shapes(child)]
        alike = [
            (one, other)
            for one, other in itertools.combinations(children, 2)
            if type(one[1]) is type(other[1]) and _shapes(one[1]) == _shapes(other[1])
        ]
        for (name, one), (other_name, other) in alike[: _MOST_ALIKE * (_MOST_ALIKE - 1) // 2]:
            to, back = _standing_in(one, other), _standing_in(other, one)
            yield Mistake(f"with `{name}` and `{other_name}` swapped", weights={**to, **back})
            yield Mistake(f"with `{other_name}` in the place of `{name}`", weights=to)
            yield Mistake(f"with `{name}` in the place of `{other_name}`", weights=back)


def _shapes(module: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(parameter.shape) for parameter in module.parameters()]


def _standing_in(replaced: nn.Module, other: nn.Module) -> dict[int, Tensor]:
    pairs = zip(replaced.parameters(), other.parameters(), strict=True)
    return {id(parameter): substitute for parameter, substitute in pairs}


def _buffers_swapped(reference: nn.Module) -> Iterator[Mistake]:
    """Caches of keys and values, say."""
    buffers = [(name, b) for name, b in reference.named_buffers() if is_float(b) and b.ndim > 1]
    for (name, one), (other_name, other) in itertools.combinations(buffers[:_MOST_ALIKE], 2):
        if one.shape == other.shape:
            swapped = {id(one): other, id(other): one}
            yield Mistake(f"with `{name}` and `{other_name}` swapped", weights=swapped)


def _layers_swapped(calls: Sequence[Call], names: Names) -> Iterator[Mistake]:
    """Linear layers, wherever they are, and lone matrices among the arguments of calls."""
    weights: dict[int, tuple[str, Tensor]] = {}
    for call in calls:
        for value in call.args:
            if is_float(value) and id(value) in names.of_parameters:
                weights.setdefault(id(value), (names.of_parameters[id(value)], value))
    lone = [entry for entry in weights.values() if entry[1].ndim > 1]
    for (name, one), (other_name, other) in itertools.combinations(lone[: 2 * _MOST_ALIKE], 2):
        if one.shape == other.shape:
            swapped = {id(one): other, id(other): one}
            yield Mistake(f"with `{name}` and `{other_name}` swapped", weights=swapped)


def _heads_interleaved(calls: Sequence[Call], names: Names) -> Iterator[Mistake]:
    """Queries and keys whose pairs are neighbours where they are to be halves, or the other way."""
    linear = [call for call in calls if call.name == "linear"]
    sizes = _head_sizes(calls)
    by_input: dict[int, list[Call]] = {}
    for call in linear:
        by_input.setdefault(id(call.argument(0, "input")), []).append(call)
    for same in by_input.values():
        for pair in itertools.combinations(same[:_INTERLEAVED_WITH], 2):
            for size in sizes:
                yield from _interleaved(pair, size, names)


def _interleaved(pair: Sequence[Call], size: int, names: Names) -> Iterator[Mistake]:
    weights = [call.argument(1, "weight") for call in pair]
    if any(weight.shape[0] % size for weight in weights) or size % 2:
        return
    first, second = (names.owner(weight, call) for weight, call in zip(weights, pair, strict=True))
    halved = torch.arange(size).view(2, -1).T.flatten()
    ways = (
        ("interleaved where they are to be halves", halved),
        ("halves where they are to be interleaved", halved.argsort()),
    )
    for text, order in ways:
        changes: dict[int, Change] = {
            call.index: of_result(lambda x, order=order: x.unflatten(-1, (-1, size))[..., order].flatten(-2))
            for call in pair
        }
        yield Mistake(f"with the pairs of each head of {first} and {second} {text}", changes)


def _head_sizes(calls: Sequence[Call]) -> list[int]:
    """The last dimension of what attention multiplies."""
    found: dict[int, None] = {}
    for call in calls:
        multiplies = call.name in ("scaled_dot_product_attention", "matmul")
        if multiplies and call.args and is_float(call.args[0]) and call.args[0].ndim == 4:
            found[call.args[0].shape[-1]] = None
    return list(found)[:2]
