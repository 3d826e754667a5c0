"""The ttnn device: one implementation; silicon and mock differ by rows of data."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from ttci.catalog.checks import Capability
from ttci.checks.memory import PeakMemory, Usage
from ttci.devices.conversion import within_range
from ttci.devices.protocol import Call
from ttci.devices.recording import Context, Recording
from ttci.devices.ttnn.allocated import Allocated, Place, bytes_of, tensors_on_device
from ttci.devices.ttnn.boards import BOARDS
from ttci.devices.ttnn.follow import Follower
from ttci.devices.ttnn.lowering import LoweringTarget
from ttci.devices.ttnn.memory import alive_after, captured, peak_bytes, sentence_of, what_is_missing
from ttci.devices.ttnn.numbers import DeallocatedError, GoldenError
from ttci.devices.ttnn.recorded import RecordedOperations
from ttci.devices.ttnn.releases import notice_of_changes
from ttci.devices.ttnn.runtime import check_same_board, environment_of, import_ttnn, opened_mesh
from ttci.devices.ttnn.timing import timed
from ttci.devices.ttnn.work import work_of
from ttci.errors import DeviceUnavailableError
from ttci.manifest import TtnnDeviceEntry
from ttci.planning.needs import needs
from ttci.results import Fidelity, Limit, limit_of
from ttci.runner.board_lock import hold_boards
from ttci.tensors import leaves_in, map_leaves, map_tensors


@dataclass(frozen=True)
class _Target:
    """What sets a target apart."""

    fidelity: Fidelity
    capabilities: frozenset[Capability]
    follows_goldens: bool = False


_NUMBERS_AND_MEMORY = frozenset({Capability.NUMBERS, Capability.MEMORY})
_TARGETS = {
    "silicon": _Target(Fidelity.SILICON, _NUMBERS_AND_MEMORY | {Capability.TIMING, Capability.LIMIT}),
    "simulator": _Target(Fidelity.BIT_EXACT, _NUMBERS_AND_MEMORY),
    "mock": _Target(Fidelity.MODELLED, _NUMBERS_AND_MEMORY | {Capability.LIMIT}, follows_goldens=True),
}
_ALWAYS = {"TT_METAL_LOGGER_LEVEL": "fatal"}
_TRACE_REGION_BYTES = 64 << 20


@dataclass(frozen=True)
class _Prepared:
    """An implementation, with what preparing it left on the device.

    Attributes:
        weights: the bytes of what was allocated for it.
        clock: of the numbers before it was prepared.
    """

    module: Any
    target: LoweringTarget  # holds the implementation, so that no other takes its id
    weights: Mapping[Place, int]
    clock: int


class TtnnDevice:
    """A mesh of Tenstorrent chips; activations are bfloat16 in tile layout."""

    dtype_name = "bfloat16"
    environment: Mapping[str, str] = MappingProxyType({})
    notice: str | None = None

    def __init__(self, name: str, entry: TtnnDeviceEntry) -> None:
        lacking = needs(entry)
        if lacking:
            raise DeviceUnavailableError(f"{name}: {'; '.join(map(str, lacking))}")
        target = _TARGETS[entry.target]
        self.name = name
        self.max_tokens = entry.max_tokens
        self.measure_seconds = entry.measure_seconds
        self.board = BOARDS[entry.board]
        self._mesh_shape = entry.mesh or self.board.mesh_shape
        self.fidelity = Fidelity(entry.numbers) if target.follows_goldens else target.fidelity
        self.capabilities = target.capabilities
        self._stack = ExitStack()
        self._timeout_s = 60.0 * entry.timeout_minutes
        self._prepared: dict[int, _Prepared] = {}
        settings = environment_of(entry, self.board)
        check_same_board(name, settings)
        os.environ.update(_ALWAYS | settings)  # left set: ttnn keeps to it
        self._ttnn = import_ttnn()
        self.weight_dtype_name: str = entry.weight_dtype
        self._weight_dtype = getattr(self._ttnn, entry.weight_dtype)
        self._traces = entry.trace
        self._l1_small_bytes = entry.l1_small_bytes
        self._mesh = self._open()
        self._allocated = Allocated(self._ttnn, self._mesh)
        self._follower: Follower | None = None
        if target.follows_goldens:
            self._follower = self._stack.enter_context(
                Follower(self._ttnn, models_engine=self.fidelity is Fidelity.MODELLED)
            )
            self.notice = notice_of_changes(self._ttnn)

    def _open(self) -> Any:
        if self.fidelity is Fidelity.SILICON:
            self._stack.enter_context(hold_boards(self.name, self._timeout_s, _say))
        try:
            regions = {"l1_small_size": self._l1_small_bytes}
            if self._traces:
                regions["trace_region_size"] = _TRACE_REGION_BYTES
            return self._stack.enter_context(opened_mesh(self._ttnn, self._mesh_shape, **regions))
        except RuntimeError as error:
            self._stack.close()
            what = f"{self.name}: the {self.board.name} does not open: {sentence_of(str(error))}"
            raise DeviceUnavailableError(what) from None

    def close(self) -> None:
        """Close the mesh, whatever happened on it."""
        self._stack.close()
        self._mesh = self._follower = None  # ttnn complains at the end of tensors that outlive it

    def prepare(self, module: Any) -> Callable[..., Any]:
        """The module's ttnn implementation, its weights converted once."""
        clock = self._follower.numbers.clock if self._follower else 0
        target = LoweringTarget(self._ttnn, self._mesh, self._weight_dtype)
        with captured(self._ttnn) as graph:
            implementation = target.lower(module)
        self._prepared[id(implementation)] = _Prepared(module, target, alive_after(graph), clock)
        return implementation

    def share(self, modules: Iterable[Any]) -> None:
        """What one of these holds is not counted as another's memory."""
        self._allocated.share(modules)

    def release(self, implementation: Callable[..., Any]) -> None:
        """Forget the values that an implementation and its calls left on a mock board.

        A module of the user's own may keep what it made, so that its values are kept.
        """
        prepared = self._prepared.pop(id(implementation), None)
        if prepared and self._follower and not prepared.target.users_own:
            self._follower.numbers.forget_since(prepared.clock)

    def to_device(self, value: Any) -> Any:
        """Floating-point tensors in bfloat16 and tile layout, ids in row-major uint32; replicated."""
        return map_tensors(value, self._to_mesh)

    def _to_mesh(self, tensor: Tensor) -> Any:
        ttnn = self._ttnn
        is_float = tensor.is_floating_point()
        host = ttnn.from_torch(  # tilized there: no program of ours runs on the board
            within_range(tensor, torch.bfloat16) if is_float else tensor.to(torch.int32),
            dtype=ttnn.bfloat16 if is_float else ttnn.uint32,
            layout=ttnn.TILE_LAYOUT if is_float else ttnn.ROW_MAJOR_LAYOUT,
            mesh_mapper=ttnn.ReplicateTensorToMesh(self._mesh),
        )
        return ttnn.to_device(host, self._mesh)

    def to_host(self, value: Any) -> Any:
        """Ttnn tensors as torch tensors; on several chips all must hold the same."""
        return map_leaves(value, self._is_tensor, self._read)

    def is_freed(self, value: Any) -> bool:
        """Whether a tensor of `value` was deallocated, as by a module that frees its input."""
        tensors = leaves_in(value, lambda leaf: isinstance(leaf, self._ttnn.Tensor))
        return not all(tensor.is_allocated() for tensor in tensors)

    def is_users_own(self, implementation: Callable[..., Any]) -> bool:
        """Whether part of it is a ``to_ttnn`` of the user's, or was ttnn already."""
        return self._prepared[id(implementation)].target.users_own

    def _is_tensor(self, value: Any) -> bool:
        return isinstance(value, self._ttnn.Tensor | Tensor)

    def _read(self, tensor: Any) -> Tensor:
        if isinstance(tensor, Tensor):
            raise TypeError("the ttnn implementation returned a torch tensor; return a ttnn tensor")
        return self._one_of_equals(tensor)

    def _one_of_equals(self, tensor: Any) -> Tensor:
        """What chip 0 holds; where another chip holds something else, that is shown instead."""
        chips: list[Tensor] = [self._ttnn.to_torch(chip) for chip in self._ttnn.get_device_tensors(tensor)]
        different = [chip for chip in chips[1:] if not torch.equal(chip, chips[0])]
        return different[0] if different else chips[0]

    def synchronize(self) -> None:
        """Wait until the mesh has finished."""
        self._ttnn.synchronize_device(self._mesh)

    def refusal(self, error: Exception) -> str | None:
        """The operation, its shapes and the sentence of a TT_FATAL or TT_THROW, or what tensor is gone."""
        running = self._follower.running if self._follower else "ttnn"
        if isinstance(error, DeallocatedError):
            return f"{running} is refused: {error.sentence}"
        text = str(error)
        if not isinstance(error, RuntimeError) or not text.startswith(("TT_FATAL", "TT_THROW")):
            return None
        sentence = sentence_of(text)
        missing = what_is_missing(sentence)
        return f"{running} does not fit: {missing}" if missing else f"{running} is refused: {sentence}"

    def timed(self, call: Call) -> AbstractContextManager[Call]:
        """`call` with every kernel compiled, or its trace; an error where one was compiled meanwhile."""
        return timed(self._ttnn, self._mesh, call, self.measure_seconds, with_trace=self._traces)

    def without_values(self) -> AbstractContextManager[None]:
        """On a mock board no golden is computed meanwhile."""
        return self._follower.suspended() if self._follower else nullcontext()

    def recorded(self, context: Context) -> AbstractContextManager[Recording]:
        """Meanwhile every operation is recorded."""
        return RecordedOperations(self._ttnn, self._follower, context).recording()

    def peak_memory(self, module: Callable[..., Any], inputs: Any, call: Call) -> PeakMemory:
        """Of a chip, and of a core of it: all that is allocated, but for what another test's module holds.

        `call` is made twice: ttnn tells of every program's buffers in L1 only where it runs none.
        """
        ttnn, prepared, chips = self._ttnn, self._prepared[id(module)], self.board.chips
        gc.collect()  # what nobody holds is not counted
        before = self._allocated.bytes_by_place(prepared.module, [module, inputs], prepared.weights)
        with captured(ttnn) as graph:
            call()
        l1_held = self._allocated.l1_per_core(before)
        with captured(ttnn, dispatched=False) as programs:
            call()
        self._allocated.lose(programs)
        dram = peak_bytes(graph, before, ["DRAM"])
        l1_per_core = l1_held + ttnn.graph.extract_resource_usage_per_core(programs).peak_total
        l1_of_core = chips.l1_bytes_per_core - self._l1_small_bytes
        in_all = peak_bytes(graph, before)
        return PeakMemory(in_all, Usage(dram, chips.dram_bytes), Usage(l1_per_core, l1_of_core))

    def limit(self, module: Callable[..., Any], inputs: Any, call: Call) -> Limit | None:
        """By what a chip must move and multiply; of the second call, as the first may make tables."""
        ttnn = self._ttnn
        with self.without_values():
            call()
            self._mesh.clear_program_cache()  # so that those of this call are counted, whatever ran before
            with captured(ttnn) as graph:
                output = call()
            programs = self._mesh.num_program_cache_entries()
        given_back = {t.buffer_address(): bytes_of(t) for t in self._in_dram(output)}
        work = work_of(graph, given_back, lambda address: self._numbers_at(address, [inputs, module]))
        return limit_of(self.board.name, work.dram_bytes, work.multiply_adds, work.operations, programs)

    def _in_dram(self, value: Any) -> list[Any]:
        """The tensors in DRAM that `value` holds."""
        dram = self._ttnn.BufferType.DRAM
        return [t for t in tensors_on_device(self._ttnn, value) if t.memory_config().buffer_type == dram]

    def _numbers_at(self, address: int, held_by: Any) -> list[int] | None:
        """What the tensor holds that lies there; None where nobody knows."""
        found = next((t for t in self._in_dram(held_by) if t.buffer_address() == address), None)
        try:
            return None if found is None else self._read(found).flatten().tolist()
        except GoldenError:  # it was made while nothing was followed
            return None


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
