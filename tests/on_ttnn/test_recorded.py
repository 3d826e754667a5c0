"""Operations recorded where values are read from the board, as on silicon.

The mock board of these tests answers what it is asked for with the numbers that are followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ttci.artifacts.operations_file import OperationFound
from ttci.devices.recording import Context
from ttci.devices.ttnn.recorded import RecordedOperations

if TYPE_CHECKING:
    from torch import Tensor

    from ttci.artifacts.operations_file import TensorFacts


@pytest.fixture
def recorder(n150: Any) -> RecordedOperations:
    return RecordedOperations(n150.ttnn, None, Context(lambda: "model.py:1", lambda _: None))


def errors(operation: OperationFound) -> tuple[float | None, float | None]:
    """Its own, and so far."""
    assert operation.own is not None
    assert operation.so_far is not None
    return operation.own.relative, operation.so_far.relative


def test_both_errors_are_of_what_the_board_holds(n150: Any, x: Tensor, recorder: RecordedOperations) -> None:
    ttnn = n150.ttnn
    with recorder.recording():
        given = n150.put(x + 1e-3)  # which bfloat16 does not hold
        recorder.list_from_here()
        doubled = ttnn.add(given, given)
        third = ttnn.multiply(doubled, 1 / 3)
    exact, rounded = recorder.operations
    own, so_far = errors(exact)
    assert own == 0
    assert so_far is not None
    assert 1e-4 < so_far < 4e-3
    own, so_far = errors(rounded)
    assert own is not None
    assert 1e-4 < own < 4e-3
    off = (n150.read(third) - 2 / 3 * (x + 1e-3)).norm() / (2 / 3 * (x + 1e-3)).norm()
    assert so_far == pytest.approx(off.item(), rel=1e-3)
    assert rounded.made_from == (exact.number,)


def test_an_input_that_is_changed_is_read_before(n150: Any, x: Tensor, recorder: RecordedOperations) -> None:
    ttnn = n150.ttnn
    with recorder.recording():
        given = n150.put(x)
        recorder.list_from_here()
        ttnn.multiply_(given, 4.0)
    (operation,) = recorder.operations
    assert errors(operation) == (0, 0)
    assert operation.inputs[0].shape == operation.outputs[0].shape == (1, 2, 64, 64)


def test_a_board_that_computes_something_else_is_found_out(
    n150: Any, x: Tensor, recorder: RecordedOperations
) -> None:
    ttnn = n150.ttnn
    with recorder.recording():
        given = n150.put(x)
        recorder.list_from_here()

        def spoil(operation: Any, args: Any, kwargs: Any, output: Any) -> None:  # noqa: ARG001
            (value,) = n150.numbers.of(output, "a test")
            n150.numbers.store(output, [2 * value])

        recorder_hooks = ttnn.decorators.POST_OPERATION_HOOKS
        recorder_hooks.insert(len(recorder_hooks) - 1, spoil)  # as a wrong kernel does, before it is recorded
        try:
            ttnn.relu(given)
        finally:
            recorder_hooks.remove(spoil)
        ttnn.relu(given)
    wrong, right = recorder.operations
    assert list(errors(wrong)) == pytest.approx([1.0, 1.0])
    assert errors(right) == (0, 0)


def rows(recorder: RecordedOperations) -> list[tuple[str, TensorFacts, float | None]]:
    """Name, what it gave, and the error so far."""
    found = []
    for operation in recorder.operations:
        (output,) = operation.outputs
        assert operation.so_far is not None, operation
        assert operation.place == "model.py:1"
        found.append((operation.name, output, operation.so_far.relative))
    return found


def test_what_is_called_on_a_tensor_has_a_row_as_it_is_written(
    n150: Any, x: Tensor, recorder: RecordedOperations
) -> None:
    ttnn = n150.ttnn
    with recorder.recording():
        given = n150.put(x + 1e-3)
        recorder.list_from_here()
        product = (given + given) * 0.5
        part = product.reshape([1, 1, 128, 64])[:, :, :32, :]
        host = part.cpu().to(ttnn.ROW_MAJOR_LAYOUT)
        value = host.to_torch()
        ttnn.relu(n150.put(value))
    found = rows(recorder)
    names = ["ttnn.add as +", "ttnn.multiply as *", "Tensor.reshape", "ttnn.Tensor.__getitem__ as []"]
    names += ["Tensor.cpu", "Tensor.to", "Tensor.to_torch", "ttnn.from_torch", "ttnn.relu"]
    assert [name for name, _, _ in found] == names
    shapes = [facts.shape for _, facts, _ in found]
    assert shapes == [(1, 2, 64, 64)] * 2 + [(1, 1, 128, 64)] + [(1, 1, 32, 64)] * 6
    assert [facts.memory for _, facts, _ in found[4:7]] == ["host", "host", "torch"]
    # Nothing begins anew, also not where the host has had the numbers.
    assert all(so_far is not None and 1e-4 < so_far < 6e-3 for _, _, so_far in found)
    for operation in recorder.operations[2:6]:
        assert errors(operation)[0] == 0
        assert operation.made_from == (operation.number - 1,)


def test_a_method_that_gives_other_numbers_is_found_out(
    n150: Any, x: Tensor, recorder: RecordedOperations, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = n150.ttnn.Tensor.reshape

    def spoiled(tensor: Any, shape: Any) -> Any:
        output = plain(tensor, shape)
        (value,) = n150.numbers.of(output, "a test")
        n150.numbers.store(output, [value.flip(-1)])
        return output

    monkeypatch.setattr(n150.ttnn.Tensor, "reshape", spoiled)
    with recorder.recording():
        given = n150.put(x)
        recorder.list_from_here()
        given.reshape([1, 1, 128, 64])
    (operation,) = recorder.operations
    own, so_far = errors(operation)
    assert own is not None
    assert own > 0.5
    assert so_far == own


def test_numbers_that_the_host_has_changed_begin_anew(
    n150: Any, x: Tensor, recorder: RecordedOperations
) -> None:
    ttnn = n150.ttnn
    with recorder.recording():
        given = n150.put(x + 1e-3)
        recorder.list_from_here()
        value = ttnn.to_torch(given)
        value.mul_(2)
        n150.put(value)
    read, put = recorder.operations
    assert read.name == "ttnn.to_torch"
    assert read.so_far is not None
    assert read.so_far.relative
    assert put.so_far is not None
    assert put.so_far.relative == 0
