"""What tests ask of the operations of a debug run."""

from __future__ import annotations

from ttci.artifacts.operations_file import OperationFound


def line_in(model: str, text: str) -> str:
    """Where the text of ``model.py`` has this."""
    (number,) = [at for at, line in enumerate(model.splitlines(), 1) if text in line]
    return f"model.py:{number}"


def errors(operation: OperationFound) -> tuple[float, float]:
    """Its own, and so far."""
    assert operation.own is not None
    assert operation.own.relative is not None
    assert operation.so_far is not None
    assert operation.so_far.relative is not None
    return operation.own.relative, operation.so_far.relative
