"""Goldens of experts that are spread over the chips of a mesh: tokens sent to them, and taken back.

Shapes: B batch, S tokens, H width, E experts, K experts of each token, D chips. A mapping [1, 1, E, D] says
which chip has which expert. Where nothing was sent, what a chip holds is undefined.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import COLLECTIVES, OnChips, groups_of_chips

_BATCH = 1  # a dimension of [1, B, S, H]


def _dispatch(
    shards: list[Tensor],
    mesh_shape: tuple[int, ...],
    expert_indices_tensor: OnChips,
    expert_mapping_tensor: OnChips,
    *,
    cluster_axis: int | None = None,
    output_concat_dim: int = _BATCH,
    **_: Any,
) -> list[tuple[Tensor, ...]]:
    """Each chip gets the tokens of its line that chose an expert of its own, and what all of them chose."""
    given: list[tuple[Tensor, ...]] = [()] * len(shards)
    for line in groups_of_chips(mesh_shape, cluster_axis):
        tokens, chosen = (
            torch.cat([_by_token(held[chip]) for chip in line], dim=output_concat_dim)
            for held in (shards, expert_indices_tensor)
        )
        for chip in line:
            is_own = expert_mapping_tensor[chip][0, 0, :, chip].bool()  # [E]
            is_sent = is_own[chosen.long()].any(-1, keepdim=True)  # [1, B, S, 1]
            given[chip] = (torch.where(is_sent, tokens, torch.nan), chosen)
    return given


def _by_token(x: Tensor) -> Tensor:
    """[1, B, S, H] of [B, 1, S, H] or [B, S, 1, H]."""
    return x.reshape(1, x.shape[0], -1, x.shape[-1])


def _combine(
    shards: list[Tensor],
    mesh_shape: tuple[int, ...],
    expert_metadata_tensor: OnChips,
    expert_mapping_tensor: OnChips,
    *,
    local_reduce: bool = False,
    output_shard_dim: int = _BATCH,
    cluster_axis: int | None = None,
    **_: Any,
) -> list[Tensor]:
    """[K, B, S, H] of a line's tokens, of which each chip takes its part."""
    given = list(shards)
    for line in groups_of_chips(mesh_shape, cluster_axis):
        chosen = expert_metadata_tensor[line[0]][0].long()  # [B, S, K]
        whole = torch.full((chosen.shape[-1], *chosen.shape[:2], shards[0].shape[-1]), torch.nan)
        for chip in line:
            experts = _own_experts(expert_mapping_tensor[chip], chip)
            whole = _with_results(whole, shards[chip], experts, chosen, local_reduce=local_reduce)
        for chip, part in zip(line, whole.chunk(len(line), dim=output_shard_dim), strict=True):
            given[chip] = part
    return given


def _with_results(
    whole: Tensor, results: Tensor, experts: Tensor, chosen: Tensor, *, local_reduce: bool
) -> Tensor:
    """`whole` with what a chip's experts gave; summed on the chip, it stands where the first of them does."""
    written = torch.zeros(chosen.shape[:2], dtype=torch.bool)  # [B, S]
    for place, expert in enumerate(experts.tolist()):
        is_chosen = chosen == expert
        slots = (is_chosen & (is_chosen.cumsum(-1) == 1)).permute(2, 0, 1)  # [K, B, S]
        if local_reduce:
            slots = slots & ~written
            written = written | slots.any(0)
        whole = torch.where(slots[..., None], results[0 if local_reduce else place], whole)
    return whole


def _own_experts(mapping: Tensor, chip: int) -> Tensor:
    return mapping[0, 0, :, chip].nonzero().flatten()


def _token_remap(
    shards: list[Tensor],
    _mesh_shape: tuple[int, ...],
    expert_mapping_tensor: OnChips,
    expert_metadata_tensor: OnChips,
    *,
    reduction_size: int = 16,
    **_: Any,
) -> list[tuple[Tensor, Tensor]]:
    """The scores of each chip's own experts, and of so many tokens together whether there is one."""
    given = []
    for chip, scores in enumerate(shards):  # [1, B, S, E]
        experts = _own_experts(expert_mapping_tensor[chip], chip)
        is_chosen = (expert_metadata_tensor[chip].long()[..., None] == experts).any(-2)
        own = torch.where(is_chosen, scores[..., experts], 0.0)  # [1, B, S, E / D]
        together = own.reshape(1, 1, -1, reduction_size, len(experts)).bool().any(3)
        given.append((own, together.long()))
    return given


def _routing_remap(
    shards: list[Tensor],
    mesh_shape: tuple[int, ...],
    non_zero_weight_size: int,
    expert_parallel_size: int,
    cluster_axis: int,
    **_: Any,
) -> list[Tensor]:
    """The chips of a line share the weights that are not zero, in their order."""
    given, each = list(shards), non_zero_weight_size // expert_parallel_size
    for line in groups_of_chips(mesh_shape, cluster_axis):
        for place, chip in enumerate(line):
            weights = shards[chip].flatten()
            own = weights.nonzero().flatten()[place * each : (place + 1) * each]
            part = torch.zeros_like(weights)
            part[own] = weights[own]
            given[chip] = part.reshape(shards[chip].shape)
    return given


# They ask for a chip's place in the whole mesh.
COLLECTIVES["ttnn.all_to_all_dispatch"] = _dispatch
COLLECTIVES["ttnn.all_to_all_combine"] = _combine
COLLECTIVES["ttnn.moe_expert_token_remap"] = _token_remap
COLLECTIVES["ttnn.moe_routing_remap"] = _routing_remap
