"""Modules on 2 x 4 chips, data along the rows and weights along the columns, as users write them.

Shapes: B batch, S tokens, E hidden dim, I inner dim, H experts, L cache length, D head dim.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

BATCH, TOKENS, WIDTH, INNER = 2, 32, 256, 512
EXPERTS, CHOSEN = 8, 2
KV_HEADS, HEAD_DIM, LENGTH, PAGE = 2, 32, 64, 32
MESH = (2, 4)
DATA, WEIGHTS = 0, 1  # axes of the mesh


class Parallel(nn.Module):
    """A feed-forward of two products, [B, S, E] to [B, S, E]."""

    hidden_dim = WIDTH

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(WIDTH, INNER, bias=False)
        self.down = nn.Linear(INNER, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(nn.functional.silu(self.up(x)))
        return y

    def to_ttnn(self, mesh: Any) -> Callable[[Any], Any]:
        ttnn: Any = importlib.import_module("ttnn")
        up = self.split_weight(ttnn, mesh, self.up.weight.T, (None, 1))
        down = self.split_weight(ttnn, mesh, self.down.weight.T, (None, 0))
        return lambda x: self.on_mesh(ttnn, x, up, down)

    def split_weight(self, ttnn: Any, mesh: Any, weight: Tensor, dims: tuple[int | None, int | None]) -> Any:
        mapper = ttnn.ShardTensor2dMesh(mesh, dims=dims, mesh_shape=MESH)
        kind = {"dtype": ttnn.bfloat16, "layout": ttnn.TILE_LAYOUT, "device": mesh, "mesh_mapper": mapper}
        return ttnn.from_torch(weight.detach(), **kind)

    def on_mesh(self, ttnn: Any, x: Any, up: Any, down: Any) -> Any:
        own = ttnn.mesh_partition(x, dim=0, cluster_axis=DATA)  # [B / 2, S, E]
        inner = ttnn.silu(ttnn.linear(own, up))  # [B / 2, S, I / 4]
        partial = ttnn.reshape(ttnn.linear(inner, down), (1, 1, TOKENS, WIDTH))
        whole = self.joined(ttnn, partial)
        return ttnn.reshape(self.gathered(ttnn, whole), (BATCH, TOKENS, WIDTH))

    def joined(self, ttnn: Any, partial: Any) -> Any:
        """The sum over the chips that share the weights."""
        return ttnn.all_reduce(partial, cluster_axis=WEIGHTS, topology=ttnn.Topology.Linear)

    def gathered(self, ttnn: Any, own: Any) -> Any:
        """The rows of the batch that the others have."""
        return ttnn.all_gather(own, dim=0, cluster_axis=DATA, topology=ttnn.Topology.Linear)


class Scattered(Parallel):
    """The same, its sum by a reduce-scatter and a gather."""

    def joined(self, ttnn: Any, partial: Any) -> Any:
        part = ttnn.reduce_scatter(partial, dim=3, cluster_axis=WEIGHTS, topology=ttnn.Topology.Linear)
        return ttnn.all_gather(part, dim=3, cluster_axis=WEIGHTS, topology=ttnn.Topology.Linear)


class Experts(nn.Module):
    """A gate that gives each token its best experts, which scale it; [1, S, E] to [1, S, E]."""

    hidden_dim = WIDTH

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(WIDTH, EXPERTS, bias=False)
        nn.init.eye_(self.gate.weight)
        self.scales = nn.Parameter(torch.linspace(1, 3, EXPERTS)[:, None] * torch.ones(1, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        scores, _ = self.gate(x).topk(CHOSEN)
        lowest = scores[..., -1:]
        given = self.gate(x).masked_fill(self.gate(x) < lowest, -torch.inf).softmax(-1)
        scaled: Tensor = x * (given @ self.scales)
        return scaled

    def to_ttnn(self, device: Any) -> Callable[[Any], Any]:
        ttnn: Any = importlib.import_module("ttnn")

        def put(value: Tensor) -> Any:
            kind = {"dtype": ttnn.bfloat16, "layout": ttnn.TILE_LAYOUT, "device": device}
            return ttnn.from_torch(value.detach(), **kind)

        gate, scales = put(self.gate.weight.T), put(self.scales)
        # The same three numbers weigh the experts of every token: what is cut off them is in every output.
        precise = ttnn.WormholeComputeKernelConfig(
            math_fidelity=ttnn.MathFidelity.HiFi4, fp32_dest_acc_en=True
        )

        def run(x: Any) -> Any:
            scores = ttnn.linear(x, gate)  # [1, S, H]
            best, _ = ttnn.topk(ttnn.pad(scores, [(0, 0), (0, 0), (0, 64 - EXPERTS)], -1e9), CHOSEN, dim=-1)
            lowest = ttnn.slice(best, (0, 0, CHOSEN - 1), (1, TOKENS, CHOSEN))
            chosen = ttnn.where(ttnn.ge(scores, lowest), scores, -1e9)
            return ttnn.multiply(
                x, ttnn.linear(ttnn.softmax(chosen, dim=-1), scales, compute_kernel_config=precise)
            )

        return run


def decided(shape: tuple[int, ...]) -> Tensor:
    """Tokens that begin with their experts' scores, so far apart that rounding changes no choice."""
    x = torch.randn(shape)
    x[..., :EXPERTS] = torch.rand(*shape[:-1], EXPERTS).argsort(-1) / 2
    return x


class Paged(nn.Module):
    """A cache of pages that it keeps; a new token's row is written at its position: gives the cache."""

    hidden_dim = HEAD_DIM
    pages = ((2, 1), (0, 3))  # of each of the batch
    positions = (5, 40)

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("cache", torch.randn(4, KV_HEADS, PAGE, HEAD_DIM))

    def forward(self, x: Tensor) -> Tensor:
        """Tokens are [1, B, 2, D]."""
        cache = self.get_buffer("cache").clone()
        for row, position in enumerate(self.positions):
            cache[self.pages[row][position // PAGE], :, position % PAGE] = x[0, row, :KV_HEADS]
        return cache

    def to_ttnn(self, device: Any) -> Callable[[Any], Any]:
        ttnn: Any = importlib.import_module("ttnn")
        kind = {"dtype": ttnn.int32, "layout": ttnn.ROW_MAJOR_LAYOUT, "device": device}
        pages = ttnn.from_torch(self.page_table(), **kind)
        positions = ttnn.from_torch(self.position_of_each(), **kind)
        cores = ttnn.num_cores_to_corerangeset(BATCH, device.compute_with_storage_grid_size(), True)
        spec = ttnn.ShardSpec(cores, (32, HEAD_DIM), ttnn.ShardOrientation.ROW_MAJOR)
        sharded = ttnn.MemoryConfig(ttnn.TensorMemoryLayout.HEIGHT_SHARDED, ttnn.BufferType.L1, spec)

        def run(x: Any) -> Any:
            kind = {"dtype": ttnn.bfloat16, "layout": ttnn.TILE_LAYOUT, "device": device}
            cache = ttnn.from_torch(self.get_buffer("cache"), **kind)
            tokens = ttnn.to_memory_config(x, sharded)
            ttnn.experimental.paged_update_cache(
                cache, tokens, update_idxs_tensor=positions, page_table=pages
            )
            return cache

        return run

    def page_table(self) -> Tensor:
        return torch.tensor(self.pages, dtype=torch.int32)

    def position_of_each(self) -> Tensor:
        return torch.tensor(self.positions, dtype=torch.int32)
