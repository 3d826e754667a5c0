"""Outputs that are wrong in one place alone: a shard, a head, a tile, a row; and what they hold there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ttci.diagnosis.agreement import Agreement, Diagnosis, Evidence, agreement, shown
from ttci.diagnosis.arrangement import origins
from ttci.diagnosis.wording import named_indices, named_range

_TIMES_TYPICAL = 4.0  # the typical error of an index, beyond which it is a wrong one
_TIMES_BOUND = 4.0  # the error that rounding explains, which one in the wrong place exceeds
_GAP = 2.5  # times the worst of the right indices, that the least of the wrong ones is off
_MOST = 0.5  # of the indices of a dimension


@dataclass(frozen=True)
class _Region:
    """Indices by dimension; a dimension that is missing is wrong as a whole."""

    indices: dict[int, list[int]]
    shape: tuple[int, ...]

    def words(self) -> str | None:
        """Its place; None where that is not simple."""
        dimensions = len(self.shape)
        parts = [named_indices(at, self.shape[d], d, dimensions) for d, at in sorted(self.indices.items())]
        if any(part is None for part in parts):
            return None
        return " of ".join(part for part in reversed(parts) if part)

    def mask(self) -> Tensor:
        """Where it is."""
        inside = torch.ones(self.shape, dtype=torch.bool)
        for dimension, indices in self.indices.items():
            one = torch.zeros(self.shape[dimension], dtype=torch.bool)
            one[torch.tensor(indices)] = True
            inside &= one.view([-1 if d == dimension else 1 for d in range(len(self.shape))])
        return inside

    def of(self, tensor: Tensor) -> Tensor:
        """The part of a tensor there."""
        for dimension, indices in self.indices.items():
            tensor = tensor.index_select(dimension, torch.tensor(indices))
        return tensor

    @property
    def is_one(self) -> bool:
        """Whether a reader calls it `it`: a single row, column or element."""
        return all(len(indices) == 1 for indices in self.indices.values())


def wrong_in_one_place(evidence: Evidence) -> Diagnosis | None:
    """The place, if it is a simple one and the rest is right."""
    y, x = evidence.output, evidence.reference
    if y.shape != x.shape or x.numel() < 32 or not x.isfinite().all():
        return None
    wrong = ~y.isfinite()
    spread = x.double().std().item()
    if not spread:
        return None
    error = ((y.double() - x.double()) / spread).square()
    region = _region_of_mask(wrong) if wrong.any() else _region(error, evidence.bound.error)
    place = region.words() if region is not None else None
    if region is None or place is None:
        return None
    inside = region.mask()
    rest = agreement(y[~inside], x[~inside])
    is_wrong = bool(wrong.any()) or error[inside].mean().sqrt().item() > _TIMES_BOUND * max(
        evidence.bound.error, rest.error
    )
    if not is_wrong or not evidence.bound.holds(rest):
        return None
    held = _what_is_there(evidence, region)
    brief = f"only {place} {'is' if region.is_one else 'are'} wrong{held}"
    return Diagnosis(_text(brief, evidence, rest), brief, rest.error, is_whole=bool(held))


def _region(error: Tensor, bound: float) -> _Region | None:
    """What stands out of each dimension."""
    found: dict[int, list[int]] = {}
    for dimension, size in enumerate(error.shape):
        others = [d for d in range(error.ndim) if d != dimension]
        means = (error.mean(others) if others else error).sqrt()
        wrong = (means > max(2 * bound, _TIMES_TYPICAL * means.median().item())).nonzero().flatten().tolist()
        if wrong and len(wrong) <= _MOST * size and _stands_out(means, wrong):
            found[dimension] = wrong
    return _Region(found, tuple(error.shape)) if found else None


def _stands_out(means: Tensor, wrong: list[int]) -> bool:
    """Whether what is wrong is clearly more so than the rest, and not the top of a slope."""
    is_wrong = torch.zeros(len(means), dtype=torch.bool)
    is_wrong[torch.tensor(wrong)] = True
    return means[is_wrong].min().item() >= _GAP * means[~is_wrong].max().item()


def _region_of_mask(wrong: Tensor) -> _Region | None:
    """The smallest box of indices that holds all that is wrong, where it is filled to the half at least."""
    found: dict[int, list[int]] = {}
    for dimension, size in enumerate(wrong.shape):
        others = [d for d in range(wrong.ndim) if d != dimension]
        indices = _any(wrong, others).nonzero().flatten().tolist()
        if len(indices) < size:
            found[dimension] = indices
    region = _Region(found, tuple(wrong.shape))
    filled = int(wrong.sum()) / max(1, region.of(wrong).numel())
    return region if found and filled >= _MOST else None


def _any(wrong: Tensor, dimensions: list[int]) -> Tensor:
    return wrong.int().amax(dimensions).bool() if dimensions else wrong


def _text(brief: str, evidence: Evidence, rest: Agreement) -> str:
    whole = evidence.before.correlation
    before = f", {shown(whole)} with them" if math.isfinite(whole) else ""
    return (
        f"{brief}; the rest agrees with the reference "
        f"(correlation {shown(rest.correlation)} without them{before})"
    )


def _what_is_there(evidence: Evidence, region: _Region) -> str:
    """What the wrong place holds instead, if that can be told."""
    y, x = region.of(evidence.output).double(), region.of(evidence.reference).double()
    if not y.isfinite().all():
        nan = int(y.isnan().sum())
        return f" ({nan:,} NaN and {int((~y.isfinite()).sum()) - nan:,} infinite values)"
    if not y.any():
        return ", all 0"
    if y.numel() >= 8:
        inner = Evidence(y, x, evidence.bound)
        scale = (y * x).sum().item() / max(x.square().sum().item(), 1e-300)
        if scale and inner.confirmed(y / scale) is not None:
            return f", scaled by {scale:.3g}"
        if inner.confirmed(y - (y - x).mean()) is not None:
            off = (y - x).mean().item()
            return f", {abs(off):.3g} too {'large' if off > 0 else 'small'}"
        return _turned_round(inner, region) or _copied_from(evidence, region)
    return ""


def _turned_round(inside: Evidence, region: _Region) -> str:
    """Of so few rows that they are in the other order, or that two are swapped, says no more than that."""
    for dimension, indices in region.indices.items():
        if len(indices) > 1 and inside.confirmed(inside.output.flip(dimension)) is not None:
            return ", swapped with each other" if len(indices) == 2 else ", in the reverse order"
    return ""


def _copied_from(evidence: Evidence, region: _Region) -> str:
    """Where what is there belongs, where that is another place."""
    if len(region.indices) != 1:
        return ""
    ((dimension, indices),) = region.indices.items()
    order = origins(evidence.output, evidence.reference, dimension)
    if order is None:
        return ""
    belongs = [order[index] for index in indices]
    if belongs == indices or -1 in belongs or any(b - a != 1 for a, b in pairwise(belongs)):
        return ""
    return f", holding what belongs in {named_range(belongs[0], len(belongs), dimension, len(region.shape))}"
