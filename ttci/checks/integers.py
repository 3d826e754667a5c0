"""Integers, booleans and indices: equal, or flipped by rounding."""

from __future__ import annotations

import torch
from torch import Tensor

from ttci.checks.comparison import index_of

_MOST = 1 << 16  # differing values that are looked at
_UNSTEADY = 0.25  # the share of passes that each gave a value of their own: the next would be another
_ENOUGH = 8  # passes to tell that


class Differing:
    """The values of an output that differ from its reference's, and which of them rounding explains."""

    def __init__(self, output: Tensor, reference: Tensor) -> None:
        self._shape = tuple(reference.shape)
        self.total = reference.numel()
        output, self._reference = _comparable(output), _comparable(reference)
        differs = output != self._reference
        self.count = int(differs.count_nonzero())
        self._positions = differs.nonzero()[:_MOST, 0]
        self._values = output[self._positions]
        self._seen: list[Tensor] = []

    @property
    def has_learned(self) -> bool:
        """Whether a pass with rounding was taken in."""
        return bool(self._seen)

    def learn(self, rounded: Tensor) -> None:
        """Take in what one pass with rounding gives."""
        if tuple(rounded.shape) == self._shape:
            self._seen.append(_comparable(rounded)[self._positions])

    @property
    def is_explained(self) -> bool:
        """Whether every difference was seen to come of rounding."""
        return bool(self._explained.all())

    @property
    def unexplained(self) -> int:
        """How many differences rounding does not explain, of those looked at."""
        return int((~self._explained).count_nonzero())

    def first_unexplained(self) -> tuple[tuple[int, ...], float, float]:
        """Its index, the output's value and the reference's."""
        which = int((~self._explained).nonzero()[0])
        position = int(self._positions[which])
        index = index_of(position, self._shape)
        return index, self._values[which].item(), self._reference[position].item()

    @property
    def _explained(self) -> Tensor:
        """Seen with the very value, or with so many values that it might be any."""
        if not self._seen:
            return torch.zeros(len(self._positions), dtype=torch.bool)
        seen = torch.stack(self._seen)  # [passes, differing]
        times = (seen[:, None] == seen[None]).sum(0)  # how often each was seen
        unsteady = (times == 1).double().mean(0) >= _UNSTEADY
        return (seen == self._values).any(0) | (unsteady & (len(seen) >= _ENOUGH))


def _comparable(tensor: Tensor) -> Tensor:
    """Flat, in float64 or int64: torch compares no uint32 with int64."""
    wide = torch.float64 if tensor.is_floating_point() else torch.int64
    return tensor.detach().cpu().reshape(-1).to(wide)
