"""The data of report.html: a report as one JSON document of columns, small enough for 100,000 checks.

Every text stands once in a table and is named by its position there; a column is an
array of numbers. What is longer than a browser should carry is cut, and the document
says what was left out. It is ASCII without ``<``: nothing in it can end the script
element that it stands in.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ttci.artifacts import names
from ttci.manifest.identity import model_and_device
from ttci.report.collect import PairReport, Problem, Report
from ttci.report.html.columns import MOST_CHARACTERS, Texts, columns_of, encoded, json_of, number
from ttci.report.html.roofline_data import rooflines, timed_limit
from ttci.report.ranking import Rank, missed_targets, rank_of, ratio_to_limit
from ttci.results import Measurement, Outcome, Result, Verdict
from ttci.text.measurement import describe_limit, doubt_of

MOST_RESULTS = 250_000
MOST_SAMPLES = 1_000  # of one measurement
MOST_SAMPLES_IN_ALL = 2_000_000
MOST_ERROR_MAPS = 250  # of up to 40 kB each
_DIGITS_OF_A_SAMPLE = 5


@dataclass(frozen=True)
class _Row:
    pair: int
    result: Result
    rank: Rank


def page_data(report: Report, folder: Path) -> Iterator[str]:
    """The parts of the JSON document; links in it are relative to `folder`."""
    rows = _rows(report)
    shown = rows[:MOST_RESULTS]
    texts, facts = Texts(), Texts()
    measured = [measurement for row in shown for measurement in row.result.measurements]
    yield '{"outcomes":' + json_of(list(Outcome)) + ',"verdicts":' + json_of(list(Verdict))
    yield ',"pairs":' + json_of([_pair(entry, folder, facts) for entry in report.pairs])
    yield ',"left_out":' + json_of([[entry.pair, entry.reason] for entry in report.left_out])
    yield ',"not_shown":' + json_of(len(rows) - len(shown))
    mapped = [row.result.error_map for row in shown if row.result.error_map]
    yield ',"error_maps":' + json_of([found.model_dump() for found in mapped[:MOST_ERROR_MAPS]])
    yield ',"error_maps_not_shown":' + json_of(max(0, len(mapped) - MOST_ERROR_MAPS))
    limits = [_limit_text(report, row) for row in shown]
    yield ',"rooflines":' + json_of(rooflines(report))
    yield from columns_of("results", _resultcolumns_of(shown, limits, texts, facts))
    yield from columns_of("measurements", _measurementcolumns_of(measured, texts))
    yield ',"samples":[' + ",".join(_samples(measured)) + "]"
    yield ',"facts":[' + ",".join(facts).replace("<", "\\u003c") + "]"
    yield ',"texts":' + json_of(list(texts)) + "}"


def _rows(report: Report) -> list[_Row]:
    """Every check and every problem, what hurts most first."""
    own = [_of_problem(len(report.pairs), "", problem) for problem in report.problems]
    found = [row for pair, entry in enumerate(report.pairs) for row in _rows_of(pair, entry)]
    return sorted([*own, *found], key=_order)


def _rows_of(pair: int, entry: PairReport) -> Iterator[_Row]:
    for problem in entry.problems:
        yield _of_problem(pair, entry.pair, problem)
    for result in entry.results:
        yield _Row(pair, result, rank_of(result))


def _of_problem(pair: int, name: str, problem: Problem) -> _Row:
    # Not validated: a text may hold what no run.json may, a folder's name that is not UTF-8.
    result = Result.model_construct(
        id=name, test="", check="", outcome=problem.outcome, seconds=0.0, message=problem.text
    )
    return _Row(pair, result, Rank.INCOMPLETE)


def _order(row: _Row) -> tuple[int, float]:
    if row.rank is not Rank.MISSED:
        return row.rank, 0.0
    return row.rank, -max(ratio_to_limit(m) or 0.0 for m in missed_targets(row.result))


def _pair(entry: PairReport, folder: Path, facts: Texts) -> dict[str, Any]:
    model, device = model_and_device(entry.pair)
    run = entry.run
    return {
        "model": model,
        "device": device,
        "fidelity": run.fidelity if run else None,
        "started": run.started.isoformat(timespec="seconds") if run else None,
        "environment": facts.position(_facts(run.environment.as_dict() if run else {})),
        "log": _link(entry, folder),
    }


def _link(entry: PairReport, folder: Path) -> str | None:
    """Where the log lies, as an address relative to the page; None where there is none."""
    log = entry.folder / names.LOG if entry.folder else None
    if log is None or not log.is_file():
        return None
    return quote(os.fsencode(os.path.relpath(log.absolute(), folder.absolute())))


def _limit_text(report: Report, row: _Row) -> str:
    """``limit 1.9 ms (DRAM)``; empty where none is known."""
    if row.pair == len(report.pairs):
        return ""
    limit = timed_limit(report, report.pairs[row.pair], row.result)
    return describe_limit(limit) if limit else ""


def _resultcolumns_of(
    rows: Sequence[_Row], limits: Sequence[str], texts: Texts, facts: Texts
) -> Iterator[tuple[str, Iterable[str]]]:
    outcomes = {outcome: str(position) for position, outcome in enumerate(Outcome)}
    results = [row.result for row in rows]
    yield "pair", (str(row.pair) for row in rows)
    yield "severity", (str(int(row.rank)) for row in rows)
    yield "test", (str(texts.position(result.test)) for result in results)
    yield "check", (str(texts.position(result.check)) for result in results)
    yield "outcome", (outcomes[result.outcome] for result in results)
    yield "seconds", (number(result.seconds) for result in results)
    yield "message", (str(texts.position(result.message)) for result in results)
    yield "config", (str(facts.position(_facts(result.config.as_dict()))) for result in results)
    yield "limit", (str(texts.position(limit)) for limit in limits)
    yield "error_map", map(str, _positions([result.error_map is not None for result in results]))
    yield "measurements", (str(len(result.measurements)) for result in results)


def _positions(has_map: Sequence[bool]) -> Iterator[int]:
    """Of each result's map among those that are on the page; -1 where it has none there."""
    position = 0
    for has in has_map:
        is_shown = has and position < MOST_ERROR_MAPS
        yield position if is_shown else -1
        position += is_shown


def _measurementcolumns_of(
    measured: Sequence[Measurement], texts: Texts
) -> Iterator[tuple[str, Iterable[str]]]:
    verdicts = {verdict: str(position) for position, verdict in enumerate(Verdict)}
    yield "name", (str(texts.position(m.name)) for m in measured)
    yield "unit", (str(texts.position(m.unit)) for m in measured)
    yield "statistic", (str(texts.position(_statistic(m))) for m in measured)
    yield "higher", ("1" if m.direction == "higher" else "0" for m in measured)
    yield "value", (number(m.value) for m in measured)
    yield "target", (number(m.target) for m in measured)
    yield "limit", (number(m.limit) for m in measured)
    yield "capacity", (number(m.capacity) for m in measured)
    yield "verdict", (verdicts[m.verdict] for m in measured)
    yield "rounds", (str(len(m.samples)) for m in measured)


def _statistic(measurement: Measurement) -> str:
    """What the value is of the samples, and whether it would have moved with more of them."""
    return ", ".join(filter(None, [measurement.statistic, doubt_of(measurement)]))


def _samples(measured: Sequence[Measurement]) -> Iterator[str]:
    """The samples of each measurement, evenly thinned where there are too many."""
    sampled = sum(bool(m.samples) for m in measured)
    most = min(MOST_SAMPLES, MOST_SAMPLES_IN_ALL // max(sampled, 1))
    as_text: Callable[[float], str] = f"{{:.{_DIGITS_OF_A_SAMPLE}g}}".format
    for measurement in measured:
        step = math.ceil(len(measurement.samples) / most)
        yield "[" + ",".join(map(as_text, measurement.samples[:: step or 1])) + "]"


def _facts(stated: dict[str, Any]) -> str:
    """A configuration or an environment, in JSON."""
    text = encoded(stated)
    if len(text) <= MOST_CHARACTERS:
        return text
    return encoded({"too large for this page": f"{len(text):,} characters; run.json has them"})
