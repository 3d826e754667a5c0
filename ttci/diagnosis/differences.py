"""How far what was given is from what was expected, in figures that a file can hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ttci.artifacts.operations_file import Difference


def difference(given: Tensor, expected: Tensor) -> Difference | None:
    """Of two tensors, in float64; None where their sizes differ or nothing is in them."""
    if given.numel() != expected.numel() or not given.numel():
        return None
    y, x = given.detach().cpu().double().flatten(), expected.detach().cpu().double().flatten()
    off = y - x
    size, error = x.norm().item(), off.norm().item()
    relative = error / size if size else (0.0 if error == 0 else math.inf)
    return Difference(
        relative=_finite(relative),
        largest=_finite(off.abs().max().item()),
        correlation=_correlation(y, x),
        not_finite=int((~torch.isfinite(y)).sum()),
    )


def worst(differences: Iterable[Difference | None]) -> Difference | None:
    """That with the largest error, of those that are known; what is not finite is largest."""
    return max(filter(None, differences), key=size_of, default=None)


def worst_output(outputs: Sequence[Tensor], references: Sequence[Tensor]) -> tuple[int, Difference | None]:
    """Which output is most wrong, and how much; nothing of those that cannot be compared."""
    found = [difference(one, other) for one, other in zip(outputs, references, strict=False)]
    at = max(range(len(found)), key=lambda at: size_of(found[at]), default=0)
    return at, found[at] if found else None


def size_of(found: Difference | None) -> float:
    """The relative error: infinite where it is not finite, 0 of nothing."""
    if found is None:
        return 0.0
    return math.inf if found.relative is None else found.relative


def _correlation(y: Tensor, x: Tensor) -> float | None:
    y, x = y - y.mean(), x - x.mean()
    product = y.norm().item() * x.norm().item()
    return _finite(min(1.0, (y @ x).item() / product)) if product else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
