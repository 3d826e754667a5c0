"""JUnit files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ttci.artifacts import names
from ttci.files import write_whole
from ttci.results import Outcome, Result, Run

if TYPE_CHECKING:
    from junitparser import TestCase
    from junitparser.junitparser import FinalResult

_ILLEGAL_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def merge_junit(parts: Sequence[Path], path: Path) -> None:
    """Write the cases of `parts` as one ``<testsuite name="pytest">``, as pytest would have."""
    from junitparser import JUnitXml

    suites = [suite for part in parts for suite in JUnitXml.fromstring(part.read_bytes())]
    if suites:
        cases = [case for suite in suites for case in suite]
        _write(cases, path, suites[0].timestamp, suites[0].hostname)


def write_junit(run: Run, path: Path) -> None:
    """Write what is known of a run whose pytest could not write its own file."""
    cases = [case_of(result) for result in run.results]
    _write(cases, path, run.started.isoformat(), run.environment.host or "")


def _write(cases: Iterable[TestCase], path: Path, timestamp: str, host: str) -> None:
    from junitparser import JUnitXml, TestSuite

    suite = TestSuite("pytest")
    suite.timestamp, suite.hostname = timestamp, host
    suite.add_testcases(list(cases))
    document = JUnitXml("pytest tests")
    document.add_testsuite(suite)
    xml = document.tostring()  # type: ignore[no-untyped-call]
    # By ourselves: junitparser writes with lxml where that is, which takes no path that is not UTF-8.
    write_whole(path, [b'<?xml version="1.0" encoding="utf-8"?>\n', xml])


def case_of(result: Result) -> TestCase:
    """A result as a case."""
    from junitparser import Error, Failure, Skipped, TestCase

    case = TestCase(_legal(result.id), names.SUITE_MODULE, result.seconds)
    kinds = {Outcome.FAILED: Failure, Outcome.ERROR: Error, Outcome.UNAVAILABLE: Skipped}
    if result.outcome in kinds:
        case.result = [_described(kinds[result.outcome], result.message)]
    return case


def problem_case(name: str, text: str, *, is_error: bool) -> TestCase:
    """A case that stands for what is missing of a pair."""
    from junitparser import Error, Skipped, TestCase

    case = TestCase(_legal(name), names.SUITE_MODULE, 0.0)
    case.result = [_described(Error if is_error else Skipped, text)]
    return case


def _described(kind: type[FinalResult], text: str) -> FinalResult:
    legal = _legal(text)
    element = kind(legal.partition("\n")[0])
    element.text = legal
    return element


def _legal(text: str) -> str:
    """With what XML 1.0 has no way to write as pytest writes it: #x1B."""
    return _ILLEGAL_IN_XML.sub(lambda match: f"#x{ord(match[0]):02X}", text)
