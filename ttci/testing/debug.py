"""Every operation of one call of a test, recorded and written down: what `ttci debug` shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ttci.artifacts.operations_file import DebugRun, debug_files, write_debug_run
from ttci.devices.recording import Context, Recording, RecordsOperations
from ttci.diagnosis.differences import difference, worst_output
from ttci.diagnosis.error_map import error_map
from ttci.diagnosis.operations import findings_of
from ttci.diagnosis.reference_values import ReferenceValues
from ttci.errors import describe
from ttci.report.html.operations import write_operations_page
from ttci.results import ErrorMap, Outcome, Result
from ttci.tensors import tensors_in
from ttci.testing.places import operation_place
from ttci.testing.prepared import PreparedTest
from ttci.testing.shaped import dense

CHECK = "correctness"


class StoppedError(Exception):
    """The recording has taken as long as it may; str() says so."""


@dataclass(frozen=True)
class Debugging:
    """What is to be written down.

    Attributes:
        folder: where to.
        passed_too: whether also of checks that have passed.
        limit_s: how long it may take, beside what its check took; None of no limit.
        begins: called with what the check has found, when the recording begins.
    """

    folder: Path
    passed_too: bool = False
    limit_s: float | None = None
    begins: Callable[[Result], object] = lambda _: None

    def said_of(self, result: Result, prepared: PreparedTest) -> str:
        """Record one call and write it; where it is, and what it shows. Empty where it was not asked for."""
        wanted = (Outcome.FAILED, Outcome.ERROR, *([Outcome.PASSED] if self.passed_too else []))
        if result.check != CHECK or result.outcome not in wanted:
            return ""
        if not isinstance(prepared.device, RecordsOperations):
            return f"no table of operations: {prepared.device.name} cannot record them"
        self.begins(result)
        places = _Places(self.limit_s)
        run = _debugged(result, prepared, places.of_caller)
        file, page = debug_files(self.folder, result.test)
        try:
            write_debug_run(file, run)
            write_operations_page(page, run)
        except OSError as error:
            return f"no table of operations: {describe(error)}"
        until = f" until {places.stopped}" if places.stopped else ""
        return "\n".join([f"every operation{until}: {page}", *(f"  {said}" for said in run.findings)])


class _Places:
    """Tells an operation's place, as long as there is time: each operation asks for its own.

    Attributes:
        stopped: that there was no more time; empty as long as there is.
    """

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s, self._begin = limit_s, time.monotonic()
        self.stopped = ""

    def of_caller(self) -> str | None:
        """``file:line`` of who calls the operation that runs.

        Raises:
            StoppedError: the time is up.
        """
        if self._limit_s is not None and time.monotonic() - self._begin > self._limit_s:
            self.stopped = f"the recording was stopped after {self._limit_s:g} s, as long as a check may take"
            raise StoppedError(self.stopped)
        return operation_place()


def _debugged(result: Result, prepared: PreparedTest, place: Callable[[], str | None]) -> DebugRun:
    references, values = _reference_with_values(prepared, place)
    prepared.release()  # so that weights are made anew, and followed from the host's on
    output: Any = ()
    in_float32: list[Tensor] = []
    raised = None
    device: Any = prepared.device
    with device.recorded(Context(place, values.name_of)) as recording:
        try:
            output = _one_call(prepared, recording)
            in_float32 = recording.in_float32(output)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the user's module may raise anything
            recording.unended(error)
            raised = describe(error)
    outputs = prepared.read(output)
    prepared.release()
    return _run_of(result, prepared, recording, (outputs, in_float32, references), raised)


def _one_call(prepared: PreparedTest, recording: Recording) -> Any:
    inputs = prepared.device_inputs  # which makes the weights ready too
    recording.list_from_here()
    with torch.no_grad():
        output = inputs.call(prepared.run_on_device)
    prepared.device.synchronize()
    return output


def _reference_with_values(
    prepared: PreparedTest, place: Callable[[], str | None]
) -> tuple[list[Tensor], ReferenceValues]:
    """The expected outputs, and what the reference computes on its way to them."""
    values = ReferenceValues(place)
    inputs = prepared.inputs.map(torch.clone)
    for name, tensor in prepared.inputs.named_tensors.items():
        values.add(name, tensor)
    reference = prepared.reference()
    with torch.no_grad(), values:
        output = inputs.call(reference)
    return [dense(tensor) for tensor in tensors_in(output)], values


def _run_of(
    result: Result,
    prepared: PreparedTest,
    recording: Recording,
    found: tuple[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]],
    raised: str | None,
) -> DebugRun:
    outputs, in_float32, references = found
    at, off = worst_output(outputs, references)
    exact = difference(in_float32[at], references[at]) if at < len(in_float32) and off else None
    operations = tuple(recording.operations)
    findings = findings_of(operations, exact)
    return DebugRun(
        id=result.id,
        fidelity=prepared.device.fidelity,
        outcome=result.outcome,
        message=result.message,
        findings=tuple(finding.text for finding in findings),
        marked=tuple(finding.operation for finding in findings if finding.operation is not None),
        operations=operations,
        output=off,
        in_float32=exact,
        error_map=_map_of(outputs, references, at),
        error=raised,
    )


def _map_of(outputs: Sequence[Tensor], references: Sequence[Tensor], at: int) -> ErrorMap | None:
    return error_map(outputs[at], references[at]) if at < min(len(outputs), len(references)) else None
