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
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ttci.checks.findings import Findings
from ttci.tensors import tensors_in

Forward = Callable[[], Sequence[Tensor]]

_HUGE = 1e4  # entries from here on are a mask's, no part of a tensor's magnitude


@dataclass(frozen=True)
class _Step:
    """A step of a finite difference, and how far its derivative may be from autograd's."""

    length: float  # in root mean squares of the tensor that is moved
    relative: float  # of the derivative
    floor: float  # of the spread of L, below which lies rounding


_FINE = _Step(1e-6, relative=1e-4, floor=1e-8)  # near the best length for float64
_FINER = _Step(1e-7, relative=1e-4, floor=1e-7)  # where the fine one crossed the kink of a ReLU
# Where a module computes partly in float32 (a norm that upcasts, say), a small step
# drowns in rounding: a large one is taken then, and less is asked of it.
_COARSE = _Step(1e-2, relative=1e-2, floor=1e-3)


def check_gradients(forward: Forward, wanted: Mapping[str, Tensor]) -> Findings:
    """Check the gradient of every tensor of `wanted` through `forward`.

    forward: computes the module's floating-point outputs from the tensors of
        `wanted`, which are float64 leaves that require a gradient. Equal leaves
        must give equal outputs.
    """
    leaves = {name: leaf for name, leaf in wanted.items() if leaf.numel() and math.isfinite(_largest(leaf))}
    if not leaves:
        return Findings(note="nothing to differentiate: no floating-point input, no parameter")
    with _PrecisionWatch() as watch:  # type: ignore[no-untyped-call]
        outputs = forward()
    if not outputs:
        return Findings(note="nothing to differentiate: no floating-point output")
    loss = _Loss(forward, outputs, is_coarse=watch.is_coarse)
    gradients: Sequence[Tensor | None] = [None] * len(leaves)
    if any(output.requires_grad for output in outputs):
        gradients = torch.autograd.grad(loss.of(outputs), list(leaves.values()), allow_unused=True)
    with torch.no_grad():
        complaints = [
            complaint
            for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True)
            for complaint in _Probe(loss, leaf, gradient).complaints(name)
        ]
    if complaints:
        complaints += _detached_outputs(outputs)
    return Findings(tuple(complaints))


class _PrecisionWatch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Whether any operation gives floating-point numbers coarser than float64."""

    is_coarse = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        for tensor in tensors_in(output):
            self.is_coarse |= tensor.is_floating_point() and tensor.dtype != torch.float64
        return output


class _Loss:
    """The scalar L = <w, f(x)>; NaN and infinite outputs, which correctness judges, have no part in it."""

    def __init__(self, forward: Forward, outputs: Sequence[Tensor], *, is_coarse: bool) -> None:
        self._forward = forward
        self.is_coarse = is_coarse
        self._cotangents = [
            _random_like(output, seed) * torch.isfinite(output) for seed, output in enumerate(outputs)
        ]
        with torch.no_grad():
            self.spread = math.sqrt(self._sum([output.square() for output in outputs], power=2).item())

    def of(self, outputs: Sequence[Tensor]) -> Tensor:
        """L of these outputs."""
        return self._sum(outputs)

    def outputs(self) -> list[Tensor]:
        """The outputs at the leaves' present values; copies, as an output may be a leaf itself."""
        return [output.clone() for output in self._forward()]

    def _sum(self, values: Sequence[Tensor], power: int = 1) -> Tensor:
        products = [
            torch.where(cotangent == 0, 0.0, cotangent**power * value).sum()
            for cotangent, value in zip(self._cotangents, values, strict=True)
        ]
        return torch.stack(products).sum()


class _Probe:
    """One tensor, moved along one random direction of its own magnitude."""

    def __init__(self, loss: _Loss, tensor: Tensor, gradient: Tensor | None) -> None:
        self._loss, self._tensor = loss, tensor
        self._magnitude = _magnitude(tensor)
        self._direction = _random_like(tensor, seed=tensor.numel())
        self._gradient_size = 0.0 if gradient is None else gradient.norm().item() * self._magnitude
        self._autograd = 0.0
        if gradient is not None:
            self._autograd = self._magnitude * (self._direction * gradient).sum().item()

    def complaints(self, name: str) -> Iterator[str]:
        if not math.isfinite(self._gradient_size):
            yield f"the gradient of {name} is NaN or infinite"
            return
        numeric = self._central_difference(_FINE.length)
        if self._agrees(numeric, _FINE):
            return
        finer = self._central_difference(_FINER.length)
        if self._agrees(finer, _FINER):
            return
        if self._loss.is_coarse and self._is_rounding(numeric, finer):
            numeric = self._richardson(_COARSE.length)
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
                f"{self._autograd:.6g}, finite differences {numeric:.6g}; "
                "is a hand-written backward wrong, or a path detached from the graph?"
            )

    def _central_difference(self, step: float) -> float:
        length = step * self._magnitude
        self._tensor.add_(self._direction, alpha=length)
        ahead = self._loss.outputs()
        self._tensor.add_(self._direction, alpha=-2 * length)
        behind = self._loss.outputs()
        self._tensor.add_(self._direction, alpha=length)
        differences = [a - b for a, b in zip(ahead, behind, strict=True)]
        return self._loss.of(differences).item() / (2 * step)

    def _richardson(self, step: float) -> float:
        """Central differences of fourth order: two steps, the leading error cancelled."""
        return (4 * self._central_difference(step / 2) - self._central_difference(step)) / 3

    def _agrees(self, numeric: float, step: _Step) -> bool:
        size = max(abs(numeric), abs(self._autograd), self._gradient_size)
        limit = step.relative * size + step.floor * self._loss.spread
        return abs(numeric - self._autograd) <= limit

    def _is_rounding(self, numeric: float, finer: float) -> bool:
        """Whether the derivative depends on the step, or the step was lost altogether."""
        return numeric == 0 or abs(finer - numeric) > 0.01 * abs(numeric - self._autograd)


def _detached_outputs(outputs: Sequence[Tensor]) -> list[str]:
    """The likely cause, where one of several outputs takes no part in the graph."""
    return [
        f"output {index} is detached from the graph"
        for index, output in enumerate(outputs)
        if not output.requires_grad
    ]


def _magnitude(tensor: Tensor) -> float:
    """The root mean square; 1 where that is 0."""
    usual = tensor if _largest(tensor) < _HUGE else tensor[tensor.abs() < _HUGE]
    return usual.norm().item() / math.sqrt(usual.numel() or 1) or 1.0


def _largest(tensor: Tensor) -> float:
    """The largest absolute value, found without a copy; NaN where there is one."""
    low, high = tensor.detach().aminmax()
    return max(-low.item(), high.item())


def _random_like(tensor: Tensor, seed: int) -> Tensor:
    # float32 is drawn, as it is several times faster and any direction will do.
    generator = torch.Generator(tensor.device).manual_seed(seed)
    return torch.randn(tensor.shape, generator=generator, device=tensor.device)
