"""One JUnit file and one benchmark JSON of many pairs; the files of each pair stay as they are.

A pair's file that cannot be read becomes a problem of the report, and the rest is merged.
In the JUnit file every pair has suites of its own name; beside its cases stands an
error for each problem.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttci.artifacts import names
from ttci.artifacts.bounded import read_bounded
from ttci.artifacts.junit import case_of, problem_case
from ttci.errors import MachineryError
from ttci.files import write_whole
from ttci.report.collect import PairReport, Problem, Report
from ttci.results import Outcome

if TYPE_CHECKING:
    from junitparser import JUnitXml, TestCase, TestSuite

# A document type is where entities are declared, which can make gigabytes of a line;
# another encoding could hide one. pytest writes neither.
_DECLARES_TYPE = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_OTHER_ENCODING = re.compile(rb"\A\s*<\?xml[^>]*encoding\s*=\s*[\"'](?!utf-8[\"'])", re.IGNORECASE)
_COUNTS = ("tests", "failures", "errors")  # of all suites: the schema of JUnit has no more of them there
_STATS = ("min", "max", "mean", "stddev", "median", "iqr", "q1", "q3", "ops", "rounds", "total")


def write_merged_benchmarks(report: Report, path: Path) -> Report:
    """Write every pair's benchmarks as one file that ``pytest-benchmark compare`` reads.

    The machine and the commit at its head are those of the first pair; each benchmark
    says in ``extra_info`` which machine it ran on. Returns the report with the problems
    that were met.
    """
    head: dict[str, Any] = {}
    encoded: list[str] = []
    problems: dict[Path, Problem] = {}
    for folder, file in _files(report, names.BENCHMARK):
        try:
            document = _benchmarks(file, folder)
            encoded.append(json.dumps(document.pop("benchmarks"), allow_nan=False)[1:-1])
        except (MachineryError, ValueError) as error:
            problems[folder] = Problem(_said_of(file, error))
        else:
            head = head or document
    start = json.dumps({key: value for key, value in head.items() if _is_encodable(value)}).removesuffix("}")
    parts = [start, ", " if start != "{" else "", '"benchmarks": [', ",\n".join(filter(None, encoded)), "]}"]
    write_whole(path, parts)
    return report.having(problems)


def write_merged_junit(report: Report, path: Path) -> Report:
    """Write every pair's cases as one JUnit file; returns the report with the problems that were met."""
    from junitparser import JUnitXml

    problems: dict[Path, Problem] = {}
    suites: list[_EncodedSuite] = []
    for entry in report.pairs:
        found, problem = _suites_of(entry)
        if problem and entry.folder:
            problems[entry.folder] = problem
        suites += [*found, *_problem_suites(entry.pair, [*entry.problems, *([problem] if problem else [])])]
    suites += _problem_suites("report", report.problems)
    root = JUnitXml("ttci report")
    for name in _COUNTS:
        setattr(root, name, sum(suite.counts[name] for suite in suites))
    root.time = round(sum(suite.seconds for suite in suites), 3)
    start = _xml(root).strip().removesuffix(b"/>").rstrip()
    parts = (b'<?xml version="1.0" encoding="utf-8"?>\n', start, b">", *(suite.xml for suite in suites))
    write_whole(path, [*parts, b"</testsuites>\n"])
    return report.having(problems)


@dataclass(frozen=True)
class _EncodedSuite:
    """A suite as it is written: its tree takes ten times the room."""

    counts: dict[str, int]
    seconds: float
    xml: bytes


def _encoded(suite: TestSuite) -> _EncodedSuite:
    suite.update_statistics()  # type: ignore[no-untyped-call]
    seconds = suite.time or 0.0
    counts = {name: getattr(suite, name) or 0 for name in _COUNTS}
    return _EncodedSuite(counts, seconds if math.isfinite(seconds) else 0.0, _xml(suite))


def _xml(element: JUnitXml | TestSuite) -> bytes:
    return bytes(element.tostring())  # type: ignore[no-untyped-call]


def _files(report: Report, name: str) -> Iterator[tuple[Path, Path]]:
    """The folders whose pair's results are read, and the file of this name in each."""
    for entry in report.pairs:
        if entry.folder and _is_there(entry.folder / name):
            yield entry.folder, entry.folder / name


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _said_of(file: Path, error: Exception) -> str:
    """Once with the name of the file."""
    return str(error) if str(file) in str(error) else f"{file}: cannot be read: {error}"


def _benchmarks(file: Path, folder: Path) -> dict[str, Any]:
    """A file of pytest-benchmark.

    Raises:
        ValueError: where it is not whole.
        MachineryError: where it is not whole.
    """
    try:
        document = json.loads(read_bounded(file, folder), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    entries = document.get("benchmarks") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(entries, list):
        raise ValueError('not a file of pytest-benchmark: it has no list "benchmarks"')  # noqa: TRY004
    machine = document.get("machine_info")
    node = machine.get("node") if isinstance(machine, dict) else None
    for entry in entries:
        _check_benchmark(entry)
        entry["extra_info"] = {**(entry.get("extra_info") or {}), "machine": node}
    return document


def _check_benchmark(entry: Any) -> None:
    is_named = isinstance(entry, dict) and isinstance(entry.get("name"), str)
    if not is_named or not isinstance(entry.get("fullname"), str):
        raise ValueError("a benchmark has no name")
    if not isinstance(entry.get("extra_info") or {}, dict):
        raise ValueError(f'"extra_info" of {entry["name"]!r} is no table')  # noqa: TRY004  # wrong input, not a wrong call
    stats = entry.get("stats")
    for name in _STATS:
        figure = stats.get(name) if isinstance(stats, dict) else None
        if not isinstance(figure, int | float) or not math.isfinite(figure):
            raise ValueError(f'"{name}" of {entry["name"]!r} is no number')


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def _is_encodable(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def _suites_of(entry: PairReport) -> tuple[list[_EncodedSuite], Problem | None]:
    """The pair's own suites, or where they are missing or know less than run.json, those made from it."""
    file = entry.folder / names.JUNIT if entry.folder else None
    if file is None or entry.folder is None or not _is_there(file):
        return _made_from_run(entry), None
    try:
        suites = [_encoded(_named(suite, entry.pair)) for suite in _parse(read_bounded(file, entry.folder))]
    except (MachineryError, SyntaxError, ValueError, RecursionError) as error:  # SyntaxError: of XML readers
        return _made_from_run(entry), Problem(_said_of(file, error))
    failing = sum(suite.counts["failures"] + suite.counts["errors"] for suite in suites)
    known = sum(result.outcome in (Outcome.FAILED, Outcome.ERROR) for result in entry.results)
    if failing < known:  # written before the last of them was judged
        return _made_from_run(entry), None
    if failing and not known and entry.run:
        return suites, Problem(f"{file}: {failing} failures that run.json knows nothing of")
    return suites, None


def _named(suite: TestSuite, pair: str) -> TestSuite:
    suite.name = pair
    return suite


def _parse(content: bytes) -> JUnitXml:
    from junitparser import JUnitXml, JUnitXmlError

    if _DECLARES_TYPE.search(content):
        raise ValueError("it declares a document type or entities, which no JUnit file needs")
    if _OTHER_ENCODING.search(content[:200]) or content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ValueError("it is not in UTF-8")
    try:
        return JUnitXml.fromstring(content)
    except JUnitXmlError:
        raise ValueError("it is XML, and no JUnit file") from None


def _made_from_run(entry: PairReport) -> list[_EncodedSuite]:
    if not entry.run:
        return []
    cases = [case_of(result) for result in entry.results]
    host = entry.run.environment.host or ""
    return [_encoded(_suite(entry.pair, cases, entry.run.started.isoformat(), host))]


def _problem_suites(name: str, problems: Sequence[Problem]) -> list[_EncodedSuite]:
    cases = [problem_case(name, p.text, is_error=p.outcome is Outcome.ERROR) for p in problems]
    return [_encoded(_suite(name, cases))] if cases else []


def _suite(name: str, cases: Sequence[TestCase], timestamp: str = "", host: str = "") -> TestSuite:
    from junitparser import TestSuite

    suite = TestSuite(name)
    suite.timestamp, suite.hostname = timestamp, host
    suite.extend(cases)  # type: ignore[no-untyped-call]
    return suite
