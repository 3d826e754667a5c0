"""Traces on a mock board: recorded, replayed with the numbers of then, and refused where a board would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from ttci.devices.ttnn.numbers import GoldenError

if TYPE_CHECKING:
    from tests.on_ttnn.conftest import Board


@pytest.fixture(autouse=True)
def _no_trace_is_left_open(n150: Board) -> Iterator[None]:
    yield
    n150.follower._traces.capturing = None


def captured(board: Board, call: Callable[[], Any]) -> tuple[Any, Any]:
    """The trace of `call`, whose programs are compiled before, and what it gave meanwhile."""
    call()
    trace = board.ttnn.begin_trace_capture(board.mesh, cq_id=0)
    output = call()
    board.ttnn.end_trace_capture(board.mesh, trace, cq_id=0)
    return trace, output


def write(board: Board, value: Tensor, target: Any) -> None:
    ttnn = board.ttnn
    host = ttnn.from_torch(value, dtype=target.dtype, layout=ttnn.TILE_LAYOUT)
    ttnn.copy_host_to_device_tensor(host, target)


def test_a_trace_computes_of_what_its_inputs_hold_when_it_is_executed(n150: Board, x: Tensor) -> None:
    ttnn, put = n150.ttnn, n150.put(x)
    trace, output = captured(n150, lambda: ttnn.multiply(ttnn.add(put, 1.0), 2.0))
    assert n150.read(output).isnan().all()  # a capture computes nothing
    for value in (x, -x):
        write(n150, value, put)
        ttnn.execute_trace(n150.mesh, trace, cq_id=0, blocking=False)
        expected = ((value.bfloat16() + 1) * 2).float()
        assert torch.equal(n150.read(output), expected)
    ttnn.release_trace(n150.mesh, trace)


def test_methods_of_tensors_are_part_of_a_trace(n150: Board, x: Tensor) -> None:
    ttnn, put = n150.ttnn, n150.put(x)
    trace, output = captured(n150, lambda: ttnn.neg(put).reshape((128, 64)))
    write(n150, x + 1, put)
    ttnn.execute_trace(n150.mesh, trace)
    assert torch.equal(n150.read(output), -(x + 1).bfloat16().float().reshape(128, 64))


def test_what_a_trace_changes_in_place_changes_once_each_execution(n150: Board, x: Tensor) -> None:
    ttnn, total, one = n150.ttnn, n150.put(torch.zeros_like(x)), n150.put(torch.ones_like(x))
    trace, _ = captured(n150, lambda: ttnn.add_(total, one))
    assert n150.read(total).eq(1).all()  # by the call before it
    for count in (2, 3):
        ttnn.execute_trace(n150.mesh, trace)
        assert n150.read(total).eq(count).all()


def test_a_cache_is_filled_where_the_position_says_at_each_execution(n150: Board) -> None:
    ttnn = n150.ttnn
    cache, token = n150.put(torch.zeros(1, 1, 64, 32)), n150.put(torch.ones(1, 1, 32, 32))
    position = ttnn.from_torch(torch.tensor([3]), dtype=ttnn.int32, device=n150.mesh)
    sharded = ttnn.create_sharded_memory_config(
        (32, 32), ttnn.CoreGrid(x=1, y=1), ttnn.ShardStrategy.HEIGHT, use_height_and_width_as_shard_shape=True
    )
    token = ttnn.to_memory_config(token, sharded)
    trace, _ = captured(
        n150,
        lambda: ttnn.experimental.paged_update_cache(cache, token, update_idxs_tensor=position),
    )
    ttnn.copy_host_to_device_tensor(ttnn.from_torch(torch.tensor([7]), dtype=ttnn.int32), position)
    ttnn.execute_trace(n150.mesh, trace)
    filled = n150.read(cache)[0, 0].eq(1).all(dim=-1)
    assert filled.nonzero().flatten().tolist() == [3, 7]


def test_what_a_trace_made_for_itself_takes_no_memory(n150: Board) -> None:
    ttnn = n150.ttnn
    put = n150.put(torch.ones(1, 1, 2048, 2048))  # 8 MiB of 90 MiB in L1

    def call() -> Any:
        total = put
        for _ in range(20):
            total = ttnn.add(total, put, memory_config=ttnn.L1_MEMORY_CONFIG)
        return total

    trace, output = captured(n150, call)
    known = len(n150.numbers)
    ttnn.execute_trace(n150.mesh, trace)
    assert n150.read(output).eq(21).all()
    assert len(n150.numbers) == known


def test_two_traces_may_use_the_same_memory_in_turns(n150: Board, x: Tensor) -> None:
    ttnn, put = n150.ttnn, n150.put(x)
    first, doubled = captured(n150, lambda: ttnn.neg(ttnn.multiply(ttnn.neg(put), 2.0)))
    second, tripled = captured(n150, lambda: ttnn.multiply(put, 3.0))
    value = x.bfloat16()
    for _ in range(2):
        ttnn.execute_trace(n150.mesh, first)
        ttnn.execute_trace(n150.mesh, second)
        assert torch.equal(n150.read(doubled), (value * 2).float())
        assert torch.equal(n150.read(tripled), (value * 3).float())


def test_a_tensor_that_a_trace_overwrites_is_named(n150: Board, x: Tensor) -> None:
    ttnn, put = n150.ttnn, n150.put(x)
    trace, _ = captured(n150, lambda: ttnn.neg(ttnn.multiply(ttnn.neg(put), 2.0)))
    later = [ttnn.add(put, float(number)) for number in range(4)]  # some where the trace's own tensors lay
    ttnn.execute_trace(n150.mesh, trace)
    with pytest.raises(GoldenError, match=r"a trace that was executed has overwritten the tensor of shape"):
        list(map(n150.read, later))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda b, put, _x: b.ttnn.to_torch(put), "ttnn.to_torch: a board is not read while a trace is"),
        (lambda _b, put, _x: put.cpu(), "Tensor.cpu: a board is not read while a trace is captured"),
        (lambda _b, put, _x: put.item(), "Tensor.item: a board is not read while"),
        (lambda b, _put, x: b.put(x), "ttnn.from_torch: a board is not written to while a trace is"),
        (lambda b, put, _x: b.ttnn.zeros_like(put), "ttnn.zeros_like: a board is not written to"),
        (
            lambda b, put, x: write(b, x[:1, :1], put),
            "ttnn.copy_host_to_device_tensor: a board is not written to",
        ),
        (
            lambda b, put, _x: b.ttnn.hypot(put, put),
            "ttnn.hypot: its program was not compiled before the trace is captured",
        ),
        (
            lambda b, _put, _x: b.ttnn.begin_trace_capture(b.mesh, cq_id=0),
            "ttnn.begin_trace_capture: a trace is being captured already",
        ),
        (
            lambda b, _put, _x: b.ttnn.execute_trace(b.mesh, b.ttnn.MeshTraceId(0)),
            "ttnn.execute_trace: a trace is being captured; end it first",
        ),
    ],
)
def test_what_a_board_refuses_while_it_captures_is_refused(
    n150: Board, x: Tensor, wrong: Callable[[Board, Any, Tensor], Any], said: str
) -> None:
    put = n150.put(x[:1, :1])
    n150.ttnn.begin_trace_capture(n150.mesh, cq_id=0)
    with pytest.raises(GoldenError, match=said.replace(".", r"\.")):
        wrong(n150, put, x)


def test_a_released_trace_is_not_executed(n150: Board, x: Tensor) -> None:
    ttnn, put = n150.ttnn, n150.put(x)
    trace, _ = captured(n150, lambda: ttnn.neg(put))
    ttnn.release_trace(n150.mesh, trace)
    with pytest.raises(
        GoldenError, match=r"execute_trace: there is no .* it was released, or never captured"
    ):
        ttnn.execute_trace(n150.mesh, trace)
    with pytest.raises(GoldenError, match=r"end_trace_capture: no trace is being captured"):
        ttnn.end_trace_capture(n150.mesh, trace)


def test_whether_a_trace_is_being_captured_is_told(n150: Board) -> None:
    ttnn = n150.ttnn
    assert not ttnn.is_trace_capture_active(n150.mesh)
    trace = ttnn.begin_trace_capture(n150.mesh, cq_id=0)
    assert ttnn.is_trace_capture_active(n150.mesh)
    ttnn.end_trace_capture(n150.mesh, trace, cq_id=0)
    assert not ttnn.is_trace_capture_active(n150.mesh)


def test_one_queue_may_wait_for_another(n150: Board) -> None:
    n150.ttnn.wait_for_event(0, n150.ttnn.record_event(n150.mesh, 0))
