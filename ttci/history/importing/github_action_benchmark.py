"""``data.js`` of github-action-benchmark.

Its ``src/write.ts`` and ``src/extract.ts`` say what is in it: a script that sets
``window.BENCHMARK_DATA`` to ``entries``, by suite a list of commit, date in
milliseconds, tool and benches, each of name, value and unit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ttci.catalog.metrics import Direction
from ttci.errors import InputError, MachineryError, did_you_mean, quoted
from ttci.history.importing.dates import time_of
from ttci.history.importing.figures import Figure, number, runs_of
from ttci.history.importing.files import files_of, parse_json, read_text
from ttci.history.importing.names import as_test_name, pair_of_suite
from ttci.history.importing.source import COMMIT, Source, shown
from ttci.history.importing.units import meaning_of
from ttci.manifest import Identity, Pair, fits_as_test_name
from ttci.results import Environment, Fidelity, Run

# A script's comments and empty statements, which people and other tools put around what this one writes.
_AROUND = r"(?:\s|;|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)*"
_OWNER = r"(?:(?:const|let|var)\s+|(?:window|globalThis|self)\s*\.\s*)?"
_BEGIN = re.compile(rf"{_AROUND}(?:(?:export\s+)?{_OWNER}BENCHMARK_DATA\s*=\s*)?")
_END = re.compile(_AROUND)
_FIDELITY = re.compile(r"^fidelity: (\S+)$", re.MULTILINE)  # as `ttci export` writes it
_CUSTOM: dict[str, Direction] = {"customBiggerIsBetter": "higher", "customSmallerIsBetter": "lower"}
# Which way is better, where the unit does not say; `biggerIsBetter` of its write.ts.
_TOOLS: dict[str, Direction] = {
    **dict.fromkeys(("cargo", "go", "googlecpp", "catch2", "julia", "jmh", "benchmarkdotnet"), "lower"),
    "benchmarkluau": "lower",
    **dict.fromkeys(("benchmarkjs", "pytest"), "higher"),
    **_CUSTOM,
}


def files(path: Path) -> list[Path]:
    """`path`, or the files called ``data.js`` below it."""
    return files_of(path, lambda file: file.name == "data.js")


def read(path: Path, source: Source) -> Iterator[Run]:
    """The runs that the file at `path` holds; what it says wrong goes to `source.problems`.

    Raises:
        MachineryError: the file is none of this tool.
    """
    text = read_text(path)
    begin = _BEGIN.match(text)
    data = parse_json(path, text, begin.end() if begin else 0, rest=_END)
    suites = data.get("entries") if isinstance(data, dict) else None
    if not isinstance(suites, dict):
        raise MachineryError(f'{path}: not a data.js of github-action-benchmark: it has no "entries"')
    for suite, entries in suites.items():
        place = f"{path}: entries.{quoted(suite)}"
        if not isinstance(entries, list):
            source.problems.append(f"{place}: not a list of runs")
            continue
        of_suite = pair_of_suite(source.pair, suite)
        for number_of_entry, entry in enumerate(entries):
            yield from _Entry(f"{place}[{number_of_entry}]", entry, of_suite, source).runs()


class _Entry:
    """One entry of a suite: what was measured at one commit."""

    def __init__(self, place: str, entry: Any, pair: Pair, source: Source) -> None:
        self._place = place
        self._entry = entry if isinstance(entry, dict) else {}
        self._is_table = isinstance(entry, dict)
        self._pair = pair
        self._source = source

    def runs(self) -> list[Run]:
        """A run, or several where the names are identities of several pairs; none where it is wrong."""
        if not self._is_table:
            return self._wrong("", "not a table of commit, date, tool and benches")
        commit, tool, benches, date = (self._entry.get(key) for key in ("commit", "tool", "benches", "date"))
        commit = commit if isinstance(commit, dict) else {}
        wrong = [
            *self._wrong_commit(commit.get("id")),
            *self._wrong_tool(tool),
        ]
        if not isinstance(benches, list) or not benches:
            wrong.append(f"benches: {shown(benches)}, and no figures")
        started = time_of(date) or time_of(commit.get("timestamp"))
        if started is None:
            stamp = shown(commit.get("timestamp"))
            wrong.append(f"date: {shown(date)}, and commit.timestamp {stamp}: no time")
        if wrong or not isinstance(benches, list) or not isinstance(tool, str) or started is None:
            return self._wrong("", "; ".join(wrong))
        figures = [figure for n, bench in enumerate(benches) for figure in self._figure(n, bench, tool)]
        environment = Environment(
            git_commit=commit["id"].lower(),
            git_branch=self._source.branch,
            imported_from=f"github-action-benchmark {tool}",
        )
        return runs_of(figures, started, environment)

    def _wrong(self, where: str, what: str) -> list[Any]:
        self._source.problems.append(f"{self._place}{where}: {what}")
        return []

    @staticmethod
    def _wrong_commit(commit: Any) -> list[str]:
        is_commit = isinstance(commit, str) and COMMIT.fullmatch(commit)
        return [] if is_commit else [f"commit.id: {shown(commit)} is no commit"]

    @staticmethod
    def _wrong_tool(tool: Any) -> list[str]:
        if isinstance(tool, str) and tool in _TOOLS:
            return []
        return [f"tool: unknown tool {shown(tool)}; {did_you_mean(str(tool), _TOOLS)}"]

    def _figure(self, position: int, bench: Any, tool: str) -> list[Figure]:
        where = f".benches[{position}]"
        if not isinstance(bench, dict):
            return self._wrong(where, "not a table of name, value and unit")
        name, unit, value = bench.get("name"), bench.get("unit") or "", number(bench.get("value"))
        if not isinstance(name, str | int | float) or isinstance(name, bool):
            return self._wrong(where, f"name: {shown(name)} is no text")
        if value is None:
            what = f"value: {shown(bench.get('value'))} is not a finite number"
            return self._wrong(f"{where} {quoted(str(name))}", what)
        extra = bench.get("extra")
        figure = self._in_words(str(name), value, str(unit), tool, extra if isinstance(extra, str) else "")
        if not math.isfinite(figure.value):
            what = f"value: {value:g} {unit} is more than a figure in {figure.unit} can be"
            return self._wrong(f"{where} {quoted(str(name))}", what)
        return [figure]

    def _in_words(self, name: str, value: float, unit: str, tool: str, extra: str) -> Figure:
        meaning = meaning_of(unit)
        direction = _CUSTOM.get(tool) or meaning.direction or _TOOLS[tool]
        own = _own_identity(name)
        if own:
            identity, metric = own
            return Figure(identity, metric, unit, direction, value, fidelity=_fidelity(extra))
        identity = Identity(self._pair, as_test_name(name), meaning.check)
        return Figure(identity, meaning.metric, meaning.unit, direction, value * meaning.factor)


def _own_identity(name: str) -> tuple[Identity, str] | None:
    """The identity and the metric, where ttci itself has exported the figure."""
    text, _, metric = name.rpartition(" ")
    try:
        identity = Identity.parse(text)
    except InputError:
        return None
    return (identity, metric) if metric and fits_as_test_name(identity.test) else None


def _fidelity(extra: str) -> Fidelity:
    found = _FIDELITY.search(extra)
    known = {fidelity.value: fidelity for fidelity in Fidelity}
    return known.get(found[1], Fidelity.REFERENCE) if found else Fidelity.REFERENCE
