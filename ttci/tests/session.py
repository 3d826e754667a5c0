"""The suite in a pytest session: collects it, orders it, and keeps its results."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from ttci.checks.performance import PRECISION
from ttci.errors import ExitCode, InputError, TtciError, did_you_mean
from ttci.report.table import align
from ttci.results import Result
from ttci.testing.choice import Choice, Request, choose
from ttci.testing.config import CHECKS
from ttci.testing.judge import Case
from ttci.testing.results import line_of
from ttci.tests.items import CASE, RESULT
from ttci.tests.recorder import Recorder

_SUITE = Path(__file__).with_name("test_checks.py")


class SuiteModule(pytest.Module):
    """The suite's file, with the same node id on every machine, wherever ttci is installed."""

    def __init__(self, **arguments: Any) -> None:
        fixed: Any = "ttci/tests/test_checks.py"  # a str to pytest 8, coerced by pytest 9
        super().__init__(nodeid=fixed, **arguments)


class SuiteSession:
    """Hooks of a pytest run that an option of ttci asked for."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._choice: Choice | None = None
        self._recorder: Recorder | None = None
        self._checks = config.getoption("--test-check") or CHECKS
        _add_suite(config)
        if config.getoption("benchmark_precision", None) is None:
            config.option.benchmark_precision = PRECISION

    def pytest_sessionstart(self) -> None:
        """Find the tests and open the device: a user's mistake ends the run here."""
        option = self._config.getoption
        request = Request(
            device=option("--test-device"),
            manifest=option("--manifest"),
            model=option("--test-model"),
            registration=option("--model-config"),
            spec_file=option("--test-spec"),
        )
        try:
            _refuse_unknown(self._checks)
            self._choice = choose(request)
        except TtciError as error:
            pytest.exit(f"\n{error}", returncode=error.exit_code)
        if not _is_xdist_worker(self._config):
            self._recorder = Recorder(self._choice, option("--run-json"))

    def pytest_pycollect_makemodule(
        self, module_path: Path, parent: pytest.Collector
    ) -> pytest.Module | None:
        """Collect the suite's file under a fixed node id."""
        if module_path != _SUITE:
            return None
        return SuiteModule.from_parent(parent, path=module_path)

    def pytest_pycollect_makeitem(
        self, collector: pytest.Collector, name: str, obj: object
    ) -> list[pytest.Item] | None:
        """Make one item a check, named by the check's identity."""
        if not isinstance(collector, SuiteModule) or self._choice is None:
            return None
        return [
            _item(collector, obj, case)
            for case in self._choice.cases
            if case.check in self._checks and name == _function_for(case.check)
        ]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the checks of a test together, in order: they share what was made ready."""
        cases = self._choice.cases if self._choice else ()
        order = {case.identity: index for index, case in enumerate(cases)}
        own = [item for item in items if CASE in item.stash]
        own.sort(key=lambda item: order[item.stash[CASE].identity])
        items[:] = [item for item in items if CASE not in item.stash] + own

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell the recorder what is going to be judged."""
        if self._recorder and session.items:
            self._recorder.expect(item.name for item in session.items if CASE in item.stash)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """The same under xdist, where only the workers collect."""
        if self._recorder:
            self._recorder.expect(_identity_in(nodeid) for nodeid in ids)

    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Free a test's weights when its last check has run."""
        case = item.stash.get(CASE, None)
        following = nextitem.stash.get(CASE, None) if nextitem else None
        if case and (following is None or following.prepared is not case.prepared):
            case.prepared.release()
            gc.collect()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send the result along with the report: under xdist it crosses processes."""
        report = yield
        if report.when == "call" and RESULT in item.stash:
            report.__dict__["ttci_result"] = item.stash[RESULT].model_dump_json()
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record a result as it comes."""
        if self._recorder:
            self._recorder.record(_identity_in(report.nodeid), report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what was measured: a pass says nothing of it."""
        results = self._recorder.results if self._recorder else []
        if not results:
            return
        terminalreporter.section(f"ttci: {self._choice.pair if self._choice else ''}")
        rows = [line_of(result) for result in results]
        terminalreporter.write_line(align([("test", "check", "outcome", "measured"), *rows]))
        terminalreporter.write_line(_verdict_counts(results))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the last word, and end with ttci's exit code where pytest's means another thing."""
        if self._recorder:
            self._recorder.finish()
        if session.exitstatus == pytest.ExitCode.INTERNAL_ERROR:
            session.exitstatus = ExitCode.MACHINERY


def _add_suite(config: pytest.Config) -> None:
    """Collect the suite: beside the paths a user gave, else alone."""
    folder = _SUITE.parent
    given = config.args_source is pytest.Config.ArgsSource.ARGS
    paths = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    if not given:
        config.args = [str(_SUITE)]
    elif not any(path == folder or folder in path.parents or path in folder.parents for path in paths):
        config.args = [*config.args, str(_SUITE)]


def _refuse_unknown(checks: list[str] | tuple[str, ...]) -> None:
    unknown = [check for check in checks if check not in CHECKS]
    if unknown:
        lines = [f'unknown check "{check}"; {did_you_mean(check, CHECKS)}' for check in unknown]
        raise InputError("\n".join(lines))


def _item(parent: pytest.Module, function: object, case: Case) -> pytest.Item:
    item: pytest.Function = pytest.Function.from_parent(parent, name=str(case.identity), callobj=function)
    item.stash[CASE] = case
    if item.config.pluginmanager.hasplugin("xdist"):
        item.add_marker(pytest.mark.xdist_group(case.identity.test))
    return item


def _function_for(check: str) -> str:
    return "test_performance" if check == "performance" else "test_check"


def _identity_in(nodeid: str) -> str:
    return nodeid.partition("::")[2].partition("@gw")[0]


def _is_xdist_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _verdict_counts(results: list[Result]) -> str:
    counts = Counter(str(m.verdict) for result in results for m in result.measurements)
    return "targets: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
