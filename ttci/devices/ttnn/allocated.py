"""What a mesh's allocator has given out, whoever holds it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from torch import Tensor

Place = tuple[str, int]  # DRAM or L1, and the address: the same on every chip

_KINDS = ("DRAM", "L1")
_HOLD_NO_TENSORS = (type, ModuleType, CodeType, FrameType, Tensor, str, bytes, int, float)


class Allocated:
    """The buffers of a mesh, by the allocator's own table.

    What neither a graph nor a module tells of is counted too: a closure, C++ or a global may hold it.
    """

    def __init__(self, ttnn: Any, mesh: Any) -> None:
        self._ttnn = ttnn
        self._mesh = mesh
        self._first_address: dict[str, int] = {}
        self._lost: set[Place] = set()
        self._shared: list[Callable[[], Any]] = []

    def share(self, modules: Iterable[Any]) -> None:
        """Take note of modules that are tested: what one of them holds is not counted for another."""
        self._shared = [_reference(module) for module in modules]

    def lose(self, graph: Iterable[Mapping[str, Any]]) -> None:
        """Take note of what was freed while nothing was dispatched: ttnn does not give it back."""
        for node in graph:
            parameters = node["params"]
            if node["node_type"] == "buffer_deallocate" and int(parameters["address"]):
                self._lost.add((str(parameters["type"]), int(parameters["address"])))

    def bytes_by_place(self, module: Any, held: Any, known: Mapping[Place, int]) -> dict[Place, int]:
        """Of all that is allocated on a chip, but for what only another test's module holds.

        Args:
            module: the test's, as it was given.
            held: what else is the test's.
            known: what is known to have been allocated. A buffer that is neither there nor in a
                tensor that `module` or `held` reaches is counted with its largest share times the banks.
        """
        mine = self._places([module, held])
        others = [other for each in self._shared if (other := each()) is not module]
        foreign = self._places(others).keys() - mine.keys()
        exact = {**known, **mine}
        return {
            place: exact.get(place, share * banks)
            for kind in _KINDS
            for place, share, banks in self._blocks(kind)
            if place not in foreign and place not in self._lost
        }

    def l1_per_core(self, places: Iterable[Place]) -> int:
        """Bytes of L1 that buffers take of a core."""
        wanted = set(places)
        return sum(share for place, share, _ in self._blocks("L1") if place in wanted)

    def _places(self, values: Any) -> dict[Place, int]:
        tensors = tensors_on_device(self._ttnn, values)
        return {(t.memory_config().buffer_type.name, int(t.buffer_address())): bytes_of(t) for t in tensors}

    def _blocks(self, kind: str) -> Iterator[tuple[Place, int, int]]:
        """Each with its bytes in a bank, and how many banks there are."""
        first = self._first(kind)
        view = self._view(kind)
        for address, share in _allocated_in(view).items():
            yield (kind, first + address), share, view.num_banks

    def _view(self, kind: str) -> Any:
        return self._ttnn.get_memory_view(self._mesh, getattr(self._ttnn.BufferType, kind))

    def _first(self, kind: str) -> int:
        """The address at which the allocator's table begins: found with a tile that is put there."""
        if kind not in self._first_address:
            ttnn = self._ttnn
            before = _allocated_in(self._view(kind))
            config = getattr(ttnn, f"{kind}_MEMORY_CONFIG")
            tile = ttnn.empty([32, 32], ttnn.bfloat16, ttnn.TILE_LAYOUT, self._mesh, config)
            (block,) = _allocated_in(self._view(kind)).keys() - before.keys()
            self._first_address[kind] = int(tile.buffer_address()) - block
            ttnn.deallocate(tile)
        return self._first_address[kind]


def bytes_of(tensor: Any) -> int:
    """Of a tensor on the device, on one chip."""
    return int(tensor.buffer_num_pages() * tensor.buffer_page_size())


def tensors_on_device(ttnn: Any, value: Any) -> Iterator[Any]:
    """Every ttnn tensor on the device that `value` reaches, by whatever Python holds it with, once."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if id(found) in seen or isinstance(found, _HOLD_NO_TENSORS):
            continue
        seen.add(id(found))
        if not isinstance(found, ttnn.Tensor):
            waiting += _held_by(found)
        elif ttnn.is_tensor_storage_on_device(found) and found.is_allocated():
            yield found


def _held_by(value: Any) -> list[Any]:
    """What it refers to: items, attributes, slots, cells; of its file's globals those a function names."""
    if not isinstance(value, FunctionType):
        return gc.get_referents(value)
    named = [value.__globals__.get(name) for name in value.__code__.co_names]
    data = [found for found in named if not isinstance(found, FunctionType)]
    return [value.__closure__, value.__defaults__, value.__kwdefaults__, value.__dict__, *data]


def _allocated_in(view: Any) -> dict[int, int]:
    blocks = [block for block in view.block_table if block["allocated"] == "yes"]
    return {int(block["address"]): int(block["size"]) for block in blocks}


def _reference(value: Any) -> Callable[[], Any]:
    """Weak where it can be, so that nothing lives longer for it."""
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: value
