"""A module made ready for the gradients check, in the first precision in which it can be differentiated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ttci.checks.outcome import NotJudgedError
from ttci.devices.conversion import ExchangedWeights, UseOf, converted, in_type, require_module, weights_of
from ttci.tensors import tensors_in
from ttci.testing.inputs import Inputs, seeded
from ttci.testing.widened import Differentiable, moderate

_CPU = torch.device("cpu")


class NotDifferentiableError(NotJudgedError):
    """The module runs, but nothing can differentiate it; str() says why."""


@dataclass(frozen=True)
class Precision:
    """The type of the leaves, and whether float64 takes the place of narrower types inside."""

    dtype: torch.dtype
    widens: bool = False

    @property
    def name(self) -> str:
        """As torch names it."""
        return str(self.dtype).removeprefix("torch.")


class GradientProblem:
    """A module, its inputs and its parameters in one precision, for use within `entered()`.

    Args:
        module: what is called; `exchanged` exchanges its weights meanwhile, where it is the user's own.
    """

    def __init__(
        self,
        module: nn.Module,
        inputs: Inputs,
        precision: Precision,
        exchanged: ExchangedWeights | None = None,
    ) -> None:
        self.precision = precision
        self._module, self._exchanged = module, exchanged
        self._inputs = inputs.map(self._as_leaf)

    def _as_leaf(self, tensor: Tensor) -> Tensor:
        leaf = in_type(tensor.detach(), self.precision.dtype, _CPU, copy=True)
        if leaf.layout != torch.strided:
            return leaf
        if leaf.is_floating_point():
            leaf = moderate(leaf)
        return leaf.requires_grad_(leaf.is_floating_point() or leaf.is_complex())

    @property
    def wanted(self) -> dict[str, Tensor]:
        """The inputs and parameters whose gradients are asked for, by name."""
        inputs = self._inputs.named_tensors.items()
        wanted = {name: leaf for name, leaf in inputs if leaf.requires_grad}
        return wanted | {
            name: weight for name, weight in self._module.named_parameters() if weight.requires_grad
        }

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Meanwhile the module is in its precision, the backward pass included."""
        with ExitStack() as stack:
            if self._exchanged:
                stack.enter_context(self._exchanged.exchanged())
            stack.enter_context(_default_dtype(self.precision.dtype))
            stack.enter_context(Differentiable(widens=self.precision.widens))
            yield

    def forward(self) -> list[Tensor]:
        """The outputs that have a derivative; equal leaves give equal ones."""
        with seeded():  # dropout left on is for the correctness check to find
            outputs = self._inputs.map(torch.clone).call(self._module)
        return [output for output in tensors_in(outputs) if output.is_floating_point() or output.is_complex()]

    def gives_finite_gradients(self) -> bool:
        """Whether a backward pass of the sum gives no NaN, and no infinity.

        Raises:
            NotDifferentiableError: where autograd has no formula, and whatever the module raises.
        """
        with torch.inference_mode(mode=False), torch.enable_grad():
            outputs = self.forward()
            if any(output.is_inference() for output in outputs):
                raise NotDifferentiableError("its forward runs in inference mode, which has no autograd")
            finite = [output for output in outputs if output.requires_grad]
            leaves = list(self.wanted.values())
            if not finite or not leaves:
                return True
            cotangents = [torch.ones_like(output) for output in finite]
            gradients = torch.autograd.grad(finite, leaves, cotangents, allow_unused=True)
        return all(_is_finite(gradient) for gradient in gradients if gradient is not None)


def differentiable(module: nn.Module, inputs: Inputs) -> GradientProblem:
    """`module` in float64, else in the widest precision that it runs in with finite gradients.

    Raises:
        NotDifferentiableError: where it runs without autograd, what it raises where it does not run at
            all.
        NoImplementationError: for what is no torch module.
    """
    require_module(module)
    runs: GradientProblem | None = None
    failure: Exception | None = None
    for precision in _precisions(module):
        try:
            problem = _in_precision(module, inputs, precision)
            with problem.entered():
                is_finite = problem.gives_finite_gradients()
        except Exception as error:  # noqa: BLE001  # a module may raise anything
            failure = error
            continue
        if is_finite:
            return problem
        runs = runs or problem
    if runs is not None:
        return runs
    assert failure is not None
    if "derivative" in str(failure) and "not implemented" in str(failure):
        raise NotDifferentiableError(f"autograd cannot differentiate it: {failure}") from failure
    raise failure


def _precisions(module: nn.Module) -> list[Precision]:
    own = [weight.dtype for weight in module.parameters() if weight.is_floating_point()][:1]
    float32 = Precision(torch.float32)
    found = [Precision(torch.float64, widens=True), Precision(torch.float64), float32]
    return found + [precision for precision in map(Precision, own) if precision not in found]


def _in_precision(module: nn.Module, inputs: Inputs, precision: Precision) -> GradientProblem:
    """With a copy of the module, where one can be made that uses nothing of the original."""
    try:
        copied = converted(module, precision.dtype, _CPU, share=False)
    except Exception:  # noqa: BLE001  # an attribute may refuse to be copied in any way
        copied = None
    if copied is not None:
        problem = GradientProblem(copied, inputs, precision)
        if not _uses(problem, weights_of(module)):
            return problem
    exchanged = ExchangedWeights(module, precision.dtype, _CPU)
    return GradientProblem(module, inputs, precision, exchanged)


def _uses(problem: GradientProblem, weights: Sequence[Tensor]) -> bool:
    use = UseOf(weights)
    with use, problem.entered(), torch.enable_grad():
        try:
            problem.forward()
        except Exception:
            if not use.seen:
                raise
    return use.seen


def _is_finite(gradient: Tensor) -> bool:
    values = gradient if gradient.layout == torch.strided else gradient.to_dense()
    return bool(torch.isfinite(values).all())


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Meanwhile, what a module makes without naming a type is of `dtype`."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
