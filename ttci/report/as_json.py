"""report.json: a report for machines, with every result in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ttci.drift.judgement import HistoryView, SeriesDrift
from ttci.manifest.identity import model_and_device
from ttci.report.collect import PairReport, Problem, Report
from ttci.report.conclusion import fails_on_drift, verdict_word
from ttci.report.drift_reasons import reason_text
from ttci.report.drift_text import SUSPECTED, counts_of
from ttci.results import Comparison, Drift
from ttci.results.comparison import ComparisonRun

SCHEMA = 1


def encode_report(report: Report, fail_on: str = "failure") -> Iterator[str]:
    """The JSON of `report`, in parts: what counts first, then an entry a pair with its run.json.

    `verdict` and `exit_code` are what they are whatever `fail_on`, one of `ttci.report.FAIL_ON`,
    says; `fails_on_drift` is whether the command fails for what is slower than its history or its base.
    A pair's `drift` has an entry for each figure that was judged against its history.
    """
    drifts = _drift_by_pair(report.history)
    head = json.dumps(_head(report, fail_on), indent=2).removesuffix("\n}")
    yield f'{head},\n  "pairs": ['
    for index, entry in enumerate(report.pairs):
        run = entry.run.model_dump_json(by_alias=True) if entry.run else "null"
        own = json.dumps(_pair(report, entry, drifts.get(entry.pair, []))).removesuffix("}")
        yield f'{"," if index else ""}\n    {own}, "run": {run}}}'
    yield "\n  ]\n}\n"


def _head(report: Report, fail_on: str) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "verdict": verdict_word(report),
        "exit_code": int(report.exit_code),
        "fails_on_drift": fails_on_drift(report, fail_on),
        "outcomes": {str(outcome): count for outcome, count in report.outcomes.items()},
        "verdicts": {str(verdict): count for verdict, count in report.verdicts.items()},
        "problems": list(map(_problem, report.problems)),
        "left_out": [entry.model_dump() for entry in report.left_out],
        "comparisons": list(map(_comparison, report.comparisons)),
        "history": _history(report.history) if report.history else None,
    }


def _comparison(run: ComparisonRun) -> dict[str, Any]:
    """Both commits, and how often each word was reached; comparison.json has the figures."""
    sides = {"base": run.base.model_dump(), "head": run.head.model_dump()}
    return {**sides, "counts": {str(word): len(run.of(word)) for word in Comparison}}


def _history(view: HistoryView) -> dict[str, Any]:
    counts = counts_of(view.series)
    return {
        "source": view.source,
        "notes": list(view.notes),
        "counts": {word: counts[word] for word in (*map(str, Drift), SUSPECTED)},
    }


def _drift_by_pair(view: HistoryView | None) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in view.series if view else ():
        found.setdefault(entry.series.pair, []).append(_drift(entry))
    return found


def _drift(entry: SeriesDrift) -> dict[str, Any]:
    judgement = entry.judgement
    return {
        "id": entry.series.identity,
        "metric": entry.series.metric,
        "drift": str(judgement.drift),
        "is_suspected": judgement.is_suspected,
        "change": judgement.change,
        "level": judgement.level,
        "noise": judgement.noise,
        "window": len(entry.window),
        "reason": reason_text(judgement.reason),
        "baseline": entry.baseline,
    }


def _pair(report: Report, entry: PairReport, drift: list[dict[str, Any]]) -> dict[str, Any]:
    limits = report.limits.of_model(*model_and_device(entry.pair))
    return {
        "pair": entry.pair,
        "folder": str(entry.folder) if entry.folder else None,
        "exit_code": int(entry.exit_code),
        "outcomes": {str(outcome): count for outcome, count in entry.outcomes.items()},
        "problems": list(map(_problem, entry.problems)),
        "drift": drift,
        "limits": {test: limit.model_dump() for test, limit in limits.items()},
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {"text": problem.text, "outcome": str(problem.outcome), "exit_code": int(problem.exit_code)}
