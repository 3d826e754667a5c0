"""A storage folder of pytest-benchmark: ``.benchmarks/<machine>/0001_<commit>_<time>.json``.

Its ``session.py``, ``utils.py`` and ``stats.py`` say what is in a file: machine_info,
commit_info, datetime, and benchmarks, whose stats are in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ttci.catalog.metrics import METRICS
from ttci.catalog.units import time_factor
from ttci.errors import MachineryError, quoted
from ttci.history.importing.dates import time_of
from ttci.history.importing.figures import Figure, number, runs_of
from ttci.history.importing.files import files_of, parse_json, read_text
from ttci.history.importing.names import as_test_name
from ttci.history.importing.source import COMMIT, Source, shown
from ttci.manifest import Identity
from ttci.results import Environment, Run

_LATENCY = METRICS["latency_ms"]
_MS_PER_S = time_factor("s", _LATENCY.unit)
_STORED = re.compile(r"\d{4,}_.*\.json")
_NO_BRANCH = ("(unknown)", "(detached head)", "unknown")


def files(path: Path) -> list[Path]:
    """`path`, or what pytest-benchmark has stored below it."""
    return files_of(path, lambda file: _STORED.fullmatch(file.name) is not None)


def read(path: Path, source: Source) -> Iterator[Run]:
    """The run that the file at `path` holds; what it says wrong goes to `source.problems`.

    Raises:
        MachineryError: the file is none of this tool, or does not say when or at which commit it was.
    """
    data = parse_json(path, read_text(path))
    if not isinstance(data, dict) or not isinstance(data.get("benchmarks"), list):
        raise MachineryError(f'{path}: not a file of pytest-benchmark: it has no list of "benchmarks"')
    commit_info, machine = _table(data.get("commit_info")), _table(data.get("machine_info"))
    commit, started = commit_info.get("id"), time_of(data.get("datetime"))
    wrong = []
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        wrong.append(f"commit_info.id: {shown(commit)} is no commit")
    if started is None:
        wrong.append(f"datetime: {shown(data.get('datetime'))} is no time")
    if wrong or started is None:
        raise MachineryError("; ".join([f"{path}: {wrong[0]}", *wrong[1:]]))
    figures = [
        figure
        for position, entry in enumerate(data["benchmarks"])
        for figure in _figure(f"{path}: benchmarks[{position}]", entry, source)
    ]
    yield from runs_of(figures, started, _environment(machine, commit_info, source))


def _environment(machine: dict[str, Any], commit_info: dict[str, Any], source: Source) -> Environment:
    cpu = _table(machine.get("cpu"))
    branch, cores = commit_info.get("branch"), cpu.get("count")
    known = {
        "host": machine.get("node"),
        "cpu": cpu.get("brand_raw") or cpu.get("brand") or machine.get("processor"),
        "cores": cores if isinstance(cores, int) else None,
        "python": machine.get("python_version"),
        "git_commit": str(commit_info.get("id")).lower(),
        "git_branch": branch if isinstance(branch, str) and branch not in _NO_BRANCH else source.branch,
        "imported_from": "pytest-benchmark",
    }
    return Environment.model_validate({key: value for key, value in known.items() if _is_stated(value)})


def _is_stated(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _figure(place: str, entry: Any, source: Source) -> Iterator[Figure]:
    stats = _table(entry.get("stats")) if isinstance(entry, dict) else {}
    name = entry.get("fullname") or entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        source.problems.append(f"{place}: fullname: {shown(name)} is no text")
        return
    median = _in_ms(stats.get("median"))
    if median is None:
        what = f"stats.median: {shown(stats.get('median'))} is not a finite number of milliseconds"
        source.problems.append(f"{place} {quoted(name)}: {what}")
        return
    data = stats.get("data")
    samples = map(_in_ms, data) if isinstance(data, list) else ()
    yield Figure(
        Identity(source.pair, as_test_name(name), _LATENCY.check),
        _LATENCY.name,
        _LATENCY.unit,
        _LATENCY.direction,
        median,
        "median",
        tuple(value for value in samples if value is not None),
    )


def _in_ms(seconds: Any) -> float | None:
    found = number(seconds)
    return None if found is None else number(found * _MS_PER_S)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
