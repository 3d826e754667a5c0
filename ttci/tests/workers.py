"""The controller of pytest-xdist: how it spreads the suite, and what it says of a worker that dies."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from typing import Any

import pytest

from ttci.artifacts.unfinished import unmeasured
from ttci.results import Outcome
from ttci.runner.ending import ended_by_itself, timed_out
from ttci.tests.arguments import identity_in

_WATCHDOG_CODE = 1  # as faulthandler ends a process
_MESSAGES_S = 1.0  # that a worker may have begun with a check before we know of it
_END_S = 10.0  # for a worker that closed its channel to end
JUDGED = "ttci_judged"  # in what a worker is told


class Workers:
    """Hooks of the controller."""

    def __init__(self, config: pytest.Config, judged: Iterable[str], timeout_s: float | None) -> None:
        self._config = config
        self._judged = sorted(judged)
        self._timeout_s = timeout_s
        self._began: dict[str, float] = {}
        self._code_of: dict[str, int | None] = {}  # of each worker that died

    @property
    def has_lost_one(self) -> bool:
        """Whether a worker died."""
        return bool(self._code_of)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker what is judged already: all must collect the same."""
        node.workerinput[JUDGED] = self._judged

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Spread tests, not checks, unless the user asked for another way of spreading."""
        if config.getoption("dist") not in ("load", "loadgroup"):
            return None
        from ttci.tests.scheduling import TestByTest

        return TestByTest(config, log)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note when a check began, to tell a hang from an exit."""
        self._began[nodeid] = time.monotonic()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Note what a worker ended with that was not to end."""
        if error and error != "keyboard-interrupt":
            self._code_of[node.gateway.id] = _exit_code_of(node)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Say how the worker ended; `ttci run` finds the line, and what was printed before it."""
        identity = identity_in(crashitem)
        if not identity:
            return
        what = self._how_it_ended(crashitem, report)
        report.longrepr = what
        lost = unmeasured(identity, Outcome.ERROR, what).lost(what)
        report.__dict__["ttci_result"] = lost.model_dump_json()
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter:
            reporter.ensure_newline()
            reporter.write_line(f"{identity}: {what}")

    def _how_it_ended(self, nodeid: str, report: pytest.TestReport) -> str:
        worker: Any = getattr(report, "node", None)
        name = worker.gateway.id if worker else ""
        code = self._code_of.get(name)
        seconds = time.monotonic() - self._began.get(nodeid, time.monotonic())
        if self._timeout_s and code == _WATCHDOG_CODE and seconds > self._timeout_s - _MESSAGES_S:
            return timed_out(self._timeout_s)
        how = "the process ended" if code is None else ended_by_itself(code)
        return f"{how} (worker {name})"


def _exit_code_of(node: Any) -> int | None:
    """As pytest-xdist's process has it; None for a worker that is no process of ours."""
    process: subprocess.Popen[bytes] | None = getattr(node.gateway._io, "popen", None)
    if process is None:
        return None
    try:
        return process.wait(_END_S)
    except subprocess.TimeoutExpired:
        return None
