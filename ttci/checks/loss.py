"""The scalar L = <w, f(x)> of a module's outputs, for random cotangents w."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Forward = Callable[[], Sequence[Tensor]]


class UnsteadyError(Exception):
    """Equal inputs and parameters did not give equal outputs; str() says how."""


class Loss:
    """L of a module; NaN and infinite outputs, which correctness judges, have no part in it.

    As w is drawn from a normal distribution, what an error e of the outputs does to L
    is drawn from one too, with the standard deviation `norm(e)`.
    """

    def __init__(self, forward: Forward, outputs: Sequence[Tensor], seed: int = 0) -> None:
        self._forward = forward
        self._cotangents = [
            random_like(output, 1000 * seed + index) * torch.isfinite(output)
            for index, output in enumerate(outputs)
        ]
        with torch.no_grad():
            self.base = self.outputs()
            first = [output.detach() for output in outputs]
            self.spread = self.norm(first)
            self.noise = self.norm(differences(first, self.base))
        if self.noise > 1e-2 * self.spread:
            raise UnsteadyError("a second call with the same inputs and parameters gave another result")

    def of(self, values: Sequence[Tensor]) -> Tensor:
        """L of these outputs, or of a difference of outputs."""
        return self._sum(values, power=1)

    def norm(self, values: Sequence[Tensor]) -> float:
        """The standard deviation of L over w, where the outputs (or their error) are these."""
        return math.sqrt(self._sum([value.square() for value in values], power=2).item())

    def outputs(self) -> list[Tensor]:
        """The outputs at the leaves' present values."""
        return real_outputs(self._forward())

    def _sum(self, values: Sequence[Tensor], power: int) -> Tensor:
        products = [
            torch.where(cotangent == 0, 0.0, cotangent**power * value).sum()
            for cotangent, value in zip(self._cotangents, values, strict=True)
        ]
        return torch.stack(products).sum()


def real_outputs(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Dense, real, in float64; copies, as an output may be a leaf itself."""
    return [as_real(_dense(output)).to(torch.float64, copy=True) for output in outputs]


def differences(left: Sequence[Tensor], right: Sequence[Tensor]) -> list[Tensor]:
    """Output by output.

    Raises:
        UnsteadyError: where the shapes are others.
    """
    if [tensor.shape for tensor in left] != [tensor.shape for tensor in right]:
        raise UnsteadyError("a second call with the same inputs and parameters gave another shape")
    return [a - b for a, b in zip(left, right, strict=True)]


def as_real(tensor: Tensor) -> Tensor:
    """A complex tensor as the real one of [..., 2] that shares its memory; others as they are."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def _dense(tensor: Tensor) -> Tensor:
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def random_like(tensor: Tensor, seed: int) -> Tensor:
    """Standard normal numbers; float32, as it is several times faster and any direction will do."""
    generator = torch.Generator(tensor.device).manual_seed(seed)
    return torch.randn(tensor.shape, generator=generator, device=tensor.device)
