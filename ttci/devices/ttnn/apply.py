"""Runs the golden of one call: ttci's own where there is one that fits, else ttnn's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.goldens import CHANGES, GOLDENS, place_of
from ttci.devices.ttnn.leaves import Leaves
from ttci.devices.ttnn.numbers import GoldenError
from ttci.devices.ttnn.swallowed import refuse_swallowed
from ttci.errors import describe
from ttci.tensors import map_tensors, tensors_in

_HOW_TO_REGISTER = (
    'register one: @ttci.testing.register_golden("{name}"), a function of the operation\'s own arguments '
    "that takes and gives torch tensors"
)
_OWN_KERNELS = {  # what a golden of such an operation is given, and gives
    "ttnn.generic_op": "its kernels are your own, and none runs on a mock board; of the list of its "
    "tensors and its program, the golden gives what the last tensor holds",
}
# By these, goldens give nothing where ttnn's own comparison could not judge what a board gives.
_OF_COMPARISONS = ("_ttnn_skip_comparison", "_ttnn_input_is_bfloat8_b")
_NAMES_OF_FIRST = ("input_tensor", "input_tensor_a", "input", "tensor")
Of = Callable[[Any], Tensor]  # what one chip holds of a ttnn tensor


@dataclass(frozen=True)
class OperationCall:
    """One call of an operation of ttnn's."""

    operation: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    leaves: Leaves

    @property
    def name(self) -> str:
        """The operation's full name."""
        name: str = self.operation.python_fully_qualified_name
        return name

    @cached_property
    def own_kwargs(self) -> dict[str, Any]:
        """Without the tensors to be filled, of which it does not matter what they held before."""
        outputs = self.operation.output_tensor_kwarg_names
        return {key: value for key, value in self.kwargs.items() if key not in outputs}

    @cached_property
    def inputs(self) -> list[Any]:
        """The tensors that it reads."""
        return list(self.leaves.tensors_in([self.args, list(self.own_kwargs.values())]))

    @cached_property
    def to_fill(self) -> list[Any]:
        """The tensors that were given to be filled."""
        names = self.operation.output_tensor_kwarg_names
        return list(self.leaves.tensors_in([self.kwargs[key] for key in names if key in self.kwargs]))

    @cached_property
    def changed(self) -> list[Any]:
        """The tensors that it writes to beside what it gives."""
        changes = CHANGES.get(self.name)
        return (
            [] if changes is None else list(self.leaves.tensors_in(list(changes(*self.args, **self.kwargs))))
        )


class Goldens:
    """Computes what an operation gives, of what its tensors hold on one chip."""

    def __init__(self, ttnn: Any) -> None:
        self._ttnn = ttnn
        self.changes_inputs: dict[tuple[Any, ...], bool] = {}  # by operation and the names of its arguments

    def results(self, call: OperationCall, of: Of) -> list[Tensor]:
        """The output tensors; a complex one counts as two.

        Raises:
            GoldenError: where there is no golden, or it fails.
        """
        with errors_named(call.name):
            result = self._result(call, of)
        if result is NotImplemented:
            own, how = _OWN_KERNELS.get(call.name), _HOW_TO_REGISTER.format(name=call.name)
            raise GoldenError(f"{call.name} has no golden; {how}" + (f"; {own}" if own else ""))
        is_packed = _is_backward(call.name) and call.leaves.has_complex((call.args, call.kwargs))
        return [part for tensor in tensors_in(result) for part in _parts_of(tensor.detach(), is_packed)]

    def _result(self, call: OperationCall, of: Of) -> Any:
        result = NotImplemented
        if call.name in GOLDENS:
            args, kwargs = call.leaves.in_torch((call.args, call.own_kwargs), of)
            args, kwargs = _first_by_place(GOLDENS[call.name], args, kwargs)
            result = GOLDENS[call.name](*args, **kwargs)
        if result is NotImplemented and call.operation.golden_function is not None:
            # But for one that is read too: an operation in place.
            to_fill = {each.tensor_id for each in call.to_fill} - {each.tensor_id for each in call.inputs}
            result = self._of_ttnn(call, lambda t: _nothing(t) if t.tensor_id in to_fill else of(t))
        return result

    def _of_ttnn(self, call: OperationCall, of: Of) -> Any:
        """What ttnn's own golden gives; some change their inputs: those get copies, once that is known."""
        golden, kind = call.operation.golden_function, (call.name, len(call.args), *sorted(call.kwargs))
        refuse_swallowed(golden, call.kwargs)
        args, kwargs = self._for_ttnns(call, of)
        if _is_backward(call.name):  # these ask for the gradients of their inputs
            gradients = golden(*map_tensors(args, _watched), **map_tensors(kwargs, _watched))
            return _required(gradients, call.kwargs.get("are_required_outputs"))
        if self.changes_inputs.get(kind, True):
            args, kwargs = (map_tensors(given, Tensor.clone) for given in (args, kwargs))
        result = golden(*args, **kwargs)
        if kind not in self.changes_inputs:
            copies = tensors_in([args, list(kwargs.values())])
            self.changes_inputs[kind] = any(copy._version > 0 for copy in copies)
        return result

    def _for_ttnns(self, call: OperationCall, of: Of) -> tuple[Any, Any]:
        """The arguments as ttnn's golden takes them: some operations rename theirs, or add types."""
        decorators = self._ttnn.decorators
        prepare = call.operation.preprocess_golden_function_inputs
        if prepare is decorators.default_preprocess_golden_function_inputs:
            args, kwargs = call.leaves.in_torch((call.args, call.kwargs), of)
            return args, kwargs
        with ExitStack() as stack:
            for owner, reader in ((decorators, "to_torch_for_comparison"), (self._ttnn, "to_torch")):
                stack.callback(setattr, owner, reader, getattr(owner, reader))
                setattr(owner, reader, of)
            args, kwargs = prepare(call.args, call.kwargs)
            return args, {name: value for name, value in kwargs.items() if name not in _OF_COMPARISONS}


@contextmanager
def errors_named(operation: str) -> Iterator[None]:
    """What goes wrong in a golden is said of its operation, with what to do.

    Raises:
        GoldenError: in place of every other exception.
    """
    try:
        yield
    except GoldenError as error:
        if str(error).startswith(operation):
            raise
        raise GoldenError(f"{operation}: {error}") from None
    except Exception as error:
        place = place_of(operation)
        golden, advice = ("golden", _HOW_TO_REGISTER.format(name=operation))
        if place:
            golden, advice = f"golden ({place})", "mend it"
        raise GoldenError(f"{operation}: its {golden} fails: {describe(error)}; {advice}") from error


def _first_by_place(golden: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Goldens of ttci have a name of their own for the first tensor, which a caller may have named."""
    known = inspect.signature(golden).parameters
    name = next((name for name in _NAMES_OF_FIRST if name in kwargs and name not in known), None)
    takes_by_place = any(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in known.values())
    if args or name is None or not takes_by_place:
        return args, kwargs
    return (kwargs[name],), {key: value for key, value in kwargs.items() if key != name}


def _nothing(tensor: Any) -> Tensor:
    """For a tensor that is to be filled: what it held before does not matter."""
    return torch.full(tuple(tensor.shape), torch.nan)


def _watched(tensor: Tensor) -> Tensor:
    """A copy whose gradient can be asked for."""
    copy = tensor.detach().clone()
    return copy.requires_grad_() if copy.is_floating_point() or copy.is_complex() else copy


def _is_backward(name: str) -> bool:
    return name.endswith("_bw")


def _required(gradients: Any, required: Any) -> Any:
    """Those that were asked for, of a golden that gives all."""
    if required is None or any(gradient is None for gradient in gradients):
        return gradients
    return [gradient for gradient, is_required in zip(gradients, required, strict=True) if is_required]


def _parts_of(tensor: Tensor, is_packed: bool) -> tuple[Tensor, ...]:
    """The real and the imaginary part of a complex tensor, which goldens of ttnn may give side by side."""
    if tensor.is_complex():
        return tensor.real, tensor.imag
    return tensor.chunk(2, dim=-1) if is_packed else (tensor,)
