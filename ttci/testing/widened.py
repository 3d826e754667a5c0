"""Run a module so that rounding does not hide its derivative: in float64, with moderate masks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

_WIDE = {
    torch.float32: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float16: torch.float64,
    torch.complex64: torch.complex128,
    torch.complex32: torch.complex128,
}
_WIDE_METHODS = {
    Tensor.float: Tensor.double,
    Tensor.bfloat16: Tensor.double,
    Tensor.half: Tensor.double,
    Tensor.cfloat: Tensor.cdouble,  # type: ignore[attr-defined]
}
_MASK = 1e30  # a number from here on is a mask's, whose size means nothing
_MODERATE_MASK = 1e4  # exp(-1e4) is 0, and beside 1e4 float64 keeps 12 digits of a score
# These read bits in another type, or take a huge number for a bound.
_LEFT_ALONE = frozenset(
    ("view", "frombuffer", "__get__", "__set__", "__delete__", "nan_to_num", "nan_to_num_")
)
# Steps, past which a quantised module's gradient is to look: it is that of the module without them.
_ROUNDING = frozenset(("round", "fake_quantize_per_tensor_affine", "fake_quantize_per_channel_affine"))
_BOUNDS = "clamp", "clip", "hardtanh"


class Differentiable(TorchFunctionMode):
    """Meanwhile masks are of moderate size; if `widens`, what asks for a narrower type gets float64.

    A score plus the lowest float32 is the lowest float32: differences see no score
    there, though autograd does. And a norm or a router that computes in float32, or a
    cast to bfloat16, is not wrong, but its rounding hides the derivative.
    """

    def __init__(self, *, widens: bool) -> None:
        super().__init__()
        self._widens = widens

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _LEFT_ALONE or name.startswith(_BOUNDS):
            return func(*args, **kwargs)
        if name in _ROUNDING and args:
            return args[0].clone()
        if func is F.embedding:
            args, kwargs = _with_whole_gradient(args, kwargs)
        func = _WIDE_METHODS.get(func, func) if self._widens else func
        args = tuple(map(self._changed, args))
        kwargs = {key: self._changed(value) for key, value in kwargs.items()}
        if self._widens and _is_mixed([*args, *kwargs.values()]):
            kept = 1 if _is_in_place(name) else 0
            args = (*args[:kept], *map(_widened, args[kept:]))
            kwargs = {key: value if key == "out" else _widened(value) for key, value in kwargs.items()}
        return func(*args, **kwargs)

    def _changed(self, value: Any) -> Any:
        if isinstance(value, torch.dtype):
            return _WIDE.get(value, value) if self._widens else value
        if isinstance(value, float):
            return moderate_number(value)
        if type(value) in (list, tuple) and value and not isinstance(value[0], Tensor):
            return type(value)(map(self._changed, value))
        return value


def moderate_number(value: float) -> float:
    """`value`; a moderate one of its sign where it is a mask's, infinities excepted."""
    is_mask = math.isfinite(value) and abs(value) >= _MASK
    return math.copysign(_MODERATE_MASK, value) if is_mask else value


def moderate(tensor: Tensor) -> Tensor:
    """`tensor`, floating-point; with a mask's entries of moderate size, infinities excepted."""
    is_mask = (tensor.abs() >= _MASK) & tensor.isfinite()
    return torch.where(is_mask, tensor.sign() * _MODERATE_MASK, tensor) if is_mask.any() else tensor


def _with_whole_gradient(args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Of an embedding: torch leaves out the gradient of its padding, or scales it, by design."""
    names = ("input", "weight", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse")
    given = dict(zip(names, args, strict=False)) | kwargs
    return (), given | {"padding_idx": None, "scale_grad_by_freq": False}


def _is_mixed(values: Iterable[Any]) -> bool:
    dtypes = set(_dtypes(values))
    return not dtypes.isdisjoint(_WIDE) and not dtypes.isdisjoint(_WIDE.values())


def _dtypes(values: Iterable[Any]) -> Iterator[torch.dtype]:
    for value in values:
        if isinstance(value, Tensor):
            yield value.dtype
        elif type(value) in (list, tuple):
            yield from _dtypes(value)


def _is_in_place(name: str) -> bool:
    return name == "__setitem__" or (name.endswith("_") and not name.endswith("__")) or name.startswith("__i")


def _widened(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.to(_WIDE[value.dtype]) if value.dtype in _WIDE else value
    if type(value) in (list, tuple):
        return type(value)(map(_widened, value))
    return value
