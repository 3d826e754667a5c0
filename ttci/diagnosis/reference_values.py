"""What a reference computes on its way, so that another run of it can be looked up there.

A value is known again by sums over its elements, which neither a transpose nor a reshape changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ttci.checks.dispatch_mode import DispatchMode, is_view
from ttci.tensors import tensors_in

_TOLERANCE = 1e-3  # what float32 and another order of sums leave is far below
_FEWEST = 8  # elements: fewer may agree by chance


@dataclass(frozen=True)
class _Sums:
    name: str
    total: float
    absolute: float
    squares: float

    @classmethod
    def of(cls, tensor: Tensor, name: str = "") -> _Sums:
        value = tensor.detach().cpu().double()
        return cls(name, value.sum().item(), value.abs().sum().item(), value.square().sum().item())

    def is_that_of(self, other: _Sums) -> bool:
        return (
            abs(self.total - other.total) <= _TOLERANCE * self.absolute
            and abs(self.absolute - other.absolute) <= _TOLERANCE * self.absolute
            and abs(self.squares - other.squares) <= _TOLERANCE * self.squares
        )


class ReferenceValues(DispatchMode):
    """While it is entered, what torch's operations give is taken down.

    Args:
        place: of whoever calls the operation, as a person reads it.
    """

    runs_compiled = False

    def __init__(self, place: Callable[[], str | None]) -> None:
        super().__init__()
        self._place = place
        self._by_size: defaultdict[int, list[_Sums]] = defaultdict(list)

    def add(self, name: str, tensor: Tensor) -> None:
        """A value that is known under this name."""
        if tensor.is_floating_point() and tensor.numel() >= _FEWEST:
            self._by_size[tensor.numel()].append(_Sums.of(tensor, name))

    def name_of(self, tensor: Tensor) -> str | None:
        """Which value of the reference's this is; None where it is none."""
        known = self._by_size.get(tensor.numel())
        if not known or not tensor.is_floating_point():
            return None
        sums = _Sums.of(tensor)
        return next((each.name for each in known if each.is_that_of(sums)), None)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if not is_view(func):
            name = _name_of(func)
            place = self._place()
            for tensor in tensors_in(output):
                self.add(f"{name} at {place}" if place else name, tensor)
        return output


def _name_of(func: Any) -> str:
    packet = getattr(func, "overloadpacket", func)
    return str(getattr(packet, "__name__", packet))
