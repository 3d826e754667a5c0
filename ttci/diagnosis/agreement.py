"""How well an output agrees with a reference, and when a repair of it is a diagnosis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

TIMES_NOISE = 4.0  # that one pass of rounding shows: a right output rounds otherwise
_BETTER = 3.0  # times smaller an error must be after a repair


@dataclass(frozen=True)
class Agreement:
    """Of an output with a reference.

    Attributes:
        correlation: Pearson's; NaN where there is none.
        error: root mean square of the difference, in standard deviations of the reference.
    """

    correlation: float
    error: float


@dataclass(frozen=True)
class Bound:
    """What an output that is right keeps to.

    Attributes:
        correlation: at least.
        error: at most, as rounding explains it.
    """

    correlation: float
    error: float

    def for_noise(self, noise: float) -> Bound:
        """The same where rounding makes this relative error; never wider than the correlation asks."""
        most = math.sqrt(2 * (1 - self.correlation))
        return Bound(self.correlation, min(most, max(self.error, TIMES_NOISE * noise)))

    def holds(self, agreement: Agreement) -> bool:
        """Whether that is the agreement of a right output."""
        return agreement.correlation >= self.correlation and agreement.error <= self.error


@dataclass(frozen=True)
class Evidence:
    """A wrong output of floating point, its reference, and when they would agree."""

    output: Tensor
    reference: Tensor
    bound: Bound

    @cached_property
    def before(self) -> Agreement:
        """As it is; no agreement at all where the shapes differ."""
        if self.output.shape != self.reference.shape:
            return Agreement(math.nan, math.inf)
        return agreement(self.output, self.reference)

    def confirmed(self, output: Tensor, reference: Tensor | None = None) -> Agreement | None:
        """The agreement after a repair, of the output or of the reference; None where it explains nothing."""
        reference = self.reference if reference is None else reference
        if output.shape != reference.shape or not output.numel():
            return None
        after = agreement(output, reference)
        before = self.before.error if math.isfinite(self.before.error) else math.inf
        return after if self.bound.holds(after) and after.error * _BETTER <= before else None

    def is_near(self, reference: Tensor) -> bool:
        """Whether another reference agrees as the correlation asks, and clearly better."""
        if self.output.shape != reference.shape:
            return False
        after = agreement(self.output, reference)
        return after.correlation >= self.bound.correlation and after.error * _BETTER <= self.before.error

    def then(self, after: Agreement) -> str:
        """What a repair did to the correlation, for the end of a sentence."""
        if math.isnan(self.before.correlation):
            return f"(correlation {shown(after.correlation)} then)"
        return f"(correlation {shown(after.correlation)} then, {shown(self.before.correlation)} as it is)"


@dataclass(frozen=True)
class Diagnosis:
    """A mistake that explains a wrong output.

    Attributes:
        text: a sentence without its full stop.
        brief: the same in a few words, for a line that is cut where it is long.
        error: what is left of the error once it is repaired.
        is_whole: whether nothing is left to explain: not only where it is wrong, but what is there.
    """

    text: str
    brief: str
    error: float
    is_whole: bool = True


def agreement(output: Tensor, reference: Tensor) -> Agreement:
    """Of two tensors of one shape, in float64."""
    y, x = output.detach().double().flatten(), reference.detach().double().flatten()
    n = max(1, x.numel())
    off = ((y - x).square().sum() / n).sqrt().item()
    x, y = x - x.mean(), y - y.mean()
    size_x, size_y = x.norm().item(), y.norm().item()
    spread = size_x / math.sqrt(n)
    product = size_x * size_y
    correlation = (x @ y).item() / product if product else math.nan
    return Agreement(correlation, off / spread if spread else (0.0 if off == 0 else math.inf))


def shown(correlation: float) -> str:
    """With as many digits as tell it from 1: 0.51, 0.99998; never rounded up to 1."""
    if not math.isfinite(correlation):
        return "none"
    if correlation >= 0.999999:
        return "0.999999" if correlation < 1 else "1"
    for digits in (2, 3, 4, 5, 6):
        text = f"{correlation:.{digits}f}"
        if abs(float(text) - correlation) <= 0.05 * (1 - correlation) and float(text) < 1:
            return text
    return f"{correlation:.6f}"
