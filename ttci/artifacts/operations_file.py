"""What a debug run found: every operation of one call of a module, and its output's error."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ttci.errors import MachineryError
from ttci.files import write_whole
from ttci.results import ErrorMap, Fidelity, Outcome

_JSON, _PAGE = ".operations.json", ".operations.html"
_MOST_NAME_BYTES = 200  # of a file's name, of the 255 that file systems take


class _Found(BaseModel):
    """Nothing of it changes; what is not finite is null in JSON."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TensorFacts(_Found):
    """A tensor that an operation took or gave.

    Attributes:
        layout, memory: as ttnn names them; empty on torch.
    """

    shape: tuple[int, ...]
    dtype: str
    layout: str = ""
    memory: str = ""


class Difference(_Found):
    """Of what was given, against what was expected.

    Attributes:
        relative: the norm of the difference over that of what was expected; None where it is not finite.
        largest: absolute difference of two elements.
        correlation: Pearson's; None where there is none.
        not_finite: how many elements were given that are infinite or no number.
    """

    relative: float | None
    largest: float | None
    correlation: float | None
    not_finite: int = 0


class OperationFound(_Found):
    """One operation, in the order in which they were called.

    Attributes:
        place: ``file:line`` of the caller; None where it is nobody's.
        settings: what decides on its numbers, as the math fidelity.
        own: its error alone: against its golden in float32 on the very inputs that it got.
        so_far: the error of everything up to here: against a run of all operations in float32.
        as_reference: the value of the reference's that the float32 run has here too; None where it has none.
        made_from: the numbers of the operations that gave its inputs.
        note: what is missing, and why.
    """

    number: int
    name: str
    place: str | None = None
    settings: str = ""
    inputs: tuple[TensorFacts, ...] = ()
    outputs: tuple[TensorFacts, ...] = ()
    own: Difference | None = None
    so_far: Difference | None = None
    as_reference: str | None = None
    made_from: tuple[int, ...] = ()
    note: str = ""


class DebugRun(_Found):
    """Of one check.

    Attributes:
        findings: what the table shows, in sentences.
        marked: the numbers of the operations that these name.
        output: against the reference, and `in_float32` what is left of that where nothing is rounded.
        error: what the call raised, where it did.
    """

    schema_version: Literal[1] = 1
    id: str
    fidelity: Fidelity
    outcome: Outcome
    message: str
    findings: tuple[str, ...] = ()
    marked: tuple[int, ...] = ()
    operations: tuple[OperationFound, ...] = ()
    output: Difference | None = None
    in_float32: Difference | None = None
    error_map: ErrorMap | None = None
    error: str | None = None


def debug_files(folder: Path, test: str) -> tuple[Path, Path]:
    """Where the JSON and the page of a test lie."""
    from urllib.parse import quote

    name = quote(test, safe="")[:_MOST_NAME_BYTES]
    return folder / f"{name}{_JSON}", folder / f"{name}{_PAGE}"


def write_debug_run(path: Path, run: DebugRun) -> None:
    """Write it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, [run.model_dump_json() + "\n"])


def read_debug_run(path: Path) -> DebugRun:
    """What a debug run has left.

    Raises:
        MachineryError: it cannot be read.
    """
    try:
        return DebugRun.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise MachineryError(f"{path}: cannot be read: {error}") from None
