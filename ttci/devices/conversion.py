"""Modules and tensors in another floating-point type, and the user's own left as they are.

A module is copied with its weights converted. Some modules cannot be copied whole: a
`forward` replaced by a closure, a hook or a weak reference still leads to the
original, and a lock refuses to be copied. `module.to(dtype)` works on those, so they
run themselves, with their weights exchanged for converted ones during each call.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ttci.checks.dispatch_mode import DispatchMode
from ttci.devices.protocol import NoImplementationError
from ttci.tensors import tensors_in

_WIDE = {torch.float64: torch.complex128}  # the complex type of a floating-point one; else complex64


def runnable(module: Any, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """What computes as `module` does with its weights in `dtype` on `device`; `module` stays as it is.

    Raises:
        NoImplementationError: for what is no torch module.
    """
    require_module(module)
    if all(_is_as_wanted(weight, dtype, device) for weight in weights_of(module)):
        try:
            return converted(module, dtype, device)
        except Exception:  # noqa: BLE001  # an attribute may refuse to be copied in any way
            return module  # type: ignore[no-any-return]
    try:
        copied = converted(module, dtype, device)
    except Exception:  # noqa: BLE001
        return ExchangedWeights(module, dtype, device)
    return CopyOrOriginal(copied, module, dtype, device)


def converted(module: Any, dtype: torch.dtype, device: torch.device, *, share: bool = True) -> nn.Module:
    """A copy of `module` with its floating-point weights in `dtype` on `device`.

    It never holds a second set of weights in the old type: each is converted first
    and handed to deepcopy as already copied. What the copy does to its buffers and
    attributes does not reach `module`.

    Args:
        module: the module to copy; it stays as it is.
        dtype: of floating-point weights; complex ones get the complex type that belongs to it.
        device: where the copy's weights lie.
        share: a parameter that is of that type there is the copy's too.

    Raises:
        NoImplementationError: for what is no torch module, and whatever an attribute raises that refuses
            to be copied.
    """
    require_module(module)
    done: dict[int, Any] = {}
    for parameter in module.parameters():
        if share and _is_as_wanted(parameter, dtype, device):
            done[id(parameter)] = parameter
        else:
            done[id(parameter)] = nn.Parameter(_moved(parameter, dtype, device), parameter.requires_grad)
    for buffer in module.buffers():
        done[id(buffer)] = _moved(buffer, dtype, device)
    copied: nn.Module = copy.deepcopy(module, done)
    for part in copied.modules():
        if isinstance(part, torch.jit.ScriptModule):  # copied by its own rules, in its own type
            part._apply(partial(in_type, dtype=dtype, device=device))  # type: ignore[no-untyped-call]
    return copied


class ExchangedWeights(nn.Module):
    """`module` itself, its weights exchanged for converted ones during each call."""

    def __init__(self, module: nn.Module, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__()
        self._called = [module]  # in a list: its weights are not this module's
        self._originals = weights_of(module)
        for index, weight in enumerate(self._originals):
            self.register_buffer(f"weight_{index}", _moved(weight, dtype, device), persistent=False)

    @property
    def original(self) -> nn.Module:
        """The user's own module."""
        return self._called[0]

    @contextmanager
    def exchanged(self) -> Iterator[nn.Module]:
        """Meanwhile the module's weights are the converted ones, also for whoever else holds it."""
        own = [weight.data for weight in self._originals]
        parts = [part for part in self.original.modules() if not isinstance(part, torch.jit.ScriptModule)]
        registered = [(part._buffers, dict(part._buffers)) for part in parts]
        try:
            for weight, other in zip(self._originals, self.buffers(), strict=True):
                weight.data = other
            yield self.original
        finally:
            for weight, data in zip(self._originals, own, strict=True):
                weight.data = data
            for buffers, before in registered:  # a call may have put others in their place
                buffers.update(before)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The module's own."""
        with self.exchanged() as module:
            return module(*args, **kwargs)


class CopyOrOriginal(nn.Module):
    """The copy of a module, unless its first call shows that it uses weights of the original."""

    def __init__(
        self, copied: nn.Module, original: nn.Module, dtype: torch.dtype, device: torch.device
    ) -> None:
        super().__init__()
        self.chosen = copied
        self._original = [original]
        self._place = dtype, device
        self.is_known = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; hooks are those of the copy or of the original."""
        if self.is_known:
            return self.chosen(*args, **kwargs)
        return self._first_call(*args, **kwargs)

    def _first_call(self, *args: Any, **kwargs: Any) -> Any:
        (original,) = self._original
        use = UseOf(weights_of(original))
        with use:
            try:
                output = self.chosen(*args, **kwargs)
            except Exception:
                if not use.seen:
                    raise
        self.is_known = True
        if not use.seen:
            return output
        self.chosen = ExchangedWeights(original, *self._place)
        return self.chosen(*args, **kwargs)


class UseOf(DispatchMode):
    """Whether any operation takes one of these tensors, or a view of one."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        super().__init__()
        self._kept = [storage for tensor in tensors for storage in storages_of(tensor)]
        self._places = {storage._cdata for storage in self._kept}  # a number each
        self.seen = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for tensor in tensors_in([args, kwargs or {}]):
            self.seen |= any(storage._cdata in self._places for storage in storages_of(tensor))
        return func(*args, **(kwargs or {}))


def storages_of(tensor: Tensor) -> list[torch.UntypedStorage]:
    """The memory that holds the values of `tensor`, and of a sparse one the indices."""
    if tensor.layout == torch.strided:
        return [tensor.untyped_storage()]
    if tensor.layout == torch.sparse_coo:
        parts = [tensor._indices(), tensor._values()]  # the public ones want it coalesced
    elif tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        parts = [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    elif tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        parts = [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
    else:
        return []
    return [part.untyped_storage() for part in parts]


def in_type(tensor: Tensor, dtype: torch.dtype, device: torch.device, *, copy: bool = False) -> Tensor:
    """`tensor` on `device`, in `dtype` where it is floating-point, its finite numbers finite.

    A complex one gets complex128 where `dtype` is float64, else complex64.
    """
    target = _target_dtype(tensor, dtype)
    return within_range(tensor, target).to(device=device, dtype=target, copy=copy)


def within_range(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """`tensor`; finite numbers that a narrower `dtype` takes for infinite are the largest that it has.

    The lowest float32 is a usual mask, and lower than the lowest bfloat16.
    """
    if tensor.layout != torch.strided or not tensor.numel() or not _is_narrower(dtype, tensor.dtype):
        return tensor
    limit = torch.finfo(dtype).max
    low, high = tensor.detach().aminmax()
    if -limit <= low and high <= limit:
        return tensor
    return torch.where(tensor.isfinite(), tensor.clamp(-limit, limit), tensor)


def weights_of(module: Callable[..., Any]) -> list[Tensor]:
    """Parameters and buffers of a torch module; none of another callable."""
    return [*module.parameters(), *module.buffers()] if isinstance(module, nn.Module) else []


def require_module(module: Any) -> None:
    """Refuse what is no torch module.

    Raises:
        NoImplementationError: for it.
    """
    if not isinstance(module, nn.Module):
        raise NoImplementationError(
            f"{type(module).__name__} is no torch module: it takes and gives ttnn tensors, and runs on "
            "ttnn devices only"
        )


def _is_as_wanted(weight: Tensor, dtype: torch.dtype, device: torch.device) -> bool:
    return weight.device == device and weight.dtype == _target_dtype(weight, dtype)


def _moved(weight: Tensor, dtype: torch.dtype, device: torch.device) -> Tensor:
    return in_type(weight.detach(), dtype, device, copy=True)


def _target_dtype(tensor: Tensor, dtype: torch.dtype) -> torch.dtype:
    if tensor.is_complex():
        return _WIDE.get(dtype, torch.complex64)
    return dtype if tensor.is_floating_point() else tensor.dtype


def _is_narrower(target: torch.dtype, source: torch.dtype) -> bool:
    is_float = target.is_floating_point and source.is_floating_point
    return is_float and torch.finfo(target).max < torch.finfo(source).max
