"""What the chips of a mesh hold after collectives that do something else too, on a mock board.

``python fused_collectives_read.py t3k 2 4`` prints, as JSON, by operation and output the shape and what each
chip holds. Chip k was given tensors of k plus the number of the row (of the user), and weights of k.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.boards import BOARDS
from ttci.devices.ttnn.follow import Follower
from ttci.devices.ttnn.runtime import import_ttnn, mock_environment, opened_mesh

USERS, HEADS, HEAD_DIM = 32, 8, 128
WIDTH = (HEADS + 2) * HEAD_DIM


class Calls:
    """The operations on an open mesh, whose chips of a row take part together."""

    def __init__(self, ttnn: Any, mesh: Any, rows: int, columns: int) -> None:
        self.ttnn, self.mesh, self.rows, self.columns = ttnn, mesh, rows, columns
        self.chip = torch.arange(rows * columns).float().reshape(rows, columns, 1, 1)
        self.user = torch.arange(USERS).float().reshape(1, 1, USERS, 1)
        grid = mesh.compute_with_storage_grid_size()
        self.semaphore = ttnn.create_global_semaphore(mesh, self.cores(grid.x, grid.y), 0)
        self.of_row: dict[str, Any] = {"cluster_axis": 1, "mesh_device": mesh, "num_links": 1}
        self.of_row["topology"] = ttnn.Topology.Linear

    def all_gather_matmul_async(self) -> list[Any]:
        ttnn = self.ttnn
        program = ttnn.MatmulMultiCoreReuseMultiCastProgramConfig(
            compute_with_storage_grid_size=(8, 4),
            in0_block_w=1,
            out_subblock_h=1,
            out_subblock_w=1,
            per_core_M=1,
            per_core_N=1,
            transpose_mcast=False,
            fused_activation=None,
            fuse_batch=False,
        )
        gathered, product = ttnn.experimental.all_gather_matmul_async(
            self.put((self.chip + self.user).expand(-1, -1, USERS, 32)),
            self.put(self.chip.expand(-1, -1, 32 * self.rows * self.columns, 32)),
            dim=3,
            multi_device_global_semaphore=[self.semaphore, self.semaphore],
            all_gather_core_grid_offset=(0, 4),
            num_links=1,
            topology=ttnn.Topology.Ring,
            memory_config_ag=ttnn.DRAM_MEMORY_CONFIG,
            memory_config_mm=ttnn.DRAM_MEMORY_CONFIG,
            program_config=program,
        )
        return [gathered, product]

    def llama_reduce_scatter(self) -> list[Any]:
        given = self.chip + self.user + torch.arange(self.columns).repeat_interleave(256)
        output = self.ttnn.experimental.llama_reduce_scatter(
            self.put(given, self.wide(8, self.columns, 32)),
            self.buffer(),
            3,
            self.semaphore,
            self.ttnn.SubDeviceId(0),
            memory_config=self.wide(8, 1, 32),
            **self.of_row,
        )
        return [output]

    def llama_rs_create_heads(self) -> list[Any]:
        by_row = self.ttnn.ROW_MAJOR_LAYOUT
        heads = self.ttnn.experimental.llama_rs_create_heads(
            self.put(self.queries_keys_values(), self.wide(8, 5, 32), layout=by_row),
            self.buffer(layout=by_row),
            3,
            self.semaphore,
            self.ttnn.SubDeviceId(0),
            num_heads=HEADS,
            num_kv_heads=1,
            memory_config=self.wide(8, 5, 32),
            qkv_memory_config=self.high(8, 4, HEAD_DIM),
            **self.of_row,
        )
        return list(heads)

    def all_reduce_create_qkv_heads(self) -> list[Any]:
        ttnn = self.ttnn
        offsets = ttnn.from_torch(
            torch.arange(0, USERS, 8, dtype=torch.int32).reshape(4, 1),
            dtype=ttnn.int32,
            layout=ttnn.TILE_LAYOUT,
            device=self.mesh,
            mesh_mapper=self.mapper(dims=(None, 0)),
        )
        buffer = torch.zeros(self.rows, self.columns, USERS, WIDTH * self.columns)
        outputs = ttnn.experimental.all_reduce_create_qkv_heads(
            self.put(self.queries_keys_values(), self.wide(8, 5, 32)),
            self.put(buffer, self.wide(8, 5, 32 * self.columns)),
            multi_device_global_semaphore=self.semaphore,
            num_heads=HEADS,
            num_kv_heads=1,
            memory_config=self.wide(8, 5, 32),
            subdevice_id=ttnn.SubDeviceId(0),
            final_memory_config=self.high(8, 4, HEAD_DIM),
            batch_offset=offsets,
            slice_size=8,
            dtype=ttnn.bfloat16,
            **self.of_row,
        )
        return list(outputs)

    def all_gather_concat(self) -> list[Any]:
        """On the cores that the operation wants, which a Galaxy has; 8 heads of a tile of 32."""
        spread = [(x, y, x, y) for x in (6, 5) for y in (6, 7, 0, 1, 2, 4, 5)]
        below = [(x, 5, x, 5) for x in (1, 2, 3)]
        layouts = self.ttnn.TensorMemoryLayout
        height, width = layouts.HEIGHT_SHARDED, layouts.WIDTH_SHARDED
        heads = self.user.reshape(1, USERS, 1, 1) + 32 * torch.arange(32).reshape(1, 1, 32, 1)
        given = heads.expand(self.rows, -1, -1, HEAD_DIM)
        buffer = torch.zeros(self.rows, USERS * self.columns, 32, HEAD_DIM)
        output = self.ttnn.experimental.all_gather_concat(
            self.put(given, self.on_cores(height, [(1, 0, 3, 1), (1, 2, 2, 2)], HEAD_DIM)),
            self.put(buffer, self.on_cores(height, [(1, 0, 3, 4), *spread, *below], HEAD_DIM)),
            1,
            multi_device_global_semaphore=self.semaphore,
            num_heads=HEADS,
            memory_config=self.on_cores(width, [*spread, (1, 4, 1, 4), below[0]], HEADS * HEAD_DIM // 16),
            subdevice_id=self.ttnn.SubDeviceId(0),
            **self.of_row,
        )
        return [self.ttnn.reshape(output, (1, USERS, HEADS, HEAD_DIM))]

    def fused_rms_minimal(self) -> list[Any]:
        """Of chip k, k + 1 plus the user and a residual of 1; its weights are k + 1."""
        ttnn, rows = self.ttnn, (self.rows, self.columns)
        memory = self.wide(2, 1, 32)
        program = ttnn.LayerNormShardedMultiCoreProgramConfig(
            compute_with_storage_grid_size=(2, 1), subblock_w=1, block_h=1, block_w=1, inplace=False
        )
        residual = self.put(torch.ones(*rows, USERS, 64), memory)
        output = ttnn.fused_rms_minimal(
            self.put((self.chip + self.user + 1).expand(-1, -1, -1, 64), memory),
            program,
            1,
            self.mesh,
            ttnn.create_global_semaphore(self.mesh, self.cores(2, 1), 0),
            topology=ttnn.Topology.Linear,
            memory_config=memory,
            weight=self.put(
                (self.chip + 1).expand(-1, -1, 2, 32), ttnn.DRAM_MEMORY_CONFIG, layout=ttnn.ROW_MAJOR_LAYOUT
            ),
            residual_input_tensor=residual,
            stats=self.put(torch.zeros(*rows, USERS, self.columns), self.wide(1, 1, 32)),
        )
        return [output, residual]

    def queries_keys_values(self) -> Tensor:
        """100 is added to keys and 200 to values."""
        kinds = torch.tensor([0.0] * HEADS + [100.0, 200.0]).repeat_interleave(HEAD_DIM)
        return self.chip + self.user + kinds

    def buffer(self, **how: Any) -> Any:
        empty = torch.zeros(self.rows, self.columns, USERS, self.columns * 128 * 8)
        return self.put(empty, self.wide(8, 1, self.columns * 128), **how)

    def put(self, value: Tensor, memory: Any = None, **how: Any) -> Any:
        ttnn = self.ttnn
        return ttnn.from_torch(
            value.contiguous(),
            dtype=ttnn.float32 if memory is None else ttnn.bfloat16,
            layout=how.get("layout", ttnn.TILE_LAYOUT),
            device=self.mesh,
            memory_config=memory or ttnn.DRAM_MEMORY_CONFIG,
            mesh_mapper=self.mapper(dims=(0, 1)),
        )

    def mapper(self, dims: tuple[int | None, int]) -> Any:
        shape = (self.rows, self.columns)
        return self.ttnn.ShardTensor2dMesh(self.mesh, dims=dims, mesh_shape=shape)

    def cores(self, x: int, y: int) -> Any:
        ttnn = self.ttnn
        return ttnn.CoreRangeSet([ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(x - 1, y - 1))])

    def wide(self, x: int, y: int, width: int) -> Any:
        return self.sharded(self.ttnn.TensorMemoryLayout.WIDTH_SHARDED, x, y, width)

    def high(self, x: int, y: int, width: int) -> Any:
        return self.sharded(self.ttnn.TensorMemoryLayout.HEIGHT_SHARDED, x, y, width)

    def sharded(self, layout: Any, x: int, y: int, width: int) -> Any:
        return self.on_cores(layout, [(0, 0, x - 1, y - 1)], width)

    def on_cores(self, layout: Any, ranges: list[tuple[int, int, int, int]], width: int) -> Any:
        """Of ranges of cores: the first column and row, and the last."""
        ttnn = self.ttnn
        found = [ttnn.CoreRange(ttnn.CoreCoord(a, b), ttnn.CoreCoord(c, d)) for a, b, c, d in ranges]
        shards = ttnn.ShardSpec(ttnn.CoreRangeSet(found), [32, width], ttnn.ShardOrientation.ROW_MAJOR)
        return ttnn.MemoryConfig(layout, ttnn.BufferType.L1, shards)


def held(ttnn: Any, output: Any) -> dict[str, Any]:
    """The shape, and of each chip the numbers at the beginning of each row of all heads."""
    chips = [ttnn.to_torch(chip).float() for chip in ttnn.get_device_tensors(output)]
    numbers = [chip[..., 0].nan_to_num(-1.0).flatten().tolist() for chip in chips]
    return {"shape": list(output.shape), "numbers": numbers}


def main(board: str, rows: int, columns: int) -> None:
    """Print them."""
    os.environ.update(mock_environment(BOARDS[board]) | {"TT_METAL_LOGGER_LEVEL": "fatal"})
    ttnn = import_ttnn()
    with Follower(ttnn), opened_mesh(ttnn, (rows, columns)) as mesh:
        calls = Calls(ttnn, mesh, rows, columns)
        names = ["all_gather_matmul_async"] if rows == 1 else []
        if columns == 4:
            names = ["llama_reduce_scatter", "llama_rs_create_heads", "all_reduce_create_qkv_heads"]
            names += ["fused_rms_minimal"]
        if rows == 8:
            names.append("all_gather_concat")
        found = {name: [held(ttnn, output) for output in getattr(calls, name)()] for name in names}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
