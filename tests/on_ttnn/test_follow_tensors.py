"""Ways to make, move, write and read tensors that are not operations: each followed, or refused by name."""

from __future__ import annotations

import functools
import itertools
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from ttci.devices.ttnn.goldens import CHANGES, GOLDENS
from ttci.devices.ttnn.goldens.registry import _USERS, check_names
from ttci.devices.ttnn.numbers import DeallocatedError, GoldenError
from ttci.errors import InputError
from ttci.testing import register_golden

if TYPE_CHECKING:
    from tests.on_ttnn.conftest import Board


def test_cache_file_is_written_and_read_again(n150: Board, x: Tensor, tmp_path: Path) -> None:
    ttnn = n150.ttnn
    how = {
        "dtype": ttnn.bfloat16,
        "layout": ttnn.TILE_LAYOUT,
        "device": n150.mesh,
        "memory_config": ttnn.DRAM_MEMORY_CONFIG,
        "cache_file_name": str(tmp_path / "weight"),
    }
    assert torch.equal(n150.read(ttnn.as_tensor(x, **how)), x)
    assert len(list(tmp_path.iterdir())) == 1
    # What lies in the file counts from here on, whatever is given.
    assert torch.equal(n150.read(ttnn.as_tensor(torch.zeros_like(x), **how)), x)


@pytest.mark.parametrize("on_board", [False, True])
def test_dumped_tensor_holds_the_numbers(n150: Board, x: Tensor, tmp_path: Path, on_board: bool) -> None:
    ttnn, file = n150.ttnn, str(tmp_path / "it.tensorbin")
    put = n150.put(x)
    ttnn.dump_tensor(file, put if on_board else ttnn.from_device(put))
    assert torch.equal(n150.read(ttnn.load_tensor(file)), x)
    assert torch.equal(n150.read(ttnn.load_tensor(file, device=n150.mesh)), x)


def test_dumping_what_is_not_known_is_an_error(n150: Board, x: Tensor, tmp_path: Path) -> None:
    put = n150.put(x)
    n150.numbers.forget(put)
    with pytest.raises(GoldenError, match=r"ttnn.dump_tensor: the value of a tensor"):
        n150.ttnn.dump_tensor(str(tmp_path / "it.tensorbin"), put)


def test_numbers_of_tensors_that_nobody_holds_are_forgotten(n150: Board, x: Tensor) -> None:
    ttnn, put = n150.ttnn, n150.put(x)
    before = len(n150.numbers)
    for _ in range(50):  # nothing says that the sum of the turn before is gone
        total = ttnn.add(ttnn.multiply(put, 2.0), put)
    assert len(n150.numbers) <= before + 3
    assert torch.allclose(n150.read(total), 3 * x, rtol=2e-2)


def test_bookkeeping_does_not_grow_with_the_operations(n150: Board, x: Tensor) -> None:
    ttnn, put = n150.ttnn, n150.put(x)

    def kept_bytes() -> int:
        for _ in range(100):
            ttnn.deallocate(ttnn.add(put, put))
        numbers = tracemalloc.Filter(inclusive=True, filename_pattern="*/ttnn/numbers.py")
        return sum(found.size for found in tracemalloc.take_snapshot().filter_traces([numbers]).traces)

    tracemalloc.start()
    try:
        sizes = [kept_bytes() for _ in range(4)]
        grown = [after - before for before, after in itertools.pairwise(sizes)]
        assert min(grown) < 1000  # ten bytes an operation; a dictionary may find once that it wants more room
    finally:
        tracemalloc.stop()


def test_printing_shows_the_numbers(n150: Board) -> None:
    put = n150.put(torch.full((32, 32), 2.5))
    assert "2.5000" in repr(put)
    assert "2.5000" in str(n150.ttnn.from_device(put))


def test_printing_what_is_not_known_says_so(n150: Board, x: Tensor) -> None:
    put = n150.put(x)
    n150.numbers.forget(put)
    assert "not known on a mock board" in repr(put)
    n150.ttnn.deallocate(put)
    assert "not allocated" in repr(put)


def test_pieces_are_combined(n150: Board, x: Tensor) -> None:
    ttnn = n150.ttnn
    pieces = ttnn.get_device_tensors(n150.put(x))
    assert torch.equal(n150.read(ttnn.combine_device_tensors(tensors=pieces)), x)


def test_tensors_that_were_allocated_are_copied_to(n150: Board, x: Tensor) -> None:
    ttnn, put = n150.ttnn, n150.put(x)
    on_board = ttnn.allocate_tensor_on_device(put.spec, n150.mesh)
    ttnn.copy_host_to_device_tensor(ttnn.from_device(put), on_board)
    assert torch.equal(n150.read(on_board), x)
    on_host = ttnn.allocate_tensor_on_host(put.spec, n150.mesh)
    ttnn.copy_device_to_host_tensor(on_board, on_host)
    assert torch.equal(n150.read(on_host), x)


def test_tensor_of_a_buffer(n150: Board) -> None:
    ttnn = n150.ttnn
    made = ttnn.from_buffer([1, 2, 3, 4], [2, 2], ttnn.int32, n150.mesh, ttnn.ROW_MAJOR_LAYOUT)
    assert n150.read(made).tolist() == [[1, 2], [3, 4]]


def test_tensor_that_its_constructor_made_on_the_board_holds_its_numbers(n150: Board, x: Tensor) -> None:
    ttnn, on_board = n150.ttnn, n150.mesh
    memory = ttnn.DRAM_MEMORY_CONFIG
    for made in (
        ttnn.Tensor(x, ttnn.bfloat16, device=on_board, layout=ttnn.TILE_LAYOUT),
        ttnn.Tensor(x.numpy(), ttnn.bfloat16, on_board, ttnn.TILE_LAYOUT, memory),
        ttnn.Tensor(tensor=x, data_type=ttnn.bfloat16, device=on_board, layout=ttnn.ROW_MAJOR_LAYOUT),
        ttnn.Tensor(x.flatten().tolist(), list(x.shape), ttnn.bfloat16, ttnn.TILE_LAYOUT, on_board),
        ttnn.Tensor(n150.put(x)),
    ):
        assert torch.equal(n150.read(ttnn.neg(made)), -x)
    blocks = ttnn.Tensor(x, ttnn.bfloat4_b, on_board, ttnn.TILE_LAYOUT)
    assert torch.equal(n150.read(blocks), n150.read(n150.put(x, ttnn.bfloat4_b)))
    assert not torch.equal(n150.read(blocks), x)


def test_class_of_tensors_is_still_taken_for_what_it_is(n150: Board, x: Tensor) -> None:
    made, standing = n150.put(x), n150.ttnn.Tensor
    kind: Any = type(made)
    assert isinstance(made, standing)
    assert not isinstance(x, standing)
    assert isinstance(made, standing | None)
    assert kind == standing  # as callers compare
    assert {kind: 1}[standing] == 1
    assert issubclass(kind, standing)
    assert standing.reshape is kind.reshape
    assert dir(standing) == dir(kind)
    dispatch = functools.singledispatch(lambda _: "another")
    dispatch.register(standing, lambda _: "tensor")
    assert (dispatch(made), dispatch(x)) == ("tensor", "another")


def test_shards_move(n150: Board, x: Tensor) -> None:
    ttnn, shape = n150.ttnn, (1, 1, 128, 64)
    rows = ttnn.create_sharded_memory_config(shape, ttnn.CoreGrid(y=2, x=1), ttnn.ShardStrategy.HEIGHT)
    columns = ttnn.create_sharded_memory_config(shape, ttnn.CoreGrid(y=1, x=2), ttnn.ShardStrategy.WIDTH)
    sharded = ttnn.interleaved_to_sharded(n150.put(x), rows)
    for moved in (
        sharded,
        ttnn.reshard(sharded, columns),
        ttnn.sharded_to_interleaved(sharded, ttnn.DRAM_MEMORY_CONFIG),
        n150.put(x).cpu().to(n150.mesh, ttnn.L1_MEMORY_CONFIG),
    ):
        assert torch.equal(n150.read(moved), x)


OUTPUTS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "output_tensor": lambda ttnn, a, out: ttnn.exp(a, output_tensor=out),
    "optional_output_tensor": lambda ttnn, a, out: ttnn.matmul(a, a, optional_output_tensor=out),
    "by place": lambda ttnn, a, out: ttnn.moreh_sgd(
        a, a, None, out, None, 0.1, 0.0, 0.0, 0.0, False, momentum_initialized=False
    ),
    "copied to": lambda ttnn, a, out: ttnn.copy(a, out),
    "assigned": lambda ttnn, a, out: ttnn.assign(a, out),
}
EXPECTED: dict[str, Callable[[Tensor], Tensor]] = {
    "output_tensor": torch.exp,
    "optional_output_tensor": lambda x: x @ x,
    "by place": lambda x: 0.9 * x,
    "copied to": lambda x: x,
    "assigned": lambda x: x,
}


@pytest.mark.parametrize("how", OUTPUTS)
def test_tensor_that_was_given_to_be_filled_holds_the_result(n150: Board, x: Tensor, how: str) -> None:
    output = n150.put(torch.zeros_like(x))
    view = n150.ttnn.reshape(output, (2, 1, 64, 64))
    OUTPUTS[how](n150.ttnn, n150.put(x), output)
    expected = EXPECTED[how](x)
    assert torch.allclose(n150.read(output), expected, rtol=2e-2, atol=5e-2)
    assert torch.allclose(n150.read(view), expected.reshape(2, 1, 64, 64), rtol=2e-2, atol=5e-2)


def test_several_tensors_that_were_given_are_filled(n150: Board, x: Tensor) -> None:
    ttnn, shape = n150.ttnn, (1, 2, 64, 32)
    values = n150.put(torch.zeros(shape))
    places = n150.put(torch.zeros(shape, dtype=torch.int32), ttnn.uint16)
    ttnn.topk(n150.put(x), 32, output_tensor=(values, places))
    assert torch.equal(n150.read(values), x.topk(32).values)
    assert torch.equal(x.gather(-1, n150.read(places).long()), x.topk(32).values)


def test_arguments_of_other_names(n150: Board, x: Tensor) -> None:
    ttnn = n150.ttnn
    assert torch.equal(n150.read(ttnn.reshape(input_tensor=n150.put(x), shape=(2, 64, 64))), x[0])
    added = ttnn.add(input_tensor_a=n150.put(x), input_tensor_b=n150.put(x))
    assert torch.equal(n150.read(added), 2 * x)
    shapes = ttnn.Shape([1, 20, 64]), ttnn.Shape([1, 32, 64])
    assert torch.equal(n150.read(ttnn.reshape(n150.put(x[:, :1, :20]), *shapes)), x[:, 0, :20])


def test_golden_that_reads_its_tensors_itself_reads_no_zeros(n150: Board, x: Tensor) -> None:
    """That of a pad does, before it computes."""
    wide = n150.read(n150.ttnn.pad(n150.put(x), [(0, 0), (0, 0), (0, 32), (0, 0)], 1.0))
    assert torch.equal(wide, torch.nn.functional.pad(x, (0, 0, 0, 32), value=1.0))


def test_complex_tensors(n150: Board, x: Tensor) -> None:
    ttnn = n150.ttnn
    number = ttnn.complex_tensor(n150.put(x), n150.put(x.flip(-1)))
    assert torch.equal(n150.read(ttnn.imag(number)), x.flip(-1))
    turned = ttnn.polar(number)
    expected = torch.polar(x, x.flip(-1))
    assert torch.allclose(n150.read(turned.real), expected.real, rtol=1e-2, atol=1e-2)
    assert torch.allclose(n150.read(turned.imag), expected.imag, rtol=1e-2, atol=1e-2)


def test_no_numbers(n150: Board, x: Tensor) -> None:
    ttnn = n150.ttnn
    assert n150.read(n150.put(torch.zeros(0, 32))).shape == (0, 32)
    assert n150.read(n150.put(x)[:, :, 0:0]).shape == (1, 2, 0, 64)
    assert n150.read(ttnn.slice(n150.put(x), [0, 0, 0, 0], [1, 2, 0, 64])).shape == (1, 2, 0, 64)
    one, other = n150.put(torch.zeros(0, 32)), n150.put(torch.zeros(0, 32))  # at the same address
    assert n150.read(ttnn.add(one, other)).shape == (0, 32)


def test_what_is_not_finite_is_kept(n150: Board, x: Tensor) -> None:
    x[0, 0, 0, :2] = torch.tensor([torch.nan, torch.inf])
    output = n150.read(n150.ttnn.add(n150.put(x), 1.0))
    assert bool(output[0, 0, 0, 0].isnan())
    assert bool(output[0, 0, 0, 1].isinf())
    assert bool(output[0, 0, 1:].isfinite().all())


USES: dict[str, Callable[[Any, Any], Any]] = {
    "to_torch": lambda ttnn, tensor: ttnn.to_torch(tensor),
    "to_layout": lambda ttnn, tensor: ttnn.to_layout(tensor, ttnn.ROW_MAJOR_LAYOUT),
    "add": lambda ttnn, tensor: ttnn.add(tensor, 1.0),
    "dump_tensor": lambda ttnn, tensor: ttnn.dump_tensor("it.tensorbin", tensor),
    "copy": lambda ttnn, tensor: ttnn.copy_host_to_device_tensor(ttnn.from_torch(torch.ones(1)), tensor),
    "cpu": lambda _, tensor: tensor.cpu(),
    "to_list": lambda _, tensor: tensor.to_list(),
    "get_device_tensors": lambda ttnn, tensor: ttnn.get_device_tensors(tensor),
}


@pytest.mark.parametrize("use", USES)
def test_using_a_deallocated_tensor_names_it_and_does_not_crash(n150: Board, x: Tensor, use: str) -> None:
    put = n150.put(x)
    n150.ttnn.deallocate(put)
    with pytest.raises(DeallocatedError, match=r"tensor of shape \(1, 2, 64, 64\) is deallocated"):
        USES[use](n150.ttnn, put)


@pytest.fixture
def _forgets_goldens() -> Iterator[None]:
    tables: list[dict[str, Any]] = [GOLDENS, CHANGES, _USERS]
    before = [dict(table) for table in tables]
    yield
    for table, held in zip(tables, before, strict=True):
        table.clear()
        table.update(held)


@pytest.mark.usefixtures("_forgets_goldens")
def test_golden_of_an_operation_that_ttnn_does_not_have(n150: Board) -> None:
    with pytest.raises(InputError, match=r"test_follow_tensors.py:\d+: .*'ttnn.silo'; did you mean"):
        register_golden("ttnn.silo")(lambda x: x)
    register_golden("mine.silo")(lambda x: x)  # may be registered with ttnn later
    check_names(n150.ttnn)


@pytest.mark.usefixtures("_forgets_goldens")
def test_second_golden_of_an_operation_names_the_first() -> None:
    register_golden("ttnn.silu")(lambda x: x)
    with pytest.raises(InputError, match=r"tensors.py:\d+: 'ttnn.silu' has a golden already, of .*py:\d+"):
        register_golden("ttnn.silu")(lambda x: 2 * x)


@pytest.mark.usefixtures("_forgets_goldens")
def test_golden_is_registered_again_where_its_file_is_loaded_again(n150: Board, x: Tensor) -> None:
    for factor in (2, 3):
        register_golden("ttnn.silu")(lambda tensor, factor=factor: factor * tensor)
    assert torch.equal(n150.read(n150.ttnn.silu(n150.put(x))), (3 * x).bfloat16().float())


@pytest.mark.usefixtures("_forgets_goldens")
def test_golden_whose_arguments_do_not_fit_is_named_with_its_place(n150: Board, x: Tensor) -> None:
    register_golden("ttnn.silu")(lambda: None)
    with pytest.raises(GoldenError, match=r"ttnn.silu: its golden \(.*py:\d+\) fails: TypeError.*mend it"):
        n150.ttnn.silu(n150.put(x))


@pytest.mark.usefixtures("_forgets_goldens")
def test_golden_that_also_tells_what_its_operation_writes_to(n150: Board, x: Tensor) -> None:
    """The operation gives what a plain silu does, and is said to change its input."""
    register_golden("ttnn.silu", changes=lambda tensor, **_: [tensor])(
        lambda tensor, **_: [2 * tensor, -tensor]
    )
    put = n150.put(x)
    assert torch.equal(n150.read(n150.ttnn.silu(put)), 2 * x)
    assert torch.equal(n150.read(put), -x)


def run_own_kernel(n150: Board, source: Any, target: Any) -> Any:
    """On one core a kernel that, on a board, would read `source` and write `target`."""
    ttnn = n150.ttnn
    core = ttnn.CoreRangeSet([ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(0, 0))])
    kernel = ttnn.KernelDescriptor(
        kernel_source="void kernel_main() {}",
        source_type=ttnn.KernelDescriptor.SourceType.SOURCE_CODE,
        core_ranges=core,
        compile_time_args=[],
        runtime_args=ttnn.RuntimeArgs(),
        config=ttnn.ReaderConfigDescriptor(),
    )
    program = ttnn.ProgramDescriptor(kernels=[kernel], semaphores=[], cbs=[])
    return ttnn.generic_op([source, target], program)


def test_own_kernel_is_named_with_what_to_do(n150: Board, x: Tensor) -> None:
    target = n150.put(torch.zeros_like(x))
    with pytest.raises(
        GoldenError, match=r'ttnn.generic_op has no golden; .*register_golden\("ttnn.generic_op"\).*your own'
    ):
        run_own_kernel(n150, n150.put(x), target)


@pytest.mark.usefixtures("_forgets_goldens")
def test_own_kernel_with_a_golden_is_followed(n150: Board, x: Tensor) -> None:
    register_golden("ttnn.generic_op")(lambda tensors, program: 2 * tensors[0])  # noqa: ARG005
    target = n150.put(torch.zeros_like(x))
    assert torch.equal(n150.read(run_own_kernel(n150, n150.put(x), target)), 2 * x)
    assert torch.equal(n150.read(target), 2 * x)


def test_the_only_sub_device_is_all_cores_and_several_are_refused(n150: Board, x: Tensor) -> None:
    ttnn = n150.ttnn

    def sub_device(row: int) -> Any:
        cores = ttnn.CoreRange(ttnn.CoreCoord(0, row), ttnn.CoreCoord(3, row))
        return ttnn.SubDevice([ttnn.CoreRangeSet([cores])])

    one = n150.mesh.create_sub_device_manager([sub_device(0)], 0)
    n150.mesh.load_sub_device_manager(one)
    n150.mesh.set_sub_device_stall_group([ttnn.SubDeviceId(0)])
    put = n150.put(x)
    assert torch.equal(n150.read(ttnn.add(put, put)), 2 * x)
    n150.mesh.clear_loaded_sub_device_manager()
    two = n150.mesh.create_sub_device_manager([sub_device(0), sub_device(1)], 0)
    with pytest.raises(GoldenError, match="a mock board has one sub-device"):
        n150.mesh.load_sub_device_manager(two)


CLOSED = """
import os, torch
from ttci.devices.ttnn.boards import BOARDS
from ttci.devices.ttnn.follow import Follower
from ttci.devices.ttnn.runtime import mock_environment, opened_mesh
os.environ.update(mock_environment(BOARDS["n150"]) | {"TT_METAL_LOGGER_LEVEL": "fatal"})
import ttnn
with Follower(ttnn):
    with opened_mesh(ttnn, (1, 1)) as mesh:
        tensor = ttnn.from_torch(torch.ones(32, 32), layout=ttnn.TILE_LAYOUT, device=mesh)
    for use in (ttnn.to_torch, lambda t: ttnn.add(t, 1.0), lambda t: t.cpu(), repr):
        try:
            print("gives", use(tensor))
        except Exception as error:
            print("refused", str(error).splitlines()[0])
"""


def test_tensor_of_a_closed_board_gives_nothing(tmp_path: Path) -> None:
    """In a process of its own: the board of the other tests stays open."""
    command = [sys.executable, "-c", CLOSED]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    told = [line for line in ran.stdout.splitlines() if line.startswith(("gives", "refused"))]
    assert len(told) == 4, ran.stdout + ran.stderr
    assert all("lay on a mesh that is closed" in line for line in told), told


def test_an_operation_of_ttnns_that_reads_inside_itself_reads_the_numbers(n150: Board, x: Tensor) -> None:
    assert n150.ttnn.pearson_correlation_coefficient(x, n150.put(x)) > 0.9999
    assert n150.ttnn.pearson_correlation_coefficient(x, n150.put(-x)) < -0.9999


def test_an_operation_of_the_users_that_reads_inside_itself_is_named(n150: Board, x: Tensor) -> None:
    @n150.ttnn.register_python_operation(name="ttnn.largest_of_two")  # type: ignore[untyped-decorator]
    def largest_of_two(a: Any, b: Any) -> float:
        return max(float(n150.ttnn.to_torch(tensor).max()) for tensor in (a, b))

    with pytest.raises(GoldenError, match=r"ttnn\.largest_of_two reads a tensor inside itself"):
        largest_of_two(n150.put(x), n150.put(x))


def test_an_output_tensor_that_is_the_input_too_is_read_before_it_is_filled(n150: Board, x: Tensor) -> None:
    put = n150.put(x)
    n150.ttnn.tanh(put, output_tensor=put)
    assert torch.allclose(n150.read(put), x.tanh(), atol=0.01)


@pytest.mark.parametrize("name", ["activations", "input_tensor_a_activations", "input_tensor_b_activations"])
def test_argument_that_ttnns_golden_does_not_heed_is_named(n150: Board, x: Tensor, name: str) -> None:
    ttnn, y = n150.ttnn, n150.put(x.flip(-1))
    negated = [ttnn.UnaryWithParam(ttnn.UnaryOpType.NEG)]
    with pytest.raises(GoldenError, match=rf"ttnn.ge: ttnn's own golden does not heed {name}"):
        ttnn.ge(n150.put(x), y, **{name: negated})
    assert torch.equal(n150.read(ttnn.ge(n150.put(x), y, **{name: []})), (x >= x.flip(-1)).float())
    heeded = n150.read(ttnn.multiply(n150.put(x), y, **{name: negated}))
    assert torch.allclose(heeded, -x * x.flip(-1), rtol=1e-2)
