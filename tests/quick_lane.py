"""The quick lane: ``pytest -p tests.quick_lane`` runs every test that needs no torch, browser or Node.

Which those are follows from the tests. A file is left out if it imports what the lane lacks, directly or not;
a test, if one of its fixtures needs it. A test that needs it and does not say so fails, for the lane lacks it
indeed: Python's packages are not installed, and in place of the programs are some that fail.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ("torch", "transformers", "ttnn", "selenium")
PROGRAMS = ("node", "npm", "chromedriver", "chromium", "chromium-browser", "google-chrome", "chrome")
NEEDS = ("_needs_torch", "_needs_node")  # fixtures of conftest.py, which others ask for
_LEFT_OUT = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """See that the lane lacks what its tests do without."""
    config.stash[_LEFT_OUT] = set()
    installed = [name for name in PACKAGES if find_spec(name)]
    if installed:
        raise pytest.UsageError(f"the quick lane runs where {installed[0]} is not: nox -s tests_quick")
    if not hasattr(config, "workerinput"):  # the workers of pytest-xdist inherit the environment
        _hide_programs(config)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Leave out a file that imports what the lane lacks."""
    report = yield
    if report.failed and _imports_what_is_lacking(report):
        collector.config.stash[_LEFT_OUT].add(collector.nodeid)
        report.outcome, report.longrepr, report.result = "passed", None, []
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests with a fixture that needs what the lane lacks."""
    heavy = [item for item in items if set(NEEDS) & set(getattr(item, "fixturenames", ()))]
    if heavy:
        config.hook.pytest_deselected(items=heavy)
        items[:] = [item for item in items if item not in set(heavy)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that started this worker, if it is one."""
    if hasattr(session.config, "workeroutput"):
        left_out = session.config.stash[_LEFT_OUT]
        session.config.workeroutput["left_out"] = sorted(left_out)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_testnodedown(node: Any) -> None:
    """Hear what a worker left out."""
    node.config.stash[_LEFT_OUT].update(getattr(node, "workeroutput", {}).get("left_out", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out, for no test goes missing in silence."""
    left_out = config.stash[_LEFT_OUT]
    if left_out:
        terminalreporter.write_line(f"the quick lane leaves to nox -s tests: {', '.join(sorted(left_out))}")


def _imports_what_is_lacking(report: pytest.CollectReport) -> bool:
    error: BaseException | None = vars(report)["call"].excinfo.value
    while error is not None and not isinstance(error, ModuleNotFoundError):
        error = error.__cause__
    return error is not None and str(error.name).partition(".")[0] in PACKAGES


def _hide_programs(config: pytest.Config) -> None:
    """Put programs that fail before the real ones on the PATH."""
    folder = Path(tempfile.mkdtemp(prefix="ttci-quick-lane-"))
    config.add_cleanup(lambda: shutil.rmtree(folder))
    for name in PROGRAMS:
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{name} is not for the quick lane' >&2\nexit 127\n")
        program.chmod(0o755)
    os.environ["PATH"] = os.pathsep.join([str(folder), os.environ["PATH"]])
