"""What a table of operations shows, and how a value of the reference's is known again."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import silu

from ttci.artifacts.operations_file import Difference, OperationFound, TensorFacts
from ttci.diagnosis.operations import findings_of
from ttci.diagnosis.reference_values import ReferenceValues


def off(relative: float | None, not_finite: int = 0) -> Difference:
    return Difference(relative=relative, largest=relative, correlation=None, not_finite=not_finite)


def operation(
    number: int,
    own: float,
    so_far: Difference | None = None,
    known: str | None = None,
    of: tuple[int, ...] = (),
    dtype: str = "bfloat16",
) -> OperationFound:
    return OperationFound(
        number=number,
        name=f"op{number}",
        place=f"model.py:{number}",
        outputs=(TensorFacts(shape=(1,), dtype=dtype),),
        own=off(own),
        so_far=so_far or off(own),
        as_reference=known,
        made_from=of,
    )


def test_the_operation_that_stands_out_is_named() -> None:
    (found,) = findings_of([operation(1, 0.002), operation(2, 0.02), operation(3, 0.003)], off(0.0))
    assert found.operation == 2
    said = "operation 2, op2 at model.py:2, has the largest error of its own: 2 %"
    assert found.text == f"{said}; of the others none has more than 0.3 %"


@pytest.mark.parametrize("smaller", [0.002, 0.0], ids=["all round", "one rounds"])
def test_where_none_stands_out_none_is_marked(smaller: float) -> None:
    (found,) = findings_of([operation(1, smaller), operation(2, 0.003)], off(0.0))
    assert found.operation is None
    assert found.text.startswith("no operation stands out: operation 2")


def test_where_the_float32_run_is_wrong_too_the_first_departure_is_named() -> None:
    operations = [
        operation(1, 0.2, known="mm"),
        operation(2, 0),  # leads to nothing
        operation(3, 0, dtype="uint32"),  # positions
        operation(4, 0, of=(1, 3)),  # the wrong one
        operation(5, 0),  # fused in the reference, which has what is made of it
        operation(6, 0, known="mm", of=(5,)),
        operation(7, 0, of=(4, 6)),
    ]
    precision, departure = findings_of(operations, off(0.5))
    assert "50 % off" in precision.text
    assert departure.operation == 4


def test_where_the_last_value_is_one_of_the_references_what_follows_is_missing() -> None:
    _, found = findings_of([operation(1, 0, known="mm"), operation(2, 0, known="mul", of=(1,))], off(0.5))
    assert found.operation == 2
    assert "gives the numbers of the reference's mul" in found.text


def test_where_no_value_is_the_references_no_operation_is_blamed() -> None:
    (found,) = findings_of([operation(1, 0.2), operation(2, 0)], off(0.5))
    assert found.operation is None


def test_the_first_that_gives_what_is_not_finite_is_named() -> None:
    operations = [operation(1, 0.0), operation(2, 0.0, off(None, 3)), operation(3, 0.0, off(None, 9))]
    (found,) = findings_of(operations, None)
    assert (found.operation, found.text.endswith("is the first that gives what is not finite")) == (2, True)


def test_a_value_is_known_again_transposed_and_reshaped_and_no_other_is() -> None:
    x, weight = torch.randn(4, 8), torch.randn(16, 8)
    values = ReferenceValues(lambda: "model.py:3")
    values.add("x", x)
    with values:
        gate = x @ weight.T
        active = silu(gate)
    assert values.name_of(x.T.reshape(2, 16)) == "x"
    assert values.name_of(gate.T.contiguous()) == "mm at model.py:3"
    assert values.name_of(active.reshape(64)) == "silu at model.py:3"
    assert values.name_of(torch.relu(gate)) is None
    assert values.name_of(-gate) is None
