"""What ttnn's attention over the chips of a line gives on a mock t3k, as JSON.

``python ring_attention_read.py`` prints for each call, by its name, what all chips hold together.
"""

from __future__ import annotations

import json
import os
from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.boards import BOARDS
from ttci.devices.ttnn.follow import Follower
from ttci.devices.ttnn.numbers import GoldenError
from ttci.devices.ttnn.runtime import import_ttnn, mock_environment, opened_mesh

MESH = (2, 4)  # heads are split over its rows, tokens over its columns
HEADS, TOKENS, REAL, JOINT, HEAD_DIM = 2, 256, 250, 32, 32


def given(kind: str) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values."""
    tokens = JOINT if kind == "joint" else TOKENS
    generator = torch.Generator().manual_seed(tokens)
    q, k, v = torch.randn(3, 1, HEADS, tokens, HEAD_DIM, generator=generator).bfloat16().float()
    return q, k, v


def balanced() -> Tensor:
    """The order in which four chips have the tokens: a part from either end each."""
    parts = torch.arange(TOKENS).chunk(8)
    return torch.cat([torch.cat([parts[chip], parts[7 - chip]]) for chip in range(4)])


class Calls:
    """The operations on an open mesh."""

    def __init__(self, ttnn: Any, mesh: Any) -> None:
        self.ttnn, self.mesh = ttnn, mesh
        self.program = ttnn.SDPAProgramConfig(
            compute_with_storage_grid_size=(8, 7), q_chunk_size=32, k_chunk_size=32, exp_approx_mode=False
        )

    def put(self, value: Tensor, dims: tuple[int | None, int | None]) -> Any:
        ttnn = self.ttnn
        mapper = ttnn.ShardTensor2dMesh(self.mesh, dims=dims, mesh_shape=MESH)
        return ttnn.from_torch(
            value, dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=self.mesh, mesh_mapper=mapper
        )

    def joint(self, order: Tensor, *, joint: bool, **how: Any) -> list[Any]:
        ttnn = self.ttnn
        whole = torch.zeros(1, HEADS, TOKENS, HEAD_DIM)
        every = ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(7, 7))
        semaphores = [
            ttnn.create_global_semaphore(self.mesh, ttnn.CoreRangeSet([every]), 0) for _ in range(2)
        ]
        spread = [self.put(each[:, :, order], (1, 2)) for each in given("own")]
        replicated = [self.put(each, (1, None)) for each in given("joint")] if joint else []
        outputs = ttnn.transformer.ring_joint_scaled_dot_product_attention(
            *spread,
            *replicated,
            persistent_output_buffer_k=self.put(whole, (1, None)),
            persistent_output_buffer_v=self.put(whole, (1, None)),
            joint_strategy="rear",
            program_config=self.program,
            dim=2,
            multi_device_global_semaphore=semaphores,
            num_links=1,
            cluster_axis=1,
            mesh_device=self.mesh,
            topology=ttnn.Topology.Linear,
            ccl_core_grid_offset=ttnn.CoreCoord(0, 7),
            **{"logical_n": TOKENS} | how,
        )
        return list(outputs[:2])

    def distributed(self) -> Any:
        ttnn = self.ttnn
        whole = [self.put(each, (1, None)) for each in given("own")]
        return ttnn.transformer.ring_distributed_scaled_dot_product_attention(
            *whole, 4, program_config=self.program
        )

    def read(self, tensor: Any, dims: tuple[int, int] = (1, 2)) -> Any:
        ttnn = self.ttnn
        composer = ttnn.ConcatMesh2dToTensor(self.mesh, dims=dims, mesh_shape=MESH)
        return ttnn.to_torch(tensor, mesh_composer=composer).float().tolist()


def main() -> None:
    """Print them."""
    os.environ.update(mock_environment(BOARDS["t3k"]) | {"TT_METAL_LOGGER_LEVEL": "fatal"})
    ttnn = import_ttnn()
    found: dict[str, Any] = {}
    with Follower(ttnn, models_engine=False), opened_mesh(ttnn, MESH) as mesh:
        calls, in_order = Calls(ttnn, mesh), torch.arange(TOKENS)
        output, of_joint = calls.joint(in_order, joint=True, logical_n=REAL)
        found["joint"], found["of joint"] = calls.read(output), calls.read(of_joint, (1, 0))
        found["causal"] = calls.read(calls.joint(in_order, joint=False, is_causal=True)[0])
        found["balanced"] = calls.read(
            calls.joint(balanced(), joint=False, is_causal=True, is_balanced=True)[0]
        )
        found["distributed"] = calls.read(calls.distributed())
        try:
            calls.joint(in_order, joint=False, is_causal=True, kv_cache_batch_idx=0)
        except GoldenError as error:
            found["refused"] = str(error)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
