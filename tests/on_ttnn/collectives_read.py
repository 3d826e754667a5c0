"""What the chips of a mesh hold after collectives, on a mock board.

``python collectives_read.py t3k 2 4`` prints, as JSON, the first number that each chip holds, by collective.
Chip k was given tensors of k.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import torch

from ttci.devices.ttnn.boards import BOARDS
from ttci.devices.ttnn.follow import Follower
from ttci.devices.ttnn.numbers import GoldenError
from ttci.devices.ttnn.runtime import import_ttnn, mock_environment, opened_mesh


def held(ttnn: Any, tensor: Any) -> list[list[float]]:
    """Of each chip, the numbers at the beginning of each 32 columns."""
    chips = ttnn.get_device_tensors(tensor)
    return [ttnn.to_torch(chip)[0, 0, 0, ::32].tolist() for chip in chips]


def main(board: str, rows: int, columns: int) -> None:
    """Print them."""
    os.environ.update(mock_environment(BOARDS[board]) | {"TT_METAL_LOGGER_LEVEL": "fatal"})
    ttnn = import_ttnn()
    found: dict[str, Any] = {}
    with Follower(ttnn), opened_mesh(ttnn, (rows, columns)) as mesh:
        chips = rows * columns
        numbers = torch.arange(chips).float().reshape(rows, columns, 1, 1).expand(rows, columns, 32, 32)
        x = ttnn.from_torch(
            numbers,
            dtype=ttnn.bfloat16,
            layout=ttnn.TILE_LAYOUT,
            device=mesh,
            mesh_mapper=ttnn.ShardTensor2dMesh(mesh, dims=(0, 1), mesh_shape=(rows, columns)),
        )
        along = {"cluster_axis": 1}
        for name, topology in (("line", ttnn.Topology.Linear), ("ring", ttnn.Topology.Ring)):
            found[f"all_gather {name}"] = held(ttnn, ttnn.all_gather(x, dim=3, topology=topology, **along))
        tall = ttnn.repeat(x, (1, 1, columns, 1))
        exchanged = ttnn.experimental.all_to_all_async_generic(tall, in_dim=3, out_dim=2, **along)
        found["all_to_all"] = held(ttnn, exchanged)
        first = ttnn.MeshCoordinate(0, 0)
        found["broadcast"] = held(ttnn, ttnn.broadcast(x, first, **along))
        found["all_broadcast"] = [held(ttnn, each) for each in ttnn.all_broadcast(x, **along)]
        try:
            ttnn.point_to_point(x, first, ttnn.MeshCoordinate(0, 1), topology=ttnn.Topology.Linear)
        except GoldenError as error:
            found["point_to_point"] = str(error)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
