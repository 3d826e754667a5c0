"""From a torch module to its ttnn implementation.

A module has one by a ``to_ttnn(device)`` method of its own, or by a lowering that is
registered for its class; what is no torch module is one already. An implementation
takes and gives ttnn tensors: activations in tile layout and bfloat16, replicated over
the chips; ids in row-major uint32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ttci.devices.protocol import NoImplementationError

Implementation = Callable[..., Any]
Lowering = Callable[[Any, "LoweringTarget"], Implementation]
LoweringType = TypeVar("LoweringType", bound=Lowering)

_LOWERINGS: dict[type[nn.Module], Lowering] = {}


def register_lowering(module_class: type[nn.Module]) -> Callable[[LoweringType], LoweringType]:
    """Register how modules of `module_class` (and of classes derived from it) become ttnn.

    The decorated function takes the module and a `LoweringTarget`, converts the
    weights once, and returns the implementation.
    """

    def register(lowering: LoweringType) -> LoweringType:
        _LOWERINGS[module_class] = lowering
        return lowering

    return register


@dataclass
class LoweringTarget:
    """The mesh that a module is lowered for, with what its weights become there.

    Attributes:
        mesh: the opened ``ttnn.MeshDevice``.
        weight_dtype: of matrices, a ttnn data type (bfloat8_b or bfloat16).
        users_own: whether part of what was lowered is an implementation of the user's.
    """

    ttnn: Any
    mesh: Any
    weight_dtype: Any
    users_own: bool = False
    _done: dict[int, tuple[Any, Implementation]] = field(default_factory=dict)  # by the module's id

    @property
    def chips(self) -> int:
        """How many chips the mesh has: what tensor parallelism divides by."""
        return int(self.mesh.get_num_devices())

    def lower(self, module: Any) -> Implementation:
        """The ttnn implementation of `module`, made once.

        Raises:
            NoImplementationError: where none is registered for its class.
        """
        if id(module) not in self._done:
            self._done[id(module)] = module, self._lowered(module)  # kept, so that no other takes its id
        return self._done[id(module)][1]

    def matrix(self, weight: Tensor, shard_dim: int | None = None) -> Any:
        """A weight matrix [in, out] on the mesh, in tile layout; replicated where no `shard_dim`."""
        return self._on_mesh(weight, self.weight_dtype, shard_dim)

    def vector(self, weight: Tensor, shard_dim: int | None = None) -> Any:
        """A bias, a norm's weight, a table: in bfloat16 and tile layout."""
        return self._on_mesh(weight, self.ttnn.bfloat16, shard_dim)

    def table(self, rows: Tensor) -> Any:
        """Rows that are looked up by number, as an embedding's: in bfloat16 and row-major layout."""
        ttnn = self.ttnn
        host = ttnn.from_torch(rows.detach(), dtype=ttnn.bfloat16, layout=ttnn.ROW_MAJOR_LAYOUT)
        return ttnn.to_device(host, self.mesh, memory_config=ttnn.DRAM_MEMORY_CONFIG)

    def integers(self, values: Tensor, dtype: Any) -> Any:
        """Positions or ids, row-major."""
        ttnn = self.ttnn
        host = ttnn.from_torch(values, dtype=dtype, layout=ttnn.ROW_MAJOR_LAYOUT)
        return ttnn.to_device(host, self.mesh, memory_config=ttnn.DRAM_MEMORY_CONFIG)

    def _on_mesh(self, weight: Tensor, dtype: Any, shard_dim: int | None) -> Any:
        ttnn = self.ttnn
        mapper = None  # replicated
        if shard_dim is not None and self.chips > 1:
            mapper = ttnn.ShardTensorToMesh(self.mesh, dim=shard_dim)
        # Converted on the host, which rounds blocks to the nearest; the device would truncate.
        host = ttnn.from_torch(
            weight.detach().to(torch.float32), dtype=dtype, layout=ttnn.TILE_LAYOUT, mesh_mapper=mapper
        )
        return ttnn.to_device(host, self.mesh, memory_config=ttnn.DRAM_MEMORY_CONFIG)

    def _lowered(self, module: Any) -> Implementation:
        if hasattr(module, "to_ttnn"):
            self.users_own = True
            implementation: Implementation = module.to_ttnn(self.mesh)
            return implementation
        if not isinstance(module, nn.Module):
            self.users_own = True
            already: Implementation = module
            return already
        for module_class in type(module).__mro__:
            if module_class in _LOWERINGS:
                return _LOWERINGS[module_class](module, self)
        raise NoImplementationError(
            f"{type(module).__name__} has no ttnn implementation; give it a to_ttnn(device) method that "
            "returns a function of ttnn tensors, or register one for its class: "
            f"@ttci.testing.register_lowering({type(module).__name__})"
        )
