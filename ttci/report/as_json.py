"""report.json: a report for machines, with every result in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ttci.report.collect import PairReport, Problem, Report
from ttci.report.verdict import verdict_word

SCHEMA = 1


def encode_report(report: Report) -> Iterator[str]:
    """The JSON of `report`, in parts: what counts first, then an entry a pair with its run.json."""
    head = json.dumps(_head(report), indent=2).removesuffix("\n}")
    yield f'{head},\n  "pairs": ['
    for index, entry in enumerate(report.pairs):
        run = entry.run.model_dump_json(by_alias=True) if entry.run else "null"
        own = json.dumps(_pair(entry)).removesuffix("}")
        yield f'{"," if index else ""}\n    {own}, "run": {run}}}'
    yield "\n  ]\n}\n"


def _head(report: Report) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "verdict": verdict_word(report),
        "exit_code": int(report.exit_code),
        "outcomes": {str(outcome): count for outcome, count in report.outcomes.items()},
        "verdicts": {str(verdict): count for verdict, count in report.verdicts.items()},
        "problems": list(map(_problem, report.problems)),
        "left_out": [entry.model_dump() for entry in report.left_out],
    }


def _pair(entry: PairReport) -> dict[str, Any]:
    return {
        "pair": entry.pair,
        "folder": str(entry.folder) if entry.folder else None,
        "exit_code": int(entry.exit_code),
        "outcomes": {str(outcome): count for outcome, count in entry.outcomes.items()},
        "problems": list(map(_problem, entry.problems)),
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {"text": problem.text, "outcome": str(problem.outcome), "exit_code": int(problem.exit_code)}
