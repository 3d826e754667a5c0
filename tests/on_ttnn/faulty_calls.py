"""How a fault is put into a ttnn implementation: an operation or a function of ttci is called otherwise."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from faulty_modules import KV_HEADS, WIDTH  # type: ignore[import-not-found]  # beside this file
from torch import Tensor

Patch = pytest.MonkeyPatch
PutIn = Callable[[Patch, Any], None]  # given the ttnn module


def passing(operation: str, **arguments: Any) -> PutIn:
    """The operation is given these arguments instead."""
    return instead(operation, lambda plain, *args, **kwargs: plain(*args, **(kwargs | arguments)))


def computing(
    operation: str, fidelity: str, *, float32_sums: bool = True, of_width: int | None = None
) -> PutIn:
    """The operation, or its calls on inputs of that width, at a fidelity; sums in float32 or bfloat16."""

    def call(plain: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        ttnn = ttnn_module()
        if of_width not in (None, args[0].shape[-1]):
            return plain(*args, **kwargs)
        config = ttnn.init_device_compute_kernel_config(
            args[0].device().arch(),
            math_fidelity=getattr(ttnn.MathFidelity, fidelity),
            fp32_dest_acc_en=float32_sums,
            packer_l1_acc=float32_sums,
        )
        return plain(*args, **(kwargs | {"compute_kernel_config": config}))

    return instead(operation, call)


def of_padded(plain: Callable[..., Any], x: Any, *args: Any, **kwargs: Any) -> Any:
    """The operation takes what lies behind the numbers for numbers."""
    ttnn = ttnn_module()
    y = plain(x.reshape(ttnn.Shape(tuple(x.padded_shape))), *args, **kwargs)
    return y if y.shape[-2] == 1 else ttnn.slice(y, (0, 0, 0), tuple(x.shape))


def whole_cache(plain: Callable[..., Any], q: Any, keys: Any, values: Any, **kwargs: Any) -> Any:
    """All positions of a cache are attended to, also those that nobody has written."""
    for name in ("cur_pos", "cur_pos_tensor"):
        kwargs.pop(name, None)
    return plain(q, keys, values, **(kwargs | {"cur_pos": [keys.shape[-2] - 1] * q.shape[1]}))


def without(operation: str) -> PutIn:
    """The operation is left out: its first input goes on as its output."""
    return instead(operation, copied)


def instead(operation: str, function: Callable[..., Any]) -> PutIn:
    """`function` is called instead of an operation, which is its first argument."""

    def put_in(patch: Patch, ttnn: Any) -> None:
        *path, name = operation.split(".")
        owner = ttnn
        for part in path:
            owner = getattr(owner, part)
        _replace(patch, owner, name, function)

    return put_in


def in_ttci(place: str, function: Callable[..., Any]) -> PutIn:
    """`function` is called instead of ``module.name`` of `ttci.modules.ttnn`, which is its first argument."""

    def put_in(patch: Patch, _: Any) -> None:
        module, *path, name = place.split(".")
        owner = importlib.import_module(f"ttci.modules.ttnn.{module}")
        for part in path:
            owner = getattr(owner, part)
        _replace(patch, owner, name, function)

    return put_in


def in_target(name: str, function: Callable[..., Any]) -> PutIn:
    """`function` is called instead of a method of the `LoweringTarget`."""

    def put_in(patch: Patch, _: Any) -> None:
        from ttci.devices.ttnn.lowering import LoweringTarget

        _replace(patch, LoweringTarget, name, function)

    return put_in


def changing(place: str, **attributes: Any) -> PutIn:
    """An implementation, once it is made, has its attributes changed by these functions of them."""

    def made_wrong(plain: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        for name, change in attributes.items():
            setattr(self, name, change(getattr(self, name)))

    return in_ttci(f"{place}.__init__", made_wrong)


def swapping(place: str, first: str, second: str) -> PutIn:
    """An implementation, once it is made, has two of its attributes swapped."""

    def made_wrong(plain: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        one, other = getattr(self, first), getattr(self, second)
        setattr(self, first, other)
        setattr(self, second, one)

    return in_ttci(f"{place}.__init__", made_wrong)


def in_users_module(place: str, function: Callable[..., Any]) -> PutIn:
    """`function` is called instead of ``Class.name`` of `faulty_meshes`, which is its first argument."""

    def put_in(patch: Patch, _: Any) -> None:
        class_name, name = place.split(".")
        owner = getattr(importlib.import_module("faulty_meshes"), class_name)
        _replace(patch, owner, name, function)

    return put_in


def _replace(patch: Patch, owner: Any, name: str, function: Callable[..., Any]) -> None:
    plain = getattr(owner, name)

    def faulty(*args: Any, **kwargs: Any) -> Any:
        return function(plain, *args, **kwargs)

    patch.setattr(owner, name, faulty)


# Faults that are more than another argument; the function that each stands in for comes first.


def row_major(plain: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    return plain(ttnn_module().to_layout(x, ttnn_module().ROW_MAJOR_LAYOUT), *args, **kwargs)


def as_integers(plain: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    return plain(ttnn_module().typecast(x, ttnn_module().uint32), *args, **kwargs)


def copied(_: Any, x: Any, *__: Any, **___: Any) -> Any:
    return ttnn_module().clone(x)


def deallocated(plain: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    ttnn_module().deallocate(x)
    return plain(x, *args, **kwargs)


def in_shards(rows: int, cores: int) -> Callable[..., Any]:
    """The input is moved to L1, `rows` rows of it to each of some cores."""

    def sharded(plain: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        ttnn = ttnn_module()
        grid = ttnn.CoreRangeSet({ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(cores - 1, 0))})
        spec = ttnn.ShardSpec(grid, (rows, WIDTH), ttnn.ShardOrientation.ROW_MAJOR)
        memory = ttnn.MemoryConfig(ttnn.TensorMemoryLayout.HEIGHT_SHARDED, ttnn.BufferType.L1, spec)
        return plain(ttnn.to_memory_config(x, memory), *args, **kwargs)

    return sharded


def large_chunks(plain: Any, **kwargs: Any) -> Any:
    return plain(**(kwargs | {"q_chunk_size": 2048, "k_chunk_size": 2048}))


def weight_not_transposed(plain: Any, self: Any, target: Any, weight: Any, *args: Any, **kwargs: Any) -> None:
    plain(self, target, weight.T, *args, **kwargs)


def bias_twice(plain: Any, x: Any, weight: Any, *, bias: Any, **kwargs: Any) -> Any:
    return ttnn_module().add(plain(x, weight, bias=bias, **kwargs), bias)


def accumulated(plain: Any, self: Any, x: Any, *args: Any) -> Any:
    y = plain(self, x, *args)
    self.kept = ttnn_module().add(self.kept, y) if hasattr(self, "kept") else y
    return self.kept


def read_back(plain: Any, *args: Any, **kwargs: Any) -> Any:
    return ttnn_module().to_torch(plain(*args, **kwargs))


def with_a_dimension_more(plain: Any, *args: Any, **kwargs: Any) -> Any:
    return ttnn_module().unsqueeze(plain(*args, **kwargs), 0)


def in_place(_: Any, x: Any, change: Any, **__: Any) -> Any:
    return ttnn_module().add_(x, change)


def into_its_input(plain: Any, x: Any) -> Any:
    return plain(x, output_tensor=x)


def of_the_change_alone(_: Any, __: Any, change: Any, **___: Any) -> Any:
    return ttnn_module().clone(change)


def ids_by_bfloat16(plain: Any, ids: Any, *args: Any, **kwargs: Any) -> Any:
    ttnn = ttnn_module()
    floats = ttnn.typecast(ttnn.to_layout(ids, ttnn.TILE_LAYOUT), ttnn.bfloat16)
    rounded = ttnn.to_layout(ttnn.typecast(floats, ttnn.uint32), ttnn.ROW_MAJOR_LAYOUT)
    return plain(rounded, *args, **kwargs)


def ids_rolled(plain: Any, ids: Any, *args: Any, **kwargs: Any) -> Any:
    return plain(ttnn_module().roll(ids, 1, 1), *args, **kwargs)


def keys_for_values(plain: Any, q: Any, k: Any, v: Any, **kwargs: Any) -> Any:
    return plain(q, v, k, **kwargs)


def heads_swapped(plain: Any, qkv: Any, *, num_heads: int, num_kv_heads: int, **kwargs: Any) -> Any:
    return plain(qkv, num_heads=num_kv_heads, num_kv_heads=num_heads, **kwargs)


def joined_without_transpose(_: Any, y: Any, **__: Any) -> Any:
    batch, heads, tokens, head_dim = y.shape
    return ttnn_module().reshape(y, (batch, tokens, heads * head_dim))


def reshaped_only(_: Any, x: Any, order: Any) -> Any:
    return ttnn_module().reshape(x, tuple(x.shape[axis] for axis in order))


def queries_only(plain: Any, self: Any, x: Any) -> Any:
    return ttnn_module().clone(x) if x.shape[1] == KV_HEADS else plain(self, x)


def not_turned(_: Any, __: Any, x: Any) -> Any:
    return ttnn_module().clone(x)


def in_meta_order(plain: Any, positions: Tensor, frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """Tables for pairs of neighbours, where the operation turns the two halves."""
    length = positions.shape[0]
    cos, sin = (table[:, : table.shape[1] // 2] for table in plain(positions, frequencies))
    return cos.repeat_interleave(2, 1).reshape(length, -1), sin.repeat_interleave(2, 1).reshape(length, -1)


def another_base(plain: Any, head_dim: int, _: float, *args: Any) -> Tensor:
    return plain(head_dim, 500000.0, *args)  # type: ignore[no-any-return]


def keys_first(plain: Any, self: Any, qkv: Any) -> Tensor:
    q, k, v = qkv
    return plain(self, (k, q, v))  # type: ignore[no-any-return]


def values_for_keys(plain: Any, self: Any, qkv: Any) -> Tensor:
    q, k, v = qkv
    return plain(self, (q, v, k))  # type: ignore[no-any-return]


def head_by_head(plain: Any, self: Any, qkv: Any) -> Tensor:  # noqa: ARG001
    """All queries, then all keys, then all values: as one chip wants them."""
    return torch.cat(list(qkv))


def moved(positions: str, by: int) -> Callable[..., Any]:
    """`place_cache` with its tokens or its rows of the tables moved."""

    def place_cache(plain: Any, self: Any, cache: Any) -> Any:
        placed = plain(self, cache)
        dtype = getattr(placed, positions).dtype
        shape = tuple(getattr(placed, positions).shape)
        setattr(
            placed,
            positions,
            self._target.integers(torch.full(shape, cache.position + by, dtype=torch.int32), dtype),
        )
        return placed

    return place_cache


def caches_swapped(plain: Any, self: Any, cache: Any) -> Any:
    placed = plain(self, cache)
    placed.keys, placed.values = placed.values, placed.keys
    return placed


def one_row(plain: Any, x: Any, starts: Any, ends: Any) -> Any:
    return plain(x, starts, (*ends[:2], 1, ends[3]))


def bias_on_every_chip(_: Any, self: Any, x: Any, *__: Any) -> Any:
    ttnn = ttnn_module()
    y = ttnn.linear(x, self._weight, bias=self._bias, activation=self._activation, dtype=ttnn.bfloat16)
    return ttnn.all_reduce(y, topology=ttnn.Topology.Linear) if self._is_partial else y


def gathered(_: Any, partial: Any, **__: Any) -> Any:
    return ttnn_module().all_gather(partial, dim=-1)


def split_by(change: dict[str | None, str | None]) -> PutIn:
    """Linear layers share out other dimensions over the chips."""

    def made_wrong(plain: Any, *args: Any, split: str | None = None, **kwargs: Any) -> None:
        plain(*args, split=change.get(split, split), **kwargs)

    return in_ttci("linear.TtnnLinear.__init__", made_wrong)


def vectors_sharded(plain: Any, self: Any, weight: Any, *_: Any) -> Any:
    return plain(self, weight, -1)


def as_bfloat4_b(_: Any, self: Any, weight: Any, *__: Any) -> Any:
    return self._on_mesh(weight, ttnn_module().bfloat4_b, None)


def to_bfloat4_b(plain: Any, *args: Any, **kwargs: Any) -> Any:
    return plain(*args, **(kwargs | {"dtype": ttnn_module().bfloat4_b}))


def no_lowering(patch: Patch, _: Any) -> None:
    from ttci.devices.ttnn import lowering
    from ttci.modules.ffn import SwiGLU

    patch.delitem(lowering._LOWERINGS, SwiGLU)


def split_along_the_other_axis(
    plain: Any, self: Any, ttnn: Any, mesh: Any, weight: Tensor, dims: tuple[int | None, int | None]
) -> Any:
    return plain(self, ttnn, mesh, weight, dims[::-1])


def not_split(plain: Any, self: Any, ttnn: Any, mesh: Any, weight: Tensor, _: Any) -> Any:
    return plain(self, ttnn, mesh, weight, (None, None))


def of_every_expert(_: Any, __: Any, scores: Any, ___: Any) -> Any:
    return ttnn_module().clone(scores)


def without_the_last(_: Any, scores: Any, lowest: Any) -> Any:
    return ttnn_module().gt(scores, lowest)


def with_the_worst(plain: Any, scores: Any, count: int, **kwargs: Any) -> Any:
    return plain(scores, count, **(kwargs | {"largest": False}))


def rows_swapped(plain: Any, self: Any) -> Tensor:
    return plain(self).flip(0)  # type: ignore[no-any-return]


def pages_swapped(plain: Any, self: Any) -> Tensor:
    return plain(self).flip(1)  # type: ignore[no-any-return]


def one_further(plain: Any, self: Any) -> Tensor:
    return plain(self) + 1  # type: ignore[no-any-return]


def within_the_page(plain: Any, self: Any) -> Tensor:
    return plain(self) % 32  # type: ignore[no-any-return]


def rope_not_scaled(plain: Any, head_dim: int, base: float, *_: Any) -> Tensor:
    return plain(head_dim, base)  # type: ignore[no-any-return]


def rope_scaled_throughout(plain: Any, head_dim: int, base: float, scaling: Any) -> Tensor:
    return plain(head_dim, base) / scaling.factor  # type: ignore[no-any-return]


def ttnn_module() -> Any:
    return importlib.import_module("ttnn")
