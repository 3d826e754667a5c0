"""Traces on a mock board, which has no queue that could record commands: ttnn dies of one there.

What is recorded instead are the operations that are followed. As on a board, a capture
computes nothing: what its tensors hold is undefined, NaN, until the trace is executed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ttci.devices.ttnn.leaves import Leaves
from ttci.devices.ttnn.numbers import GoldenError, Numbers
from ttci.devices.ttnn.traced import TracedTensor

Method = Callable[..., Any]
_WRITES = (  # from the host: none of them runs a program
    *("ttnn.from_torch", "ttnn.as_tensor", "ttnn.to_device", "ttnn.copy_host_to_device_tensor"),
    *("ttnn.zeros", "ttnn.zeros_like", "ttnn.ones", "ttnn.ones_like", "ttnn.full", "ttnn.full_like"),
    *("ttnn.arange", "ttnn.load_tensor"),
)
_NOT_READ = "a board is not read while a trace is captured; read when it has been executed"
_NOT_WRITTEN = "a board is not written to while a trace is captured; make the tensor before"
_READS = ("ttnn.to_torch", "ttnn.from_device", "ttnn.copy_device_to_host_tensor")


def _wait(*_: Any, **__: Any) -> None:
    """On a mock board, where ttnn dies of waiting, everything has happened in the order of the calls."""


@dataclass
class Trace:
    """The recorded steps of one capture, in order."""

    mesh: Any
    programs: int  # that the mesh had compiled before the running operation
    steps: list[Callable[[], None]] = field(default_factory=list)
    known_at_end: set[int] = field(default_factory=set)  # ids of the tensors that were there then


class FollowedTraces:
    """While it is entered, a trace on a mock board is recorded, and replayed by goldens.

    Attributes:
        capturing: the trace that is being recorded, if any.
    """

    def __init__(self, ttnn: Any, numbers: Numbers, replaying: Callable[[], Any]) -> None:
        self._ttnn = ttnn
        self._numbers = numbers
        self._leaves = Leaves(ttnn)
        self._replaying = replaying  # entered while steps run
        self._traces: dict[str, Trace] = {}  # by what their id prints as
        self._ids = itertools.count()
        self.capturing: Trace | None = None
        self._stack = ExitStack()

    def __enter__(self) -> FollowedTraces:
        for name, function in {
            "begin_trace_capture": self._begin,
            "end_trace_capture": self._end,
            "execute_trace": self._execute,
            "release_trace": self._release,
            "is_trace_capture_active": self._is_active,
            "wait_for_event": _wait,
        }.items():
            self._stack.callback(setattr, self._ttnn, name, getattr(self._ttnn, name))
            setattr(self._ttnn, name, function)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def forget_mesh(self, mesh: Any) -> None:
        """`mesh` is being closed, and its traces with it."""
        self._traces = {key: trace for key, trace in self._traces.items() if trace.mesh.id() != mesh.id()}
        if self.capturing is not None and self.capturing.mesh.id() == mesh.id():
            self.capturing = None

    def check_before(self, name: str, tensors: list[Any]) -> None:
        """An operation that is about to run may be captured.

        Raises:
            GoldenError: where a board would refuse it.
        """
        if self.capturing is None:
            return
        on_device = any(map(self._ttnn.is_tensor_storage_on_device, tensors))
        if name in _READS and on_device:
            raise GoldenError(f"{name}: {_NOT_READ}")
        self.capturing.programs = self.capturing.mesh.num_program_cache_entries()

    def check_after(self, name: str, outputs: list[Any]) -> None:
        """An operation that has run could be captured.

        Raises:
            GoldenError: where a board would have refused it.
        """
        trace = self.capturing
        if trace is None or not any(map(self._ttnn.is_tensor_storage_on_device, outputs)):
            return
        if name in _WRITES:
            raise GoldenError(f"{name}: {_NOT_WRITTEN}")
        if trace.mesh.num_program_cache_entries() > trace.programs:
            raise GoldenError(
                f"{name}: its program was not compiled before the trace is captured, and a board cannot load "
                "it then; call the same once before ttnn.begin_trace_capture"
            )

    def check_moved(self, asked_by: str, tensor: Any, result: Any) -> None:
        """A method of `tensor` gave `result`, which may lie elsewhere.

        Raises:
            GoldenError: where a board would have refused it.
        """
        on_device = self._ttnn.is_tensor_storage_on_device
        if self.capturing is not None and on_device(tensor) != on_device(result):
            raise GoldenError(f"{asked_by}: {_NOT_READ if on_device(tensor) else _NOT_WRITTEN}")

    def check_read(self, asked_by: str, tensor: Any) -> None:
        """`tensor` is about to be read on the host.

        Raises:
            GoldenError: where a board would refuse it.
        """
        if self.capturing is not None and self._ttnn.is_tensor_storage_on_device(tensor):
            raise GoldenError(f"{asked_by}: {_NOT_READ}")

    def record(self, run: Callable[..., None], *values: Any) -> None:
        """Let `run` be a step of the trace that is being captured.

        Args:
            run: what computes and stores; called with `values` whenever the trace is executed.
            values: whatever it needs; tensors on the board in it are remembered without their memory.
        """
        if self.capturing is not None:
            self.capturing.steps.append(partial(run, *self._leaves.changed(values, self._remembered)))

    def _remembered(self, tensor: Any) -> Any:
        place = self._numbers.place_of(tensor)
        return tensor if place is None else TracedTensor(tensor, place)

    def _begin(self, mesh_device: Any, **_: Any) -> Any:
        if self.capturing is not None:
            raise GoldenError("ttnn.begin_trace_capture: a trace is being captured already; end it first")
        self.capturing = Trace(mesh_device, mesh_device.num_program_cache_entries())
        return self._ttnn.MeshTraceId(next(self._ids))

    def _end(self, mesh_device: Any, trace_id: Any, **_: Any) -> None:
        trace = self.capturing
        if trace is None or trace.mesh.id() != mesh_device.id():
            raise GoldenError("ttnn.end_trace_capture: no trace is being captured on that mesh")
        self.capturing = None
        trace.known_at_end = self._numbers.ids()
        self._traces[str(trace_id)] = trace

    def _execute(self, mesh_device: Any, trace_id: Any, **_: Any) -> None:
        if self.capturing is not None:
            raise GoldenError("ttnn.execute_trace: a trace is being captured; end it first")
        trace = self._known("ttnn.execute_trace", mesh_device, trace_id)
        known = self._numbers.ids()
        with self._replaying():
            for step in trace.steps:
                step()
        kept = self._numbers.ids()
        self._numbers.forget_ids(kept - known - trace.known_at_end)  # nobody can have those
        self._numbers.mark_overwritten(known - kept - trace.known_at_end)

    def _release(self, mesh_device: Any, trace_id: Any) -> None:
        self._known("ttnn.release_trace", mesh_device, trace_id)
        del self._traces[str(trace_id)]

    def _known(self, asked_by: str, mesh: Any, trace_id: Any) -> Trace:
        trace = self._traces.get(str(trace_id))
        if trace is None or trace.mesh.id() != mesh.id():
            raise GoldenError(
                f"{asked_by}: there is no {trace_id} on that mesh; it was released, or never captured"
            )
        return trace

    def _is_active(self, device: Any) -> bool:
        return self.capturing is not None and self.capturing.mesh.id() == device.id()
