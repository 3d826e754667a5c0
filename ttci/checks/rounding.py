"""A reference computed again with the rounding of the device: what its types explain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ttci.checks.dispatch_mode import DispatchMode
from ttci.checks.number_types import (
    Precision,
    disturbed,
    rounded_at_random,
    rounded_to_nearest,
    rounded_weight,
)
from ttci.tensors import map_tensors, tensors_in

_KEPT = 1 << 20  # elements up to which a rounded weight is kept: a recurrent one is used at every step
_aten = torch.ops.aten
_LOOKUPS = frozenset({_aten.embedding, _aten.index, _aten.index_select, _aten.gather})  # a few rows of many
_MOVES = _LOOKUPS | {  # the same numbers elsewhere: nothing is rounded
    *(_aten.clone, _aten.copy_, _aten.cat, _aten.stack, _aten._to_copy, _aten.index_put_, _aten.repeat),
    *(_aten.constant_pad_nd, _aten.roll, _aten.flip, _aten.masked_fill, _aten.masked_fill_, _aten.where),
    *(_aten.scatter, _aten.scatter_, _aten.sort, _aten.topk, _aten.max, _aten.amax, _aten.relu, _aten.neg),
}


@dataclass(frozen=True)
class Roughness:
    """How one pass rounds.

    Attributes:
        seed: None rounds to nearest; a number rounds up or down at random.
        factor: by which every error of rounding is multiplied.
    """

    seed: int | None = None
    factor: float = 1.0


class Rounding(DispatchMode):
    """While it is entered, what depends on an activation or a parameter is rounded in float32.

    Parameters and buffers are rounded where they are used, as the device holds weights. What
    depends on neither (positions, tables of angles) stays as it is: a right implementation
    computes that in float32.

    Args:
        buffers: tensors that the device holds beside the parameters, a cache of keys and values, say.
    """

    runs_compiled = False  # it would not be rounded inside

    def __init__(self, precision: Precision, roughness: Roughness, buffers: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self._precision = precision
        self._roughness = roughness
        self._generator = torch.Generator().manual_seed(roughness.seed or 0)
        self._parameters: set[int] = set()  # all three by storage
        self._buffers = {_storage(buffer) for buffer in buffers}
        self._dependent: set[int] = set()
        self._kept: dict[tuple[Any, ...], Tensor] = {}

    def given(self, tensor: Tensor, dtype_name: str | None = None) -> Tensor:
        """A copy of an input, as the device is given it; in a type of its own where one is named."""
        if not _is_narrowed(tensor):
            copy = tensor.clone()
        elif dtype_name is None:
            copy = self._rounded(tensor)
        else:
            copy = self._rounded_to(tensor, dtype_name)
        self._dependent.add(_storage(copy))
        return copy

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = tensors_in([args, kwargs])
        self._parameters |= {_storage(tensor) for tensor in given if _is_parameter(tensor)}
        if func.is_view:
            return func(*args, **kwargs)
        packet = func.overloadpacket
        depends = any(_storage(tensor) in self._dependent | self._parameters for tensor in given)
        is_held = any(self._is_held(tensor) for tensor in given)
        if is_held and packet not in _LOOKUPS:
            args, kwargs = self._with_held(func, args, kwargs)
        output = func(*args, **kwargs)
        rounds = depends and (packet not in _MOVES or (is_held and packet in _LOOKUPS))
        for tensor in tensors_in(output):
            self._follow(tensor, depends=depends, rounds=rounds, is_new=not func._schema.is_mutable)
        return output

    def _follow(self, tensor: Tensor, *, depends: bool, rounds: bool, is_new: bool) -> None:
        if depends:
            self._dependent.add(_storage(tensor))
        elif is_new:  # it may lie where another was
            self._dependent.discard(_storage(tensor))
        if rounds and _is_narrowed(tensor):
            tensor.copy_(self._rounded(tensor))

    def _is_held(self, tensor: Tensor) -> bool:
        """Whether the device holds it rounded from the start."""
        return _is_narrowed(tensor) and _storage(tensor) in self._parameters | self._buffers

    def _with_held(self, func: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """The arguments with weights and buffers rounded; what the call writes to stays itself."""
        written = {
            id(value)
            for value, argument in zip(args, func._schema.arguments, strict=False)
            if argument.alias_info is not None and argument.alias_info.is_write
        }

        def held(tensor: Tensor) -> Tensor:
            takes = id(tensor) not in written and self._is_held(tensor)
            return self._rounded_held(tensor) if takes else tensor

        return map_tensors(args, held), map_tensors(kwargs, held)

    def _rounded_held(self, tensor: Tensor) -> Tensor:
        key = (_storage(tensor), tensor.storage_offset(), tensor.shape, tensor.stride(), tensor._version)
        if key in self._kept:
            return self._kept[key]
        name = self._precision.weight_dtype if tensor.ndim > 1 else self._precision.dtype_name
        rounded = self._rounded_to(tensor.detach(), name)
        if tensor.numel() <= _KEPT:
            self._kept[key] = rounded
        return rounded

    def _rounded(self, tensor: Tensor) -> Tensor:
        dtype, how = self._precision.dtype, self._roughness
        if how.seed is None:
            return rounded_to_nearest(tensor, dtype)
        if how.factor == 1:
            return rounded_at_random(tensor, dtype, self._generator)
        return disturbed(tensor, dtype, how.factor, self._generator)

    def _rounded_to(self, tensor: Tensor, dtype_name: str) -> Tensor:
        """As the device holds a weight: to nearest, or off by as much in a random direction."""
        rounded, how = rounded_weight(tensor, dtype_name), self._roughness
        if how.seed is None:
            return rounded
        error = (rounded - tensor).mul_(how.factor)
        error *= torch.randint(2, tensor.shape, generator=self._generator).mul_(2).sub_(1)
        result = tensor + error
        return torch.where(result.isfinite(), result, tensor)


def _storage(tensor: Tensor) -> int:
    address: int = tensor.untyped_storage()._cdata
    return address


def _is_parameter(tensor: Tensor) -> bool:
    return isinstance(tensor, nn.Parameter) or (tensor.requires_grad and tensor.is_leaf)


def _is_narrowed(tensor: Tensor) -> bool:
    """What the device computes in its own type; a user's float64 or bfloat16 stays what it is."""
    return tensor.dtype == torch.float32 and tensor.layout == torch.strided
