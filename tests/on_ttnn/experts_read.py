"""What the chips of a mesh of 2 x 4 hold after operations of experts spread over them, on a mock board.

``python experts_read.py`` prints, as JSON, by operation and output the shape and what each chip holds at
the beginning of each row; -1 is where nothing was written.
"""

from __future__ import annotations

import json
import os
from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.boards import BOARDS
from ttci.devices.ttnn.follow import Follower
from ttci.devices.ttnn.runtime import import_ttnn, mock_environment, opened_mesh

MESH = (2, 4)
CHIPS, EXPERTS, CHOSEN, BATCH, WIDTH = 8, 16, 4, 16, 32


def choices() -> Tensor:
    """[B, K] different experts of each token."""
    generator = torch.Generator().manual_seed(0)
    return torch.stack([torch.randperm(EXPERTS, generator=generator)[:CHOSEN] for _ in range(BATCH)])


def chip_of_expert() -> list[int]:
    """Two experts a chip, not beside each other."""
    return [expert % CHIPS for expert in range(EXPERTS)]


def scores() -> Tensor:
    """[B, E] of which the chosen ones are not zero."""
    every = torch.arange(1, EXPERTS + 1).float().expand(BATCH, -1)
    return torch.zeros(BATCH, EXPERTS).scatter(1, choices(), every.gather(1, choices()))


def main() -> None:
    """Print them."""
    os.environ.update(mock_environment(BOARDS["t3k"]) | {"TT_METAL_LOGGER_LEVEL": "fatal"})
    ttnn = import_ttnn()
    with Follower(ttnn), opened_mesh(ttnn, MESH) as mesh:
        found = _found(ttnn, mesh)
    print(json.dumps(found))


def _found(ttnn: Any, mesh: Any) -> dict[str, Any]:
    def put(value: Tensor, axis: int | None = None) -> Any:
        """Split along an axis of the mesh, or the same on every chip."""
        dims = tuple(0 if each == axis else None for each in range(2))
        return ttnn.from_torch(
            value.bfloat16() if value.is_floating_point() else value.to(torch.int16),
            dtype=ttnn.bfloat16 if value.is_floating_point() else ttnn.uint16,
            layout=ttnn.ROW_MAJOR_LAYOUT,
            device=mesh,
            mesh_mapper=ttnn.ShardTensor2dMesh(mesh, dims=dims, mesh_shape=MESH),
        )

    owner = torch.tensor(chip_of_expert())
    mapping = put((owner[:, None] == torch.arange(CHIPS)).long().reshape(1, 1, EXPERTS, CHIPS))
    rows = choices().reshape(BATCH, 1, 1, CHOSEN)
    tokens = torch.arange(BATCH).float().reshape(BATCH, 1, 1, 1).expand(-1, 1, 1, WIDTH)
    results = BATCH * torch.arange(2).reshape(2, 1, 1, 1) + tokens.reshape(1, BATCH, 1, WIDTH)
    found: dict[str, Any] = {}
    for axis in range(2):
        sent = ttnn.all_to_all_dispatch(put(tokens, axis), put(rows, axis), mapping, cluster_axis=axis)
        found[f"dispatch {axis}"] = [_held(ttnn, each) for each in sent]
        for is_summed in (False, True):
            taken = ttnn.all_to_all_combine(
                put(results[:1] if is_summed else results),
                put(rows.reshape(1, BATCH, 1, CHOSEN)),
                mapping,
                local_reduce=is_summed,
                cluster_axis=axis,
            )
            found[f"combine {axis} {is_summed}"] = _held(ttnn, taken)
    remapped = ttnn.moe_expert_token_remap(
        put(scores().reshape(1, BATCH, 1, EXPERTS)),
        mapping,
        put(rows.reshape(1, BATCH, 1, CHOSEN)),
        reduction_size=4,
    )
    found["token remap"] = [_whole(ttnn, each) for each in remapped]
    weights = put(scores()[:1].contiguous())
    found["routing remap"] = _whole(ttnn, ttnn.moe_routing_remap(weights, CHOSEN, 2, 0))
    return found


def _held(ttnn: Any, output: Any) -> dict[str, Any]:
    chips = [ttnn.to_torch(chip).float() for chip in ttnn.get_device_tensors(output)]
    numbers = [chip[..., 0].nan_to_num(-1.0).flatten().tolist() for chip in chips]
    return {"shape": list(output.shape), "numbers": numbers}


def _whole(ttnn: Any, output: Any) -> list[Any]:
    chips = [ttnn.to_torch(chip).float() for chip in ttnn.get_device_tensors(output)]
    return [chip.reshape(-1, chip.shape[-1]).tolist() for chip in chips]


if __name__ == "__main__":
    main()
