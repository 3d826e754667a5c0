"""The table of ttci's own goldens, and how one is put in.

A golden takes the operation's own arguments, with a torch tensor for every ttnn
tensor, and gives torch tensors of the shapes that ttnn gives. It changes no input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

Golden = Callable[..., Any]
GoldenType = TypeVar("GoldenType", bound=Golden)

# May give NotImplemented for arguments that ttnn's own golden handles.
GOLDENS: dict[str, Golden] = {}
# Of collectives: a function of the shards of all chips and the shape of the mesh.
COLLECTIVES: dict[str, Golden] = {}
# From the first tensor to the second.
COPIES = ("ttnn.copy_host_to_device_tensor", "ttnn.copy_device_to_host_tensor")
UNDEFINED = (
    *("ttnn.empty", "ttnn.empty_like", "ttnn.allocate_tensor_on_device", "ttnn.allocate_tensor_on_host"),
)


def register_golden(name: str) -> Callable[[GoldenType], GoldenType]:
    """Register the golden of an operation, by its full name (``"ttnn.experimental.foo"``)."""

    def register(golden: GoldenType) -> GoldenType:
        GOLDENS[name] = golden
        return golden

    return register


def register_collective(*names: str) -> Callable[[GoldenType], GoldenType]:
    """Register a function of the shards of one group of chips, which gives theirs."""

    def register(golden: GoldenType) -> GoldenType:
        def of_all_groups(
            shards: list[Tensor],
            mesh_shape: tuple[int, ...],
            *args: Any,
            cluster_axis: int | None = None,
            **kwargs: Any,
        ) -> list[Tensor]:
            results = list(shards)
            for group in _groups(mesh_shape, cluster_axis):
                given = golden([shards[chip] for chip in group], *args, **kwargs)
                for chip, result in zip(group, given, strict=True):
                    results[chip] = result
            return results

        COLLECTIVES.update(dict.fromkeys(names, of_all_groups))
        return golden

    return register


def _groups(mesh_shape: tuple[int, ...], cluster_axis: int | None) -> list[list[int]]:
    """The chips that take part in a collective together: all, or those along one axis of the mesh."""
    chips = torch.arange(torch.Size(mesh_shape).numel()).reshape(mesh_shape)
    if cluster_axis is None:
        return [chips.flatten().tolist()]
    groups: list[list[int]] = chips.movedim(cluster_axis, -1).flatten(0, -2).tolist()
    return groups
