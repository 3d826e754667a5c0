"""A call that can be timed on a mesh: every kernel compiled, and nothing but the same work each time."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from ttci.devices.protocol import Call, NotSteadyError

_MOST_WARM_UPS = 10


@contextmanager
def timed(ttnn: Any, mesh: Any, call: Call, measure_seconds: float, *, with_trace: bool) -> Iterator[Call]:
    """`call`, ended when the mesh is.

    Args:
        ttnn: the imported module.
        mesh: an open one.
        call: what is timed.
        measure_seconds: how long it may be warmed up.
        with_trace: replay the commands of one call, rather than make them anew.

    Raises:
        NotSteadyError: where a program was compiled meanwhile.
    """
    _warm_up(ttnn, mesh, call, measure_seconds)
    with ExitStack() as stack:
        work = _replayed(ttnn, mesh, call, stack) if with_trace else call
        programs = mesh.num_program_cache_entries()

        def finished() -> Any:
            output = work()
            ttnn.synchronize_device(mesh)
            return output

        yield finished
    compiled = mesh.num_program_cache_entries() - programs
    if compiled:
        raise NotSteadyError(
            f"{compiled} programs were compiled while the call was timed: it is not the same work each "
            "time; let shapes and arguments of its operations not depend on how often it was called"
        )


def _warm_up(ttnn: Any, mesh: Any, call: Call, measure_seconds: float) -> None:
    """Call until no new program comes to the program cache, or the time for measuring is up.

    The first call, which compiles, is not held against that time.
    """
    deadline = math.inf
    for _ in range(_MOST_WARM_UPS):
        programs = mesh.num_program_cache_entries()
        call()
        ttnn.synchronize_device(mesh)
        if mesh.num_program_cache_entries() == programs or time.monotonic() > deadline:
            return
        deadline = min(deadline, time.monotonic() + measure_seconds)


def _replayed(ttnn: Any, mesh: Any, call: Call, stack: ExitStack) -> Call:
    """The commands of `call`, recorded once: what the host takes to make them is left out."""
    trace = ttnn.begin_trace_capture(mesh, cq_id=0)
    output = call()
    ttnn.end_trace_capture(mesh, trace, cq_id=0)
    stack.callback(ttnn.release_trace, mesh, trace)

    def replay() -> Any:
        ttnn.execute_trace(mesh, trace, cq_id=0, blocking=False)
        return output

    return replay
