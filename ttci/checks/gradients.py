"""Do the gradients hold? Each against a directional derivative.

For random cotangents w, autograd differentiates the scalar L = <w, f(x)>; along
one random direction a tensor, central differences do the same, and the two must
agree. It is what torch.autograd.gradcheck does in its fast mode, one tensor at a
time and without holding a Jacobian, so it stays affordable at 4096 wide and can
name the tensor whose gradient is wrong.

Where they do not agree at once, that is no evidence yet: the point may lie on a kink
(zero padding before a ReLU), or rounding may hide the derivative. So other steps are
taken, and other points close by, where nothing is exactly zero or equal; a gradient
is wrong when several of these say so and hardly any says it is right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ttci.checks.finite_differences import Estimate, Probe, Vote, largest, magnitude
from ttci.checks.loss import Forward, Loss, UnsteadyError, as_real, random_like, real_outputs
from ttci.checks.outcome import Findings
from ttci.checks.precision_watch import PrecisionWatch, coarsest

# How far from the given point, in fractions of each tensor's magnitude, others are looked at.
_JITTERS = (0.0, 1e-2, 1e-1, 1e-3, 1e-2, 1e-1, 1e-3)
_CONTRADICTIONS = 3  # as many, in directions of their own, make a gradient wrong
_NAMED = 3  # tensors that a note names


def check_gradients(forward: Forward, wanted: Mapping[str, Tensor]) -> Findings:
    """Check the gradient of every tensor of `wanted` through `forward`.

    Args:
        wanted: the tensors to differentiate by, by the names that messages give them.
        forward: computes the module's floating-point or complex outputs from the tensors of
            `wanted`, which are leaves that require a gradient, best in float64. Equal
            leaves must give equal outputs.
    """
    leaves = {
        name: leaf
        for name, leaf in wanted.items()
        if leaf.layout == torch.strided and leaf.numel() and math.isfinite(largest(leaf))
    }
    if not leaves:
        return Findings(note="nothing to differentiate: no floating-point input, no parameter")
    with torch.inference_mode(mode=False), torch.enable_grad():  # whatever the user's file has set
        outputs = forward()
        if not outputs:
            return Findings(note="nothing to differentiate: no floating-point output")
        try:
            return _Judgement(forward, leaves, outputs).findings()
        except UnsteadyError as error:
            return Findings(unjudged=f"the gradients cannot be judged: {error}")


@dataclass
class _Case:
    """What is known of the gradient of one tensor."""

    name: str
    leaf: Tensor
    agreements: int = 0
    contradictions: list[tuple[Probe, Estimate]] = field(default_factory=list)

    def count(self, vote: Vote, probe: Probe, estimate: Estimate) -> None:
        self.agreements += vote is Vote.AGREES
        if vote is Vote.CONTRADICTS:
            self.contradictions.append((probe, estimate))

    @property
    def is_wrong(self) -> bool:
        return len(self.contradictions) >= _CONTRADICTIONS and self.agreements <= 1

    @property
    def is_right(self) -> bool:
        return self.agreements > len(self.contradictions)

    @property
    def problem(self) -> str:
        probe, estimate = self.contradictions[0]
        if probe.gradient_size == 0.0:
            return (
                f"no gradient reaches {self.name}, yet the output depends on it "
                f"(derivative {estimate.numeric:.4g}): a path is detached from the graph"
            )
        return (
            f"the gradient of {self.name} is wrong: along a random direction autograd gives "
            f"{estimate.autograd:.6g}, finite differences {estimate.numeric:.6g}; "
            "is a hand-written backward wrong, or a path detached from the graph?"
        )


class _Judgement:
    """The gradients of one module, judged at one point after the other until each is known."""

    def __init__(self, forward: Forward, leaves: Mapping[str, Tensor], outputs: Sequence[Tensor]) -> None:
        self._forward, self._leaves, self._outputs = forward, leaves, outputs
        self._coarsest = coarsest(leaf.dtype for leaf in leaves.values())
        self._cases = [_Case(name, leaf) for name, leaf in leaves.items()]

    def findings(self) -> Findings:
        loss, gradients = self._differentiated(self._outputs, seed=0)
        nan = [name for name in self._leaves if not _is_finite(gradients[name])]
        if nan:
            return Findings(tuple(f"the gradient of {name} is NaN or infinite" for name in nan))
        unknown = self._not_right_at_once(loss, gradients)
        if unknown:
            watch = self._watched()
            if watch.is_quantised:
                return Findings(unjudged="part of it computes in quantised integers, which has no derivative")
            self._coarsest = watch.coarsest
            self._look_closer(unknown, loss, gradients)
        return self._concluded(unknown)

    def _differentiated(self, outputs: Sequence[Tensor], seed: int) -> tuple[Loss, dict[str, Tensor | None]]:
        loss = Loss(self._forward, real_outputs(outputs), seed)
        gradients: Sequence[Tensor | None] = [None] * len(self._leaves)
        if any(output.requires_grad for output in outputs):
            leaves = list(self._leaves.values())
            gradients = torch.autograd.grad(loss.of(real_outputs(outputs)), leaves, allow_unused=True)
        dense = (g if g is None or g.layout == torch.strided else g.to_dense() for g in gradients)
        return loss, dict(zip(self._leaves, dense, strict=True))

    @torch.no_grad()
    def _not_right_at_once(self, loss: Loss, gradients: Mapping[str, Tensor | None]) -> list[_Case]:
        return [
            case
            for case in self._cases
            if not Probe(loss, case.leaf, gradients[case.name], 0, self._coarsest).agrees_at_once()
        ]

    @torch.no_grad()
    def _watched(self) -> PrecisionWatch:
        watch = PrecisionWatch(self._leaves.values())
        with watch:
            self._forward()
        return watch

    def _look_closer(self, cases: list[_Case], loss: Loss, gradients: Mapping[str, Tensor | None]) -> None:
        for seed, jitter in enumerate(_JITTERS):
            left = [case for case in cases if not case.is_wrong and not case.is_right]
            if not left:
                return
            with _jittered(list(self._leaves.values()), jitter, seed):
                if seed:
                    loss, gradients = self._differentiated(self._forward(), seed)
                for case in left:
                    self._ask(case, loss, gradients[case.name], seed)

    @torch.no_grad()
    def _ask(self, case: _Case, loss: Loss, gradient: Tensor | None, seed: int) -> None:
        if _is_finite(gradient):
            probe = Probe(loss, case.leaf, gradient, seed, self._coarsest)
            vote, estimate = probe.vote()
            if vote is Vote.CONTRADICTS and not case.contradictions:
                vote = probe.without_steps(estimate)
            case.count(vote, probe, estimate)

    def _concluded(self, unknown: list[_Case]) -> Findings:
        problems = [case.problem for case in unknown if case.is_wrong]
        if problems:
            return Findings((*problems, *_detached_outputs(self._outputs)))
        unclear = [case.name for case in unknown if not case.is_right]
        if not unclear:
            return Findings()
        note = f"could not be judged: the gradient of {_listed(unclear)} ({self._why()})"
        everything = len(unclear) == len(self._cases)
        return Findings(unjudged=note) if everything else Findings(note=note)

    def _why(self) -> str:
        if self._coarsest != torch.float64:
            kind = str(self._coarsest).removeprefix("torch.")
            return f"it computes partly in {kind}, whose rounding hides the derivative"
        return "finite differences do not settle at any step: kinks, jumps or steps everywhere"


@contextmanager
def _jittered(leaves: Sequence[Tensor], jitter: float, seed: int) -> Iterator[None]:
    """Meanwhile every leaf is a little off, so that nothing is exactly zero or equal."""
    if not jitter:
        yield
        return
    saved = [leaf.detach().clone() for leaf in leaves]
    with torch.no_grad():
        for index, leaf in enumerate(leaves):
            values = as_real(leaf.detach())
            offset = random_like(values, seed=1000 * seed + index)
            values.add_(offset.to(values.dtype), alpha=jitter * magnitude(values))
    try:
        yield
    finally:
        with torch.no_grad():
            for leaf, values in zip(leaves, saved, strict=True):
                leaf.copy_(values)


def _is_finite(gradient: Tensor | None) -> bool:
    return gradient is None or bool(torch.isfinite(gradient).all())


def _listed(names: Sequence[str]) -> str:
    others = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {others} more" if others > 0 else "")


def _detached_outputs(outputs: Sequence[Tensor]) -> list[str]:
    """The likely cause, where one of several outputs takes no part in the graph."""
    return [
        f"output {index} is detached from the graph"
        for index, output in enumerate(outputs)
        if not output.requires_grad
    ]
