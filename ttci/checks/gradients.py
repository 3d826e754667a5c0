"""Do the gradients hold? Each against a directional derivative, in float64.

For random cotangents w, autograd differentiates the scalar L = <w, f(x)>; along
one random direction a tensor, central differences do the same, and the two must
agree. It is what torch.autograd.gradcheck does in its fast mode, one tensor at a
time and without holding a Jacobian, so it stays affordable at 4096 wide and can
name the tensor whose gradient is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ttci.checks.findings import Findings

_STEP = 1e-6  # relative to the tensor's root mean square; near the best for float64
_NOISE_STEP = 1e-8
# Where a module computes partly in float32 (a norm that upcasts, say), a small step
# drowns in rounding: a large one is taken then, and less is asked of it.
_COARSE_STEP = 1e-2

Forward = Callable[[], Sequence[Tensor]]


@dataclass(frozen=True)
class _Allowed:
    """How far the two derivatives may be apart."""

    relative: float  # of the derivative
    floor: float  # of the spread of L, below which lies rounding


_FINE = _Allowed(relative=1e-4, floor=1e-8)
_COARSE = _Allowed(relative=1e-2, floor=1e-3)


def check_gradients(forward: Forward, wanted: Mapping[str, Tensor]) -> Findings:
    """Check the gradient of every tensor of `wanted` through `forward`.

    forward: computes the module's floating-point outputs from the tensors of
        `wanted`, which are float64 leaves that require a gradient.
    """
    if not wanted:
        return Findings(note="nothing to differentiate: no floating-point input, no parameter")
    outputs = forward()
    if not any(output.requires_grad for output in outputs):
        what = "the output is detached from the graph: no gradient reaches an input or a parameter"
        return Findings((what,))
    cotangents = [_random_like(output, seed) for seed, output in enumerate(outputs)]
    loss = _dot(cotangents, outputs)
    gradients = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
    spread = math.sqrt(sum(((c * o) ** 2).sum().item() for c, o in zip(cotangents, outputs, strict=True)))
    complaints: list[str] = []
    with torch.no_grad():
        for (name, tensor), gradient in zip(wanted.items(), gradients, strict=True):
            probe = _Probe(forward, cotangents, spread, tensor, gradient)
            complaints += probe.complaints(name)
    return Findings(tuple(complaints))


class _Probe:
    """One tensor, moved along one random direction of its own magnitude."""

    def __init__(
        self,
        forward: Forward,
        cotangents: list[Tensor],
        spread: float,
        tensor: Tensor,
        gradient: Tensor | None,
    ) -> None:
        self._forward, self._cotangents, self._spread = forward, cotangents, spread
        self._tensor = tensor
        self._magnitude = tensor.square().mean().sqrt().item() or 1.0
        self._direction = _random_like(tensor, seed=tensor.numel())
        self._gradient_size = 0.0 if gradient is None else gradient.norm().item() * self._magnitude
        self._autograd = 0.0
        if gradient is not None:
            self._autograd = self._magnitude * _dot([self._direction], [gradient]).item()

    def complaints(self, name: str) -> Iterator[str]:
        if not math.isfinite(self._gradient_size):
            yield f"the gradient of {name} is NaN or infinite"
            return
        numeric = self._central_difference(_STEP)
        if self._agrees(numeric, _FINE):
            return
        if self._is_noise(numeric):
            numeric = self._richardson(_COARSE_STEP)
            if self._agrees(numeric, _COARSE):
                return
        if self._gradient_size == 0.0:
            yield (
                f"no gradient reaches {name}, yet the output depends on it "
                f"(derivative {numeric:.4g}): a path is detached from the graph"
            )
        else:
            yield (
                f"the gradient of {name} is wrong: along a random direction autograd gives "
                f"{self._autograd:.6g}, finite differences {numeric:.6g}"
            )

    def _central_difference(self, step: float) -> float:
        length = step * self._magnitude
        self._tensor.add_(self._direction, alpha=length)
        ahead = self._forward()
        self._tensor.add_(self._direction, alpha=-2 * length)
        behind = self._forward()
        self._tensor.add_(self._direction, alpha=length)
        differences = [a - b for a, b in zip(ahead, behind, strict=True)]
        return _dot(self._cotangents, differences).item() / (2 * step)

    def _richardson(self, step: float) -> float:
        """Central differences of fourth order: two steps, the leading error cancelled."""
        return (4 * self._central_difference(step / 2) - self._central_difference(step)) / 3

    def _agrees(self, numeric: float, allowed: _Allowed) -> bool:
        size = max(abs(numeric), abs(self._autograd), self._gradient_size)
        limit = allowed.relative * size + allowed.floor * self._spread
        return abs(numeric - self._autograd) <= limit

    def _is_noise(self, numeric: float) -> bool:
        """Whether a smaller step gives another derivative: float64 would give the same."""
        other = self._central_difference(_NOISE_STEP)
        return abs(other - numeric) > 0.01 * abs(numeric - self._autograd)


def _random_like(tensor: Tensor, seed: int) -> Tensor:
    # float32 is drawn, as it is several times faster and any direction will do.
    generator = torch.Generator(tensor.device).manual_seed(seed)
    return torch.randn(tensor.shape, generator=generator, device=tensor.device)


def _dot(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    return torch.stack([(a * b).sum() for a, b in zip(left, right, strict=True)]).sum()
