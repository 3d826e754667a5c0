"""What a tensor of a mock board holds is followed through everything that is done to it."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from ttci.devices.ttnn.numbers import GoldenError

if TYPE_CHECKING:
    from tests.on_ttnn.conftest import Board


def bfloat16(value: Tensor) -> Tensor:
    return value.bfloat16().float()


def test_reading_gives_what_was_put(n150: Board, x: Tensor) -> None:
    assert torch.equal(n150.read(n150.put(x)), x)


def test_values_are_rounded_to_bfloat16(n150: Board) -> None:
    value = torch.tensor([[1.0 + 2**-9, 3.14159]])
    assert torch.equal(n150.read(n150.put(value)), bfloat16(value))


@pytest.mark.parametrize("name", ["bfloat8_b", "bfloat4_b"])
def test_block_floats_are_rounded_as_ttnn_does_on_the_host(n150: Board, x: Tensor, name: str) -> None:
    dtype = getattr(n150.ttnn, name)
    host = n150.ttnn.from_torch(x, dtype=dtype, layout=n150.ttnn.TILE_LAYOUT)
    with n150.follower._methods.suspended():
        expected = host.to_torch()
    assert torch.equal(n150.read(n150.put(x, dtype)), expected)
    assert torch.equal(n150.read(host), expected)
    assert not torch.equal(expected, x)


def test_block_floats_lie_where_products_of_them_are_quick(n150: Board) -> None:
    weight = n150.put(torch.randn(512, 512), n150.ttnn.bfloat8_b)
    cast = n150.ttnn.typecast(n150.put(torch.randn(512, 512)), n150.ttnn.bfloat8_b)
    addresses = [n150.numbers.of(tensor, "it")[0].data_ptr() for tensor in (weight, cast)]
    assert [address % 64 for address in addresses] == [0, 0]


def test_typecast_rounds(n150: Board, x: Tensor) -> None:
    cast = n150.ttnn.typecast(n150.put(x), n150.ttnn.bfloat8_b)
    assert torch.equal(n150.read(cast), n150.read(n150.put(x, n150.ttnn.bfloat8_b)))


def test_integers_are_exact(n150: Board) -> None:
    ids = torch.tensor([[0, 1, 2**24 + 1, 2**31 - 1]], dtype=torch.int32)
    put = n150.put(ids, n150.ttnn.uint32, n150.ttnn.ROW_MAJOR_LAYOUT)
    assert n150.read(put).to(torch.int64).tolist() == ids.tolist()


def test_integers_become_floats(n150: Board) -> None:
    ids = torch.arange(1024, dtype=torch.int32).reshape(32, 32) % 128
    cast = n150.ttnn.typecast(n150.put(ids, n150.ttnn.uint32), n150.ttnn.bfloat16)
    assert torch.equal(n150.read(cast), ids.float())


def test_comparisons_give_zeros_and_ones(n150: Board, x: Tensor) -> None:
    assert torch.equal(n150.read(n150.ttnn.gt(n150.put(x), 0.0)), (x > 0).float())


def test_operators_are_followed(n150: Board, x: Tensor) -> None:
    a, b = n150.put(x), n150.put(x.flip(-1))
    assert torch.equal(n150.read(a + b), bfloat16(x + x.flip(-1)))
    assert torch.equal(n150.read(a * 2.0), 2 * x)
    assert torch.allclose(n150.read(a @ b), x @ x.flip(-1), rtol=1e-2, atol=1e-2)


def test_indexing_is_followed(n150: Board, x: Tensor) -> None:
    a = n150.put(x)
    assert torch.equal(n150.read(a[:, 1:2, :32, 32:]), x[:, 1:2, :32, 32:])
    assert torch.equal(n150.read(a[0]), x[0])


def test_in_place_operation_changes_the_tensor(n150: Board, x: Tensor) -> None:
    a = n150.put(x)
    result = n150.ttnn.add_(a, 1.0)
    assert torch.equal(n150.read(a), bfloat16(x + 1))
    assert torch.equal(n150.read(result), bfloat16(x + 1))


def test_in_place_operation_changes_views(n150: Board, x: Tensor) -> None:
    a = n150.put(x)
    view = n150.ttnn.reshape(a, (2, 1, 64, 64))
    n150.ttnn.multiply_(a, 2.0)
    assert torch.equal(n150.read(view), 2 * x.reshape(2, 1, 64, 64))


def test_operation_leaves_its_inputs_alone(n150: Board, x: Tensor) -> None:
    a, residual = n150.put(x), n150.put(x)
    n150.ttnn.layer_norm(a, epsilon=1e-5, residual_input_tensor=residual)
    assert torch.equal(n150.read(a), x)


def test_golden_that_changes_its_input_is_given_a_copy(n150: Board, x: Tensor) -> None:
    a = n150.put(x)

    def golden(tensor: Tensor, *_: Any, **__: Any) -> Tensor:
        return tensor.mul_(3)

    before = n150.ttnn.silu.golden_function
    n150.ttnn.silu.golden_function = golden
    n150.follower.goldens.changes_inputs.clear()
    try:
        for _ in range(2):
            assert torch.equal(n150.read(n150.ttnn.silu(a)), bfloat16(3 * x))
    finally:
        n150.ttnn.silu.golden_function = before
        n150.follower.goldens.changes_inputs.clear()
    assert torch.equal(n150.read(a), x)


def test_given_output_tensor_is_filled(n150: Board, x: Tensor) -> None:
    a = n150.put(x)
    output = n150.ttnn.empty(
        a.shape, dtype=n150.ttnn.bfloat16, layout=n150.ttnn.TILE_LAYOUT, device=n150.mesh
    )
    n150.ttnn.add(a, a, output_tensor=output)
    assert torch.equal(n150.read(output), 2 * x)


def test_tensor_that_nothing_was_written_to_is_not_zeros(n150: Board) -> None:
    empty = n150.ttnn.empty(
        [32, 32], dtype=n150.ttnn.bfloat16, layout=n150.ttnn.TILE_LAYOUT, device=n150.mesh
    )
    assert bool(n150.read(empty).isnan().all())


def test_list_of_outputs(n150: Board, x: Tensor) -> None:
    parts = n150.ttnn.split(n150.put(x), 32, dim=3)
    assert [
        torch.equal(n150.read(part), want) for part, want in zip(parts, torch.split(x, 32, 3), strict=True)
    ] == [
        True,
        True,
    ]


def test_several_named_outputs(n150: Board, x: Tensor) -> None:
    values, indices = n150.ttnn.topk(n150.put(x), k=32, dim=-1)
    expected = torch.topk(x, 32)
    assert torch.equal(n150.read(values), expected.values)
    assert torch.equal(x.gather(-1, n150.read(indices).long()), expected.values)


@pytest.mark.parametrize("shape", [(2, 1, 64, 64), (1, 1, 128, 64), (1, 2, 32, 128)])
def test_reshape_function_and_method(n150: Board, x: Tensor, shape: tuple[int, ...]) -> None:
    a = n150.put(x)
    assert torch.equal(n150.read(n150.ttnn.reshape(a, shape)), x.reshape(shape))
    row_major = n150.put(x, layout=n150.ttnn.ROW_MAJOR_LAYOUT)
    assert torch.equal(n150.read(row_major.reshape(shape)), x.reshape(shape))


def test_layout_and_memory_leave_the_numbers(n150: Board, x: Tensor) -> None:
    ttnn, a = n150.ttnn, n150.put(x)
    for moved in (
        ttnn.to_layout(a, ttnn.ROW_MAJOR_LAYOUT),
        ttnn.to_memory_config(a, ttnn.L1_MEMORY_CONFIG),
        ttnn.clone(a),
        ttnn.from_device(a),
        ttnn.to_device(ttnn.from_device(a), n150.mesh),
        a.cpu(),
        a.cpu().to(n150.mesh),
    ):
        assert torch.equal(n150.read(moved), x)


def padded(tensor: Any) -> Any:
    """By a method that ttci does not follow."""
    return tensor.pad([1, 1, 5, 6], [0, 0, 0, 0], 7.0)


def test_method_that_is_not_followed_gives_what_lies_in_the_memory_of_the_host(n150: Board) -> None:
    on_host = padded(n150.ttnn.from_torch(torch.ones(1, 1, 3, 4)))
    assert torch.equal(n150.ttnn.to_torch(on_host), torch.ones(1, 1, 3, 4))  # its shape is the logical one
    assert on_host.to_torch_with_padded_shape().sum() == 12 + 7.0 * 18


def test_method_that_is_not_followed_gives_no_zeros_of_the_mock(n150: Board) -> None:
    ttnn = n150.ttnn
    on_board = n150.put(torch.ones(1, 1, 3, 4), layout=ttnn.ROW_MAJOR_LAYOUT)
    for on_host in (ttnn.from_device(on_board), on_board.cpu(), on_board.cpu().reshape((1, 1, 4, 3))):
        with pytest.raises(GoldenError, match="made by a call that ttci does not follow"):
            ttnn.to_torch(padded(padded(on_host)) if on_host.shape[-1] == 4 else padded(on_host))


def test_padding_of_what_nobody_followed_is_not_known(n150: Board) -> None:
    with n150.follower.suspended():
        on_board = n150.put(torch.ones(1, 1, 3, 4))
    with pytest.raises(GoldenError, match="padding is not known on a mock board"):
        on_board.to_torch_with_padded_shape()


def behind(tensor: Any) -> float:
    """The last number of its padding."""
    return float(tensor.cpu().to_torch_with_padded_shape()[0, 0, -1, -1])


def test_padding_is_zero_after_a_conversion_and_as_asked_for(n150: Board) -> None:
    ttnn, x = n150.ttnn, torch.ones(1, 1, 3, 4)
    rows = n150.put(x, layout=ttnn.ROW_MAJOR_LAYOUT)
    assert behind(n150.put(x)) == 0.0
    assert behind(n150.put(x, ttnn.bfloat8_b)) == 0.0
    assert behind(ttnn.to_layout(rows, ttnn.TILE_LAYOUT)) == 0.0
    assert behind(ttnn.tilize_with_val_padding(rows, (1, 1, 32, 32), 7.0)) == 7.0
    assert behind(ttnn.fill_implicit_tile_padding(n150.put(x), 5.0)) == 5.0
    assert behind(ttnn.to_memory_config(n150.put(x), ttnn.L1_MEMORY_CONFIG)) == 0.0
    assert ttnn.from_torch(x).pad_to_tile(3.0).to_torch_with_padded_shape()[0, 0, -1, -1] == 3.0


def test_padding_that_an_operation_leaves_is_nan_until_it_is_filled(n150: Board) -> None:
    ttnn = n150.ttnn
    whole = ttnn.Shape((1, 1, 32, 32))
    doubled = ttnn.multiply(n150.put(torch.ones(1, 1, 3, 4)), 2.0)
    assert math.isnan(behind(doubled))
    assert torch.isnan(n150.read(ttnn.sum(doubled.reshape(whole)))).all()
    assert torch.isnan(n150.read(ttnn.sum(ttnn.reshape(doubled, whole, whole)))).all()
    filled = ttnn.fill_implicit_tile_padding(doubled, 0.0)
    assert n150.read(ttnn.sum(filled.reshape(whole))).item() == 24.0
    assert n150.read(ttnn.sum(doubled)).item() == 24.0  # ttnn masks it itself


def test_what_was_read_from_the_board_while_nothing_was_followed_is_unknown(n150: Board) -> None:
    on_board = n150.put(torch.ones(1, 1, 3, 4))
    with n150.follower.suspended():
        on_host = [on_board.cpu(), n150.ttnn.from_device(on_board)]
    for tensor in on_host:
        with pytest.raises(GoldenError, match="made by a call that ttci does not follow"):
            n150.ttnn.to_torch(tensor)


def test_tensor_that_its_constructor_made_on_the_host_is_known(n150: Board, x: Tensor) -> None:
    made = n150.ttnn.Tensor(x, n150.ttnn.bfloat16)
    assert torch.equal(n150.read(made.to(n150.ttnn.TILE_LAYOUT).to(n150.mesh)), x)


def test_other_ways_to_read(n150: Board) -> None:
    a = n150.put(torch.full((1, 1), 2.5))
    host = n150.ttnn.from_device(a)
    assert host.item() == 2.5
    assert host.to_list() == [[2.5]]
    assert host.to_numpy().tolist() == [[2.5]]
    assert n150.ttnn.to_torch(a, dtype=torch.float64).dtype == torch.float64
    assert n150.ttnn.to_torch(n150.put(torch.ones(1, 1, 2)), torch_rank=2).shape == (1, 2)


def test_copy_to_the_device(n150: Board, x: Tensor) -> None:
    device = n150.put(torch.zeros_like(x))
    host = n150.ttnn.from_torch(x, dtype=n150.ttnn.bfloat16, layout=n150.ttnn.TILE_LAYOUT)
    n150.ttnn.copy_host_to_device_tensor(host, device)
    assert torch.equal(n150.read(device), x)


def test_using_a_deallocated_tensor_is_an_error(n150: Board, x: Tensor) -> None:
    a = n150.put(x)
    n150.ttnn.deallocate(a)
    with pytest.raises(RuntimeError, match="not allocated"):
        n150.ttnn.add(a, 1.0)


def test_reading_a_deallocated_tensor_is_an_error(n150: Board, x: Tensor) -> None:
    """By itself, ttnn would die of a segmentation fault."""
    a = n150.put(x)
    a.deallocate()
    with pytest.raises(GoldenError, match=r"ttnn.to_torch: the tensor of shape .* is deallocated"):
        n150.ttnn.to_torch(a)


def test_operation_that_raises_leaves_the_next_one_right(n150: Board, x: Tensor) -> None:
    a = n150.put(x)
    with pytest.raises(RuntimeError, match="TT_FATAL"):
        n150.ttnn.linear(a, n150.put(x[..., :32, :]))
    assert torch.equal(n150.read(n150.ttnn.add(a, a)), 2 * x)


def test_unknown_tensor_is_an_error_not_zeros(n150: Board, x: Tensor) -> None:
    a = n150.put(x)
    n150.numbers.forget(a)
    with pytest.raises(GoldenError, match=r"ttnn.add: the value of a tensor of shape \(1, 2, 64, 64\)"):
        n150.ttnn.add(a, 1.0)
    with pytest.raises(GoldenError, match="to_torch: the value"):
        n150.ttnn.to_torch(a)


def test_operation_without_a_golden_says_how_to_register_one(n150: Board, x: Tensor) -> None:
    with pytest.raises(
        GoldenError, match=r'ttnn.experimental.rotate_half has no golden; .*register_golden\("ttnn'
    ):
        n150.ttnn.experimental.rotate_half(n150.put(x))


def test_golden_of_another_shape_is_an_error(n150: Board, x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(n150.ttnn.silu, "golden_function", lambda tensor, *_, **__: tensor[:, 0])
    with pytest.raises(
        GoldenError, match=r"ttnn.silu: ttnn gives shape \(1, 2, 64, 64\), its golden \(1, 64"
    ):
        n150.ttnn.silu(n150.put(x))


def test_golden_that_fails_is_named(n150: Board, x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    def golden(*_: Any, **__: Any) -> Tensor:
        raise KeyError("nothing")

    monkeypatch.setattr(n150.ttnn.silu, "golden_function", golden)
    with pytest.raises(GoldenError, match=r"ttnn.silu: its golden fails: KeyError"):
        n150.ttnn.silu(n150.put(x))


def test_forward_pass_can_be_forgotten(n150: Board, x: Tensor) -> None:
    a = n150.put(x)
    clock = n150.numbers.clock
    output = n150.ttnn.add(a, a)
    n150.numbers.forget_since(clock)
    assert [tensor in n150.numbers for tensor in (a, output)] == [True, False]


OPENS_TWICE = """
import os, torch
from ttci.devices.ttnn.boards import BOARDS
from ttci.devices.ttnn.follow import Follower
from ttci.devices.ttnn.runtime import mock_environment, opened_mesh
os.environ.update(mock_environment(BOARDS["n150"]) | {"TT_METAL_LOGGER_LEVEL": "fatal"})
import ttnn
with Follower(ttnn) as follower:
    for time in range(2):
        with opened_mesh(ttnn, (1, 1)) as mesh:
            tensor = ttnn.from_torch(torch.ones(32, 32), layout=ttnn.TILE_LAYOUT, device=mesh)
            total = ttnn.to_torch(ttnn.add(tensor, tensor)).sum().item()
            print("open", len(follower.numbers), total)
        print("closed", len(follower.numbers))
"""


def test_what_lay_on_a_mesh_is_forgotten_when_it_is_closed(tmp_path: Path) -> None:
    """In a process of its own: the board of the other tests stays open."""
    command = [sys.executable, "-c", OPENS_TWICE]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    told = [line for line in ran.stdout.splitlines() if line.startswith(("open", "closed"))]
    assert told == ["open 2 2048.0", "closed 0"] * 2, ran.stderr


def test_reading_a_tensor_leaves_no_value_behind(n150: Board, x: Tensor) -> None:
    put = n150.put(x)
    known = len(n150.numbers)
    for tensor in (put, n150.ttnn.Tensor(x, n150.ttnn.bfloat16)):
        assert torch.equal(n150.read(tensor), x)
    assert len(n150.numbers) == known
