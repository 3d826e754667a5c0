"""A kernel of the manifest on ttnn: its inputs placed, its operation called."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.lowering import LoweringTarget, register_lowering
from ttci.manifest.kernels import ID_DTYPE
from ttci.modules.kernels import Kernel
from ttci.modules.ttnn.linear import compute_config, product_fidelity


@register_lowering(Kernel)
class TtnnKernel:
    """One ttnn operation of its inputs, which it places as the manifest says."""

    def __init__(self, module: Kernel, target: LoweringTarget) -> None:
        ttnn = target.ttnn
        entry = module.entry
        # Not the one that holds this kernel: in a circle its weights would outlive their release.
        self.target = LoweringTarget(ttnn, target.mesh, target.weight_dtype)
        self.options = module.options
        self.memory_config = {"dram": ttnn.DRAM_MEMORY_CONFIG, "l1": ttnn.L1_MEMORY_CONFIG}[
            entry.memory_config
        ]
        is_for_all = len(entry.dtypes) == 1
        self.dtypes = entry.dtypes * len(entry.shapes) if is_for_all else entry.dtypes
        self._operation = module.operation
        self._weights: dict[int, tuple[Tensor, Any]] = {}  # by position

    def __call__(self, *inputs: Any) -> Any:
        """The operation of its inputs; interleaved in the memory that the manifest names."""
        return self._operation.on_ttnn(self, *inputs, **self.options)

    @property
    def input_dtype_names(self) -> tuple[str, ...]:
        """What each input is held in, by its position."""
        return tuple(self.dtypes)

    def to_device(self, value: Any) -> Any:
        """The tuple of inputs on every chip; keyword inputs there are none."""
        return tuple(map(self._once, range(len(value)), value)) if isinstance(value, tuple) else value

    def _once(self, position: int, value: Tensor) -> Any:
        """A weight is placed once, however often its kernel is given it: that takes seconds a hundred MB."""
        if position in self._operation.sequence:
            return self._placed(position, value)
        known, placed = self._weights.get(position, (None, None))
        if known is None or not torch.equal(known, value):
            placed = self._placed(position, value)
            self._weights[position] = value, placed
        return placed

    def _placed(self, position: int, value: Tensor) -> Any:
        ttnn = self.target.ttnn
        # Beside the declared inputs there are the tables of a rotary embedding.
        name = self.dtypes[position] if position < len(self.dtypes) else "bfloat16"
        is_row_major = not value.is_floating_point() or self._is_looked_up(position)
        # Converted on the host, which rounds blocks to the nearest; the device would truncate.
        host = ttnn.from_torch(
            value if value.is_floating_point() else value.to(torch.int32),
            dtype=getattr(ttnn, name if value.is_floating_point() else ID_DTYPE),
            layout=ttnn.ROW_MAJOR_LAYOUT if is_row_major else ttnn.TILE_LAYOUT,
        )
        return ttnn.to_device(host, self.target.mesh, memory_config=self.memory_config)

    def _is_looked_up(self, position: int) -> bool:
        """Rows stay row-major: a tiled table is unrolled at every call."""
        return self._operation.takes_ids and position == 1

    @property
    def ttnn(self) -> Any:
        """The package."""
        return self.target.ttnn

    def exact_config(self) -> Any:
        """As exact as ttnn computes."""
        return compute_config(self.target, "HiFi4")

    def product_config(self) -> Any:
        """As exact as a product with weights of this type can be told from one in float."""
        return compute_config(self.target, product_fidelity(self.dtypes[1]))
