"""One gradient against differences of the outputs on both sides, at several steps.

The step is what decides: a long one crosses kinks (a ReLU) and choices (the experts
of a router), a short one drowns in rounding. So each step tells, beside the
derivative, how uncertain it is, and only a derivative whose uncertainty is small
against its distance from autograd's says that autograd's is wrong.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ttci.checks.loss import Loss, as_real, differences, random_like
from ttci.checks.precision_watch import epsilon

_HUGE = 1e4  # entries from here on are a mask's, no part of a tensor's magnitude
_FACTOR = 4  # from one step to the next finer one
_RELATIVE = 1e-4  # what autograd and differences may differ by without a question, of the derivative

# The error of L is normal, its standard deviation the uncertainty (see Loss):
_AGREEMENT = 3  # within as many uncertainties a derivative agrees
_CONTRADICTION = 6  # beyond as many it contradicts: by chance in 1 of 5e8 cases
_SHARP = 1e-2  # of the derivative: an uncertainty that would show a gradient 10 % off
_FAR = 10.0


class Vote(enum.Enum):
    """What one direction at one point says of a gradient."""

    AGREES = enum.auto()
    CONTRADICTS = enum.auto()
    UNCLEAR = enum.auto()


@dataclass(frozen=True)
class Estimate:
    """A derivative of L along a direction: autograd's, that of differences, and how sure the latter is."""

    autograd: float
    numeric: float
    uncertainty: float


@dataclass(frozen=True)
class _Moved:
    """The outputs after a step to either side."""

    autograd: float
    step: float
    slopes: list[Tensor]  # of each output, central
    asymmetry: float  # the norm of half the difference of the one-sided slopes


class Probe:
    """One leaf, moved along one random direction of its own magnitude.

    Args:
        leaf: real or complex; its values are moved in place, and put back bit by bit.
        gradient: autograd's, None where no gradient reaches the leaf.
        coarsest: the coarsest type that numbers pass on the way from the leaf to L.
    """

    def __init__(
        self, loss: Loss, leaf: Tensor, gradient: Tensor | None, seed: int, coarsest: torch.dtype
    ) -> None:
        self._loss, self._leaf = loss, as_real(leaf.detach())
        self._gradient = None if gradient is None else as_real(gradient)
        self._magnitude = magnitude(self._leaf)
        self._direction = random_like(self._leaf, seed=self._leaf.numel() + 7919 * seed)
        self.gradient_size = 0.0
        if self._gradient is not None:
            self.gradient_size = self._gradient.double().norm().item() * self._magnitude
        self._coarsest = coarsest
        self._rounding = math.sqrt(epsilon(coarsest)) / 2  # of the spread: below lies what steps cannot show
        self._moved: dict[int, _Moved] = {}

    def agrees_at_once(self) -> bool:
        """Whether the one step that suits smooth functions agrees: true of nearly every gradient."""
        moved = self._at(self._exponents()[0])
        return abs(self._slope(moved) - moved.autograd) <= self._allowance(moved)

    def vote(self) -> tuple[Vote, Estimate]:
        """By the first step that decides, else by the least uncertain one."""
        best: Estimate | None = None
        for exponent in self._exponents():
            estimate = self.estimate(exponent)
            vote = self._vote_of(estimate)
            if vote is not Vote.UNCLEAR:
                return vote, estimate
            if best is None or not estimate.uncertainty >= best.uncertainty:
                best = estimate
        assert best is not None
        return Vote.UNCLEAR, best

    def _exponents(self) -> list[int]:
        """The steps worth a look: the one that suits smooth functions, then finer, then coarser ones.

        Its error, of the step's square and of rounding over the step, is least near the
        third root of the rounding.
        """
        if self._coarsest == torch.float64:
            return [10, 12, 14, 8, 6]
        epsilons = -math.log(epsilon(self._coarsest), _FACTOR)
        best = max(1, round(epsilons / 3))
        finest = max(2, round(epsilons / 2) + 2)
        return [*range(best, finest + 1), *range(best - 1, 0, -1)]

    def estimate(self, exponent: int) -> Estimate:
        """At the step _FACTOR ** -exponent.

        The error is at most what the two sides differ by (a kink, a choice, curvature,
        rounding), what the next step changes (odd terms, which the sides share), and
        what rounding to the coarsest type may swallow.
        """
        moved = self._at(exponent)
        changes = [self._change(exponent, exponent + 1)]
        if exponent > 1:
            changes.append(self._change(exponent, exponent - 1))
        step = _FACTOR**-exponent
        rounding = (epsilon(self._coarsest) / 4 * self._loss.spread + self._loss.noise) / step
        # min() and max() keep no NaN that comes second: a step whose outputs are NaN is of no use
        terms = [moved.asymmetry, min(changes), rounding, *changes[:1]]
        is_of_use = all(map(math.isfinite, terms)) and not self._is_far(moved)
        uncertainty = max(moved.asymmetry, min(changes), rounding) if is_of_use else math.inf
        return Estimate(moved.autograd, self._slope(moved), uncertainty)

    def _is_far(self, moved: _Moved) -> bool:
        """Whether autograd's derivative would carry L far from its values: no step so long can test it."""
        reach = self._loss.spread + self._loss.norm(moved.slopes) * moved.step
        return self.gradient_size * moved.step > _FAR * reach

    def _at(self, exponent: int) -> _Moved:
        if exponent not in self._moved:
            self._moved[exponent] = self._move(_FACTOR**-exponent)
        return self._moved[exponent]

    def _move(self, step: float) -> _Moved:
        saved = self._leaf.clone()
        try:
            ahead = self._outputs_at(saved, step)
            reached = self._leaf.clone() if self._leaf.dtype != torch.float64 else None
            behind = self._outputs_at(saved, -step)
            covered = None if reached is None else reached.double() - self._leaf.double()
        finally:
            self._leaf.copy_(saved)
        slopes = [change / (2 * step) for change in differences(ahead, behind)]
        bends = [
            (a - 2 * base + b) / (2 * step) for a, base, b in zip(ahead, self._loss.base, behind, strict=True)
        ]
        return _Moved(self._along(covered, step), step, slopes, self._loss.norm(bends))

    def _outputs_at(self, saved: Tensor, step: float) -> list[Tensor]:
        self._leaf.copy_(saved + (step * self._magnitude) * self._direction)
        return self._loss.outputs()

    def _along(self, covered: Tensor | None, step: float) -> float:
        """Autograd's derivative along what was covered: in a coarse type the direction is rounded too."""
        if self._gradient is None:
            return 0.0
        if covered is None:
            return self._magnitude * (self._direction * self._gradient).sum().item()
        return (covered * self._gradient.double()).sum().item() / (2 * step)

    def _slope(self, moved: _Moved) -> float:
        return self._loss.of(moved.slopes).item()

    def _change(self, left: int, right: int) -> float:
        return self._loss.norm(differences(self._at(left).slopes, self._at(right).slopes))

    def _vote_of(self, estimate: Estimate) -> Vote:
        distance = abs(estimate.numeric - estimate.autograd)
        allowance = self._allowance(estimate)
        if distance > _CONTRADICTION * estimate.uncertainty + allowance:
            return Vote.CONTRADICTS
        sharp = max(_SHARP * self._size(estimate), min(_SHARP, 3 * self._rounding) * self._loss.spread)
        if distance <= _AGREEMENT * estimate.uncertainty + allowance and estimate.uncertainty <= sharp:
            return Vote.AGREES
        return Vote.UNCLEAR

    def without_steps(self, fine: Estimate) -> Vote:
        """CONTRADICTS, unless the outputs are rounded to steps: then a fine one shows no derivative.

        Straight-through estimators of quantisation look past such steps, as long ones do.
        """
        for exponent in range(1, 6):
            coarse = self.estimate(exponent)
            apart = abs(coarse.numeric - fine.numeric)
            surely = apart > _CONTRADICTION * (coarse.uncertainty + fine.uncertainty)
            if surely and abs(coarse.numeric - coarse.autograd) <= _AGREEMENT * coarse.uncertainty:
                return Vote.AGREES
        is_flat = fine.numeric == 0 and fine.autograd != 0
        return Vote.UNCLEAR if is_flat and self._slope(self._at(1)) != 0 else Vote.CONTRADICTS

    def _allowance(self, it: Estimate | _Moved) -> float:
        return _RELATIVE * self._size(it) + self._rounding * self._loss.spread

    def _size(self, it: Estimate | _Moved) -> float:
        numeric = it.numeric if isinstance(it, Estimate) else self._slope(it)
        return max(abs(numeric), abs(it.autograd), self.gradient_size)


def magnitude(tensor: Tensor) -> float:
    """The root mean square; 1 where that is 0."""
    usual = tensor if largest(tensor) < _HUGE else tensor[tensor.abs() < _HUGE]
    return usual.norm().item() / math.sqrt(usual.numel() or 1) or 1.0


def largest(tensor: Tensor) -> float:
    """The largest absolute value, found without a copy; NaN where there is one."""
    low, high = as_real(tensor.detach()).aminmax()
    return max(-low.item(), high.item())
