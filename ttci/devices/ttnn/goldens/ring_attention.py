"""Goldens of attention whose tokens are spread over the chips of a line.

Shapes: B batch, H heads, N tokens of all chips, P chips of a line, L joint tokens, D head dim.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ttci.devices.ttnn.goldens.registry import COLLECTIVES, OnChips, groups_of_chips, register_collective
from ttci.devices.ttnn.numbers import GoldenError

_TILE = 32
_NOT_MODELLED = (
    *("kv_cache_batch_idx", "kv_actual_isl", "attention_sink", "sliding_window_size", "circular_kv_cache"),
    *("is_cross", "slot_id", "kv_actual_isl_tensor", "kv_cache_num_layers", "kv_cache_layer_idx"),
    "kv_valid_end_tensor",
)


@register_collective(
    "ttnn.transformer.ring_joint_scaled_dot_product_attention",
    "ttnn.transformer.exp_ring_joint_scaled_dot_product_attention",
)
def _ring_joint_attention(
    shards: list[Tensor],
    input_tensor_k: OnChips,
    input_tensor_v: OnChips,
    joint_tensor_q: OnChips | None = None,
    joint_tensor_k: OnChips | None = None,
    joint_tensor_v: OnChips | None = None,
    *,
    logical_n: int | OnChips,
    scale: float | None = None,
    is_causal: bool = False,
    is_balanced: bool = False,
    **others: Any,
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Each chip's queries see all chips' keys, and those of the joint tokens, which each chip holds whole."""
    _refuse(others, shards[0], input_tensor_k[0], is_causal=is_causal, has_joint=joint_tensor_q is not None)
    length = int(logical_n[0].flatten()[0]) if isinstance(logical_n, OnChips) else int(logical_n)
    places = _places(len(shards), shards[0].shape[2], is_balanced=is_balanced)
    every = torch.cat(places)  # where in the sequence each gathered key stands
    is_real = every < length
    keys, values = (torch.cat(held, dim=2)[:, :, is_real] for held in (input_tensor_k, input_tensor_v))
    results = []
    for chip, own in enumerate(shards):
        joint = own[:, :, :0] if joint_tensor_q is None else joint_tensor_q[chip]
        k, v = keys, values
        if joint_tensor_k is not None and joint_tensor_v is not None:
            k, v = (
                torch.cat([held, of_joint[chip]], dim=2)
                for held, of_joint in ((keys, joint_tensor_k), (values, joint_tensor_v))
            )
        seen = places[chip][:, None] >= every[is_real] if is_causal else None
        output = _attention(torch.cat([own, joint], dim=2), k, v, seen, scale)
        rows = 2 * (_whole_tiles(own.shape[2]) + _whole_tiles(joint.shape[2]))
        scratch = torch.full((*own.shape[:2], rows, 1), torch.nan)  # ttnn's own
        results.append((output[:, :, : own.shape[2]], output[:, :, own.shape[2] :], scratch))
    return results


def _refuse(others: dict[str, Any], q: Tensor, k: Tensor, *, is_causal: bool, has_joint: bool) -> None:
    given = [name for name in _NOT_MODELLED if others.get(name) is not None and others[name] is not False]
    given += ["logical_l"] if others.get("logical_l", 0) != 0 else []
    if given:
        raise GoldenError(f"its argument {given[0]} is not modelled on a mock board")
    if q.shape[2] != k.shape[2]:
        raise GoldenError("queries of a part of the keys' tokens are not modelled on a mock board")
    if is_causal and has_joint:
        raise GoldenError("is_causal with joint tokens is not modelled on a mock board")


def _places(chips: int, tokens: int, *, is_balanced: bool) -> list[Tensor]:
    """Of each chip, where in the sequence its tokens stand; balanced, it has a part from either end."""
    sequence = torch.arange(chips * tokens)
    if not is_balanced:
        return list(sequence.chunk(chips))
    parts = sequence.chunk(2 * chips)
    return [torch.cat([parts[chip], parts[2 * chips - 1 - chip]]) for chip in range(chips)]


def _attention(q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None, scale: float | None) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, seen, scale=scale, enable_gqa=q.shape[1] != k.shape[1])


def _whole_tiles(size: int) -> int:
    return size + -size % _TILE


def _ring_distributed_attention(
    shards: list[Tensor],
    mesh_shape: tuple[int, ...],
    input_tensor_k: OnChips,
    input_tensor_v: OnChips,
    ring_size: int,
    ring_id: int | None = None,
    *,
    scale: float | None = None,
    page_table: OnChips | None = None,
    chunk_start_idx: int | None = None,
    **_: Any,
) -> list[Tensor]:
    """Causal attention, of which each chip computes a part of the queries from either end."""
    if page_table is not None or chunk_start_idx:
        raise GoldenError("its arguments page_table and chunk_start_idx are not modelled on a mock board")
    given = list(shards)
    rings = _rings(mesh_shape, ring_size) if ring_id is None else [list(range(len(shards)))]
    for ring in rings:
        for place, chip in enumerate(ring):
            q, k, v = shards[chip], input_tensor_k[chip], input_tensor_v[chip]
            parts = _places(ring_size, q.shape[2] // ring_size, is_balanced=True)
            rows = parts[place if ring_id is None else ring_id]
            seen = rows[:, None] >= torch.arange(k.shape[2])
            given[chip] = _attention(q[:, :, rows], k, v, seen, scale)
    return given


def _rings(mesh_shape: tuple[int, ...], ring_size: int) -> list[list[int]]:
    """The lines of so many chips along the axis of the mesh that is as long."""
    axes = [axis for axis, size in enumerate(mesh_shape) if size == ring_size]
    if len(axes) != 1:
        raise GoldenError(
            f"of a mesh of {mesh_shape} it is not known which chips make a ring of {ring_size}; give ring_id"
        )
    return groups_of_chips(mesh_shape, axes[0])


COLLECTIVES["ttnn.transformer.ring_distributed_scaled_dot_product_attention"] = _ring_distributed_attention


@register_collective("ttnn.transformer.ring_mla")
def _ring_mla(*_: Any, **__: Any) -> list[Any]:
    """Ttnn's own golden is of the whole sequence, and not of what a chip holds."""
    raise GoldenError("it is not modelled on a mock board; give it to a board")
