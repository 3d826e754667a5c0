"""Outputs that hold the right numbers in the wrong places: dimensions, rows, heads, columns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ttci.diagnosis.agreement import Diagnosis, Evidence
from ttci.diagnosis.order import order_in_words
from ttci.diagnosis.wording import named_range, noun

_MOST_INDICES = 4096  # of a dimension whose indices are matched
_MOST_COMPARED = 1024  # numbers by which two indices are compared
_LEAST_COMPARED = 8
_ALIKE = 0.9  # correlation of what belongs together
_MOST_HEADS = 128


def rearranged(evidence: Evidence) -> Diagnosis | None:
    """The same numbers elsewhere, once they are put back."""
    if evidence.output.numel() != evidence.reference.numel():
        return None
    for text, repaired in _repairs(evidence.output, evidence.reference):
        after = evidence.confirmed(repaired)
        if after is not None:
            whole = f"the output agrees with the reference once {text} {evidence.then(after)}"
            return Diagnosis(whole, f"right once {text}", after.error)
    return _moved_along(evidence)


def _repairs(output: Tensor, reference: Tensor) -> Iterator[tuple[str, Tensor]]:
    yield from _dimensions_swapped(output, reference)
    if output.shape == reference.shape:
        for dimension in range(output.ndim):
            yield from _put_back(output, reference, dimension)
        yield from _heads_joined_wrongly(output)
    else:
        shapes = f"{tuple(output.shape)} is read as {tuple(reference.shape)}"
        yield shapes, output.reshape(reference.shape)


def _dimensions_swapped(output: Tensor, reference: Tensor) -> Iterator[tuple[str, Tensor]]:
    if output.ndim != reference.ndim or output.ndim < 2:
        return
    for first, second in itertools.combinations(range(output.ndim), 2):
        swapped = output.transpose(first, second)
        if swapped.shape == reference.shape and min(output.shape[first], output.shape[second]) > 1:
            yield f"dimensions {first} and {second} are swapped", swapped
    if output.shape != reference.shape and output.ndim <= 4:
        for order in itertools.permutations(range(output.ndim)):
            if output.permute(order).shape == reference.shape:
                yield f"its dimensions are put in the order {order}", output.permute(order)


def _heads_joined_wrongly(output: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Heads that were reshaped where they are to be swapped with the rows first, or the other way."""
    if output.ndim < 2:
        return
    *batch, rows, columns = output.shape
    for heads in range(2, min(columns, _MOST_HEADS) + 1):
        if columns % heads == 0 and rows > 1:
            size = columns // heads
            joined = output.reshape(*batch, heads, rows, size).transpose(-3, -2).reshape(output.shape)
            yield (
                f"its {heads} heads of {size} columns are swapped with the rows before they are joined",
                joined,
            )
            split = output.reshape(*batch, rows, heads, size).transpose(-3, -2).reshape(output.shape)
            yield f"its rows are not swapped with its {heads} heads of {size} columns", split


def _put_back(output: Tensor, reference: Tensor, dimension: int) -> Iterator[tuple[str, Tensor]]:
    order = origins(output, reference, dimension)
    size = output.shape[dimension]
    if order is None or sorted(order) != list(range(size)) or order == list(range(size)):
        return
    where = torch.tensor(order)
    repaired = torch.empty_like(output).index_copy_(dimension, where, output)
    yield order_in_words(order, dimension, output.ndim), repaired


def origins(output: Tensor, reference: Tensor, dimension: int) -> list[int] | None:
    """Of each index of the output, that of the reference whose numbers it holds, -1 where none is alike.

    None where too little tells indices apart.
    """
    size = output.shape[dimension]
    if not 2 <= size <= _MOST_INDICES or output.numel() // size < _LEAST_COMPARED:
        return None
    y, x = (_unit(t.movedim(dimension, 0).reshape(size, -1)) for t in (output, reference))
    alike = y @ x.T  # [size, size]
    alike.diagonal().add_(1e-3)  # of equals, the index itself
    best, where = alike.max(1)
    return [
        index if value > _ALIKE else -1 for value, index in zip(best.tolist(), where.tolist(), strict=True)
    ]


def _unit(matrix: Tensor) -> Tensor:
    """Rows of mean 0 and length 1, of at most so many numbers evenly chosen."""
    step = max(1, matrix.shape[1] // _MOST_COMPARED)
    chosen = matrix[:, ::step].float()
    chosen = chosen - chosen.mean(1, keepdim=True)
    length: Tensor = chosen.square().sum(1, keepdim=True).sqrt()
    return chosen / length.clamp_min(1e-30)


def _moved_along(evidence: Evidence) -> Diagnosis | None:
    """Every index holds what belongs some places before or behind it, but for the edge."""
    y, x = evidence.output, evidence.reference
    if y.shape != x.shape:
        return None
    for dimension in range(y.ndim):
        by = _common_offset(origins(y, x, dimension) or [])
        if not by:
            continue
        length = y.shape[dimension] - abs(by)
        after = evidence.confirmed(
            y.narrow(dimension, max(0, -by), length), x.narrow(dimension, max(0, by), length)
        )
        if after is not None:
            where = noun(dimension, y.ndim)
            first = named_range(max(0, -by), 1, dimension, y.ndim)
            moved = f"once its {where} are moved by {abs(by)} {'forward' if by > 0 else 'back'}"
            text = (
                f"the output agrees with the reference {moved}: {first} holds what belongs at "
                f"{max(0, by)}, and so on, all but the {'last' if by > 0 else 'first'} {evidence.then(after)}"
            )
            return Diagnosis(text, f"right {moved}", after.error)
    return None


def _common_offset(order: Sequence[int]) -> int:
    """By how much most indices are moved; 0 where they are not."""
    offsets = [where - index for index, where in enumerate(order) if where >= 0]
    if len(order) < 8 or not offsets:
        return 0
    by = max(set(offsets), key=offsets.count)
    enough = offsets.count(by) >= 0.8 * (len(order) - abs(by)) and abs(by) <= len(order) // 4
    return by if enough else 0
