"""The ttnn device: one implementation; silicon and mock differ by rows of data."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ttci.devices import Call, Capability
from ttci.devices.ttnn.boards import BOARDS, Board
from ttci.devices.ttnn.follow import Follower
from ttci.devices.ttnn.lowering import LoweringTarget
from ttci.devices.ttnn.memory import allocated_bytes
from ttci.devices.ttnn.runtime import mock_environment
from ttci.errors import DeviceUnavailableError
from ttci.manifest import TtnnDeviceEntry
from ttci.results import Fidelity
from ttci.tensors import map_tensors
from ttci.toolchain.release import ttnn_package


@dataclass(frozen=True)
class _Target:
    """What sets a target apart."""

    fidelity: Fidelity
    capabilities: frozenset[Capability]
    environment: Callable[[Board], dict[str, str]]
    follows_goldens: bool = False


def _own_environment(board: Board) -> dict[str, str]:  # noqa: ARG001
    """Silicon needs nothing said."""
    return {}


_NUMBERS_AND_MEMORY = frozenset({Capability.NUMBERS, Capability.MEMORY})
_TARGETS = {
    "silicon": _Target(Fidelity.SILICON, _NUMBERS_AND_MEMORY | {Capability.TIMING}, _own_environment),
    "mock": _Target(Fidelity.GOLDEN, _NUMBERS_AND_MEMORY, mock_environment, follows_goldens=True),
}
_NOT_INSTALLED = "ttnn is not installed; python -m pip install 'ttci[ttnn]' (Python 3.10 or 3.12)"
_MOCK_VARIABLE = "TT_METAL_MOCK_CLUSTER_DESC_PATH"  # left set: ttnn keeps to the mock it has opened
_ALWAYS = {"TT_METAL_LOGGER_LEVEL": "fatal"}


class TtnnDevice:
    """A mesh of Tenstorrent chips; activations are bfloat16 in tile layout."""

    dtype_name = "bfloat16"

    def __init__(self, name: str, entry: TtnnDeviceEntry) -> None:
        if ttnn_package() is None:
            raise DeviceUnavailableError(f"{name}: {_NOT_INSTALLED}")
        if entry.target not in _TARGETS:
            raise DeviceUnavailableError(f"{name}: this version of ttci runs no {entry.target}")
        target = _TARGETS[entry.target]
        if target.fidelity is Fidelity.SILICON and _MOCK_VARIABLE in os.environ:
            what = f"{name}: {_MOCK_VARIABLE} is set, so that ttnn would open a mock; unset it"
            raise DeviceUnavailableError(what)
        self.name = name
        self.max_tokens = entry.max_tokens
        self.board = BOARDS[entry.board]
        self.fidelity = target.fidelity
        self.capabilities = target.capabilities
        self._stack = ExitStack()
        self._weight_bytes: dict[int, int] = {}
        os.environ.update(_ALWAYS | target.environment(self.board))
        self._ttnn = _import_ttnn()
        self._weight_dtype = getattr(self._ttnn, entry.weight_dtype)
        self._mesh = self._open()
        self._follower: Follower | None = None
        if target.follows_goldens:
            self._follower = self._stack.enter_context(Follower(self._ttnn, self._mesh))

    def _open(self) -> Any:
        ttnn = self._ttnn
        try:
            if self.board.chip_count > 1:
                ttnn.set_fabric_config(ttnn.FabricConfig.FABRIC_1D)
                self._stack.callback(ttnn.set_fabric_config, ttnn.FabricConfig.DISABLED)
            mesh = ttnn.open_mesh_device(ttnn.MeshShape(*self.board.mesh_shape))
        except RuntimeError as error:
            self._stack.close()
            what = f"{self.name}: the {self.board.name} does not open: {_sentence(str(error))}"
            raise DeviceUnavailableError(what) from None
        self._stack.callback(ttnn.close_mesh_device, mesh)
        return mesh

    def close(self) -> None:
        """Close the mesh, whatever happened on it."""
        self._stack.close()
        self._mesh = self._follower = None  # ttnn complains at the end of tensors that outlive it

    def prepare(self, module: Any) -> Callable[..., Any]:
        """The module's ttnn implementation, its weights converted once."""
        with _captured(self._ttnn) as graph:
            implementation = LoweringTarget(self._ttnn, self._mesh, self._weight_dtype).lower(module)
        self._weight_bytes[id(implementation)] = allocated_bytes(graph)[0]
        return implementation

    def to_device(self, value: Any) -> Any:
        """Floating-point tensors in bfloat16 and tile layout, ids in row-major uint32; replicated."""
        return map_tensors(value, self._to_mesh)

    def _to_mesh(self, tensor: Tensor) -> Any:
        ttnn = self._ttnn
        is_float = tensor.is_floating_point()
        return ttnn.from_torch(
            tensor if is_float else tensor.to(torch.int32),
            dtype=ttnn.bfloat16 if is_float else ttnn.uint32,
            layout=ttnn.TILE_LAYOUT if is_float else ttnn.ROW_MAJOR_LAYOUT,
            device=self._mesh,
            mesh_mapper=ttnn.ReplicateTensorToMesh(self._mesh),
        )

    def to_host(self, value: Any) -> Any:
        """Ttnn tensors as torch tensors; on several chips all must hold the same."""
        if isinstance(value, self._ttnn.Tensor):
            return self._one_of_equals(value)
        if isinstance(value, dict):
            return {key: self.to_host(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.to_host(item) for item in value)
        if isinstance(value, Tensor):
            raise TypeError("the ttnn implementation returned a torch tensor; return a ttnn tensor")
        return value

    def _one_of_equals(self, tensor: Any) -> Tensor:
        """What chip 0 holds; where another chip holds something else, that is shown instead."""
        chips: list[Tensor] = [self._ttnn.to_torch(chip) for chip in self._ttnn.get_device_tensors(tensor)]
        different = [chip for chip in chips[1:] if not torch.equal(chip, chips[0])]
        return different[0] if different else chips[0]

    def synchronize(self) -> None:
        """Wait until the mesh has finished."""
        self._ttnn.synchronize_device(self._mesh)

    def refusal(self, error: Exception) -> str | None:
        """The operation, its shapes and the sentence of a TT_FATAL or TT_THROW."""
        text = str(error)
        if not isinstance(error, RuntimeError) or not text.startswith(("TT_FATAL", "TT_THROW")):
            return None
        running = self._follower.running if self._follower else "ttnn"
        return f"{running} is refused: {_sentence(text)}"

    def peak_memory_bytes(self, module: Callable[..., Any], inputs: Any, call: Call) -> int:
        """The most bytes of DRAM and L1 of a chip alive in `call`, weights and inputs included."""
        held = self._weight_bytes[id(module)] + sum(map(_bytes_of, self._tensors_in(inputs)))
        with _captured(self._ttnn) as graph:
            call()
        return held + allocated_bytes(graph)[1]

    def _tensors_in(self, value: Any) -> Iterator[Any]:
        if isinstance(value, self._ttnn.Tensor):
            yield value
        elif isinstance(value, list | tuple | dict):
            for item in value.values() if isinstance(value, dict) else value:
                yield from self._tensors_in(item)


@contextmanager
def _captured(ttnn: Any) -> Iterator[list[Any]]:
    """What ttnn records of the calls inside: a list that is filled at the end."""
    nodes: list[Any] = []
    ttnn.graph.begin_graph_capture(ttnn.graph.RunMode.NORMAL)
    try:
        yield nodes
    finally:
        nodes += ttnn.graph.end_graph_capture()


def _import_ttnn() -> Any:
    """Import ttnn with its log silent: it prints its configuration."""
    try:
        importlib.import_module("loguru").logger.disable("ttnn")
        return importlib.import_module("ttnn")
    except ImportError as error:
        raise DeviceUnavailableError(f"ttnn cannot be imported: {error}") from None


def _bytes_of(tensor: Any) -> int:
    return int(tensor.buffer_num_pages() * tensor.buffer_page_size())


def _sentence(text: str) -> str:
    """What a TT_FATAL says, without the place in ttnn's source and the backtrace."""
    told = text.partition("\nbacktrace:")[0]
    head, separator, info = told.partition("\ninfo:\n")
    return " ".join((info if separator else head).split())
