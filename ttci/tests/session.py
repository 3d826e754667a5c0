"""The suite in a pytest session: collects it, orders it, and keeps its results."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ttci.catalog.checks import load_checks
from ttci.errors import ExitCode, InputError
from ttci.results import Fidelity, exit_code
from ttci.runner.child import end_with_starter
from ttci.testing.choice import Choice, Request, choose
from ttci.testing.judge import Case
from ttci.testing.results import line_of, verdict_counts
from ttci.tests.arguments import (
    SUITE,
    add_suite,
    chosen_checks,
    chosen_identities,
    identity_in,
    left_of_failures,
    refuse_unknown_identities,
)
from ttci.tests.debugging import in_its_own_time
from ttci.tests.ending import (
    code_of_exit,
    explain_end_of_pytest,
    leave_end,
    leave_wrong_usage,
    make_encodable,
    tell_of_uncaught,
)
from ttci.tests.items import CASE, RESULT, SuiteModule, cases_of, function_for, items_of
from ttci.tests.recorder import Recorder
from ttci.tests.unmeasured import fail_where_a_target_binds, left_out_with_a_target
from ttci.tests.watchdog import Watchdog
from ttci.tests.workers import JUDGED, Workers
from ttci.text.table import align


class SuiteSession:
    """Hooks of a pytest run that an option of ttci asked for."""

    def __init__(self, config: pytest.Config) -> None:
        """Find the tests and open the device.

        Raises:
            TtciError: for a user's mistake.
        """
        end_with_starter()
        tell_of_uncaught(config)
        self._config = config
        self._watchdog = Watchdog(config.getoption("--test-timeout"))
        self._checks = chosen_checks(config)
        self._left = left_of_failures(config)
        self._only = chosen_identities(config)
        load_checks()
        self._choice: Choice | None = (choice := _choice(config, self._only or ()))
        self._device = choice.device
        self._cases: Sequence[Case] = ()
        self._recorder = None if _is_xdist_worker(config) else _recorder(config, choice)
        self._left = in_its_own_time(self._left, self._watchdog, self._recorder)
        self._judged = self._recorder.judged if self._recorder else _told_as_judged(config)
        self._workers = Workers(config, self._judged, config.getoption("--test-timeout"))
        if not _is_xdist_worker(config):
            config.pluginmanager.register(self._workers)
        self._failures, self._has_said_why = 0, False
        add_suite(config)

    def pytest_report_header(self) -> str | None:
        """Say how the device computes, where that is not as usual."""
        return self._device.notice

    def pytest_sessionstart(self) -> None:
        """Make the cases; a controller of pytest-xdist is to hold no weights and no board."""
        if _is_xdist_controller(self._config):
            self._device.close()
        elif self._choice:
            found = cases_of(self._choice.cases, self._checks, self._recorder)
            self._cases = [replace(case, **self._left) for case in found]
        self._choice = None

    def pytest_unconfigure(self) -> None:
        """Give the device back, and say where a conftest.py or a plugin takes something for wrong usage."""
        error = sys.exc_info()[1]
        if isinstance(error, pytest.UsageError) and not _is_xdist_worker(self._config):
            leave_wrong_usage(self._config, error)
        self._device.close()
        self._watchdog.close()

    def pytest_pycollect_makemodule(
        self, module_path: Path, parent: pytest.Collector
    ) -> pytest.Module | None:
        """Collect the suite's file under a fixed node id."""
        return SuiteModule.from_parent(parent, path=module_path) if module_path == SUITE else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> pytest.CollectReport | None:
        """Collect the suite's file also under --lf, which skips files that are not under the rootdir."""
        if not isinstance(collector, SuiteModule):
            return None
        pytests_own: Any = self._config.pluginmanager.get_plugin("runner")
        report: pytest.CollectReport = pytests_own.pytest_make_collect_report(collector)
        return report

    def pytest_pycollect_makeitem(
        self, collector: pytest.Collector, name: str, obj: object
    ) -> list[pytest.Item] | None:
        """Make one item a check, named by the check's identity."""
        if not isinstance(collector, SuiteModule):
            return None
        config = self._config
        cases = [case for case in self._cases if name == function_for(case.check, config)]
        return items_of(collector, obj, cases)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, object, object]:
        """Put what the others made of the suite in order; no target that binds vanishes with its check."""
        collected = [item for item in items if CASE in item.stash]
        done = yield
        items += left_out_with_a_target(collected, items)
        self._arrange(items)
        return done

    def _arrange(self, items: list[pytest.Item]) -> None:
        """Keep the checks of a test together, in order, once: they share what was made ready."""
        order = {case.identity: index for index, case in enumerate(self._cases)}
        own = list({item.nodeid: item for item in items if CASE in item.stash}.values())
        own.sort(key=lambda item: order[item.stash[CASE].identity])
        others = [item for item in items if CASE not in item.stash]
        if self._config.getoption("--ttci-resume"):  # the others came first, and have had their turn
            own, others = [item for item in own if item.name not in self._judged], []
        if self._only is not None:
            own, others = [item for item in own if item.name in self._only], []
        items[:] = others + own

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell the recorder what is going to be judged."""
        if self._recorder and session.items:
            self._recorder.expect(item.name for item in session.items if CASE in item.stash)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """The same under xdist, where only the workers collect."""
        if self._recorder:
            self._recorder.expect(filter(None, map(identity_in, ids)))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Say in run.json which check is running: it is the one that a crash is laid to."""
        identity = identity_in(nodeid)
        if self._recorder:
            self._recorder.start(identity)
        if identity and not _is_xdist_controller(self._config):
            self._watchdog.arm()

    def pytest_runtest_logfinish(self) -> None:
        """What comes between two checks may take its time."""
        self._watchdog.disarm()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Free a test's weights when its last check has run."""
        case = item.stash.get(CASE, None)
        if case:
            self._watchdog.arm()  # pytest disarms it when a check has failed
        following = nextitem.stash.get(CASE, None) if nextitem else None
        if case and (following is None or following.prepared is not case.prepared):
            case.prepared.release()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send the result along with the report: under xdist it crosses processes."""
        report = yield
        if report.skipped and CASE in item.stash and RESULT not in item.stash:
            fail_where_a_target_binds(item, report)
        make_encodable(report)
        if report.when == "call" and RESULT in item.stash:
            report.__dict__["ttci_result"] = item.stash[RESULT].model_dump_json()
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record a result as it comes."""
        self._failures += report.failed
        if self._recorder:
            self._recorder.record(identity_in(report.nodeid), report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what was measured: a pass says nothing of it."""
        if self._recorder is None or not self._recorder.results:
            return
        results = self._recorder.results
        terminalreporter.section(f"ttci: {self._recorder.pair}")
        rows = [line_of(result) for result in results]
        terminalreporter.write_line(align([("test", "check", "outcome", "measured"), *rows]))
        terminalreporter.write_line(verdict_counts(results))

    @pytest.hookimpl(trylast=True)
    def pytest_internalerror(self, excrepr: object, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Say what ended pytest, and end with ttci's exit code; pytest's own means another thing here."""
        if _is_xdist_worker(self._config):
            return
        if not self._config.pluginmanager.hasplugin("terminalreporter"):  # whose part it is to print it
            print(
                *(f"INTERNALERROR> {line}" for line in str(excrepr).splitlines()), sep="\n", file=sys.stderr
            )
        reason = explain_end_of_pytest(excinfo.value)
        leave_end(self._config, ExitCode.MACHINERY, reason)
        self._has_said_why = True
        pytest.exit(reason, returncode=ExitCode.MACHINERY)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Say why a conftest.py or a plugin ends pytest; Ctrl-C needs no reason."""
        if self._has_said_why or _is_xdist_worker(self._config):
            return
        if isinstance(excinfo.value, pytest.exit.Exception):
            has_results = self._recorder is not None and bool(self._recorder.results)
            code = code_of_exit(excinfo.value.returncode, has_results=has_results)
            leave_end(self._config, code, explain_end_of_pytest(excinfo.value))

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Write the last word; what -x stops has failed, also where pytest-xdist calls it interrupted."""
        with warnings.catch_warnings():
            # pytest-benchmark, of --benchmark-json; a model that measures no time is no mistake.
            warnings.filterwarnings("ignore", message="Not saving anything")
            try:
                done = yield
            finally:
                if self._recorder:
                    self._recorder.finish()
        limit = self._config.getoption("maxfail") or 0
        if self._workers.has_lost_one:
            session.exitstatus = ExitCode.MACHINERY
        elif session.exitstatus == pytest.ExitCode.INTERRUPTED and 0 < limit <= self._failures:
            session.exitstatus = ExitCode.FAILED
        elif session.exitstatus == ExitCode.OK and self._recorder and self._recorder.results:
            session.exitstatus = exit_code(self._recorder.results)  # pytest calls well what is all skipped
        return done


def _request(config: pytest.Config) -> Request:
    return Request(
        device=config.getoption("--test-device"),
        manifest=config.getoption("--manifest"),
        model=config.getoption("--test-model"),
        registration=config.getoption("--model-config"),
        spec_file=config.getoption("--test-spec"),
    )


def _recorder(config: pytest.Config, choice: Choice) -> Recorder:
    return Recorder(
        choice.pair,
        choice.device.fidelity,
        config.getoption("--run-json"),
        environment=choice.device.environment,
        resumes=config.getoption("--ttci-resume"),
    )


def _told_as_judged(config: pytest.Config) -> frozenset[str]:
    """What the controller of this worker says."""
    workerinput: dict[str, Any] = getattr(config, "workerinput", {})
    return frozenset(workerinput.get(JUDGED, ()))


def _choice(config: pytest.Config, only: Collection[str]) -> Choice:
    """What is asked for, on its device; workers of pytest-xdist cannot share a board."""
    choice = choose(_request(config))
    try:
        refuse_unknown_identities(only, choice.identities)
    except InputError:
        choice.device.close()
        raise
    workers = config.getoption("numprocesses", None)
    if workers and choice.device.fidelity is Fidelity.SILICON:
        choice.device.close()
        name = choice.device.name
        raise InputError(f"-n {workers}: {name} is a board, which is one process's; leave -n out")
    return choice


def _is_xdist_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _is_xdist_controller(config: pytest.Config) -> bool:
    return config.pluginmanager.hasplugin("dsession")
