"""JUnit files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ttci.results import Outcome, Result, Run

if TYPE_CHECKING:
    from junitparser import TestCase

_CLASS_NAME = "ttci.tests.test_checks"  # as pytest names the suite's file


def merge_junit(parts: Sequence[Path], path: Path) -> None:
    """Write the cases of `parts` as one ``<testsuite name="pytest">``, as pytest would have."""
    from junitparser import JUnitXml

    suites = [suite for part in parts for suite in JUnitXml.fromfile(str(part))]
    if suites:
        cases = [case for suite in suites for case in suite]
        _write(cases, path, suites[0].timestamp, suites[0].hostname)


def write_junit(run: Run, path: Path) -> None:
    """Write what is known of a run whose pytest could not write its own file."""
    cases = [_case(result) for result in run.results]
    _write(cases, path, run.started.isoformat(), str(run.environment.get("host", "")))


def _write(cases: Iterable[TestCase], path: Path, timestamp: str, host: str) -> None:
    from junitparser import JUnitXml, TestSuite

    suite = TestSuite("pytest")
    suite.timestamp, suite.hostname = timestamp, host
    suite.add_testcases(list(cases))
    document = JUnitXml("pytest tests")
    document.add_testsuite(suite)
    document.write(str(path))


def _case(result: Result) -> TestCase:
    from junitparser import Error, Failure, Skipped, TestCase

    case = TestCase(result.id, _CLASS_NAME, result.seconds)
    kinds = {Outcome.FAILED: Failure, Outcome.ERROR: Error, Outcome.UNAVAILABLE: Skipped}
    if result.outcome in kinds:
        element = kinds[result.outcome](result.message.partition("\n")[0])
        element.text = result.message
        case.result = [element]
    return case
