"""Writes a report in a format of others."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ttci.errors import InputError
from ttci.export.as_csv import as_csv
from ttci.export.bencher import as_bencher
from ttci.export.github_action_benchmark import as_github_action_benchmark
from ttci.export.points import points
from ttci.export.tt_benchmark_run import benchmark_run
from ttci.files import write_whole
from ttci.report.collect import Report


def export_report(
    report: Report, format_name: str, output: Path | None, *, better: str, environ: Mapping[str, str]
) -> list[str]:
    """Write `report` in this format, one of FORMATS, to `output`, standard output where None.

    better: which direction github-action-benchmark is to get, `lower` or `higher`.
    environ: of the workflow that the results are of, for its id and link.
    Returns what is to be said of what was left out.

    Raises:
        InputError: several pairs, one file, and a format of a file a pair.
        OSError: `output` cannot be written.
    """
    if format_name == "tt-benchmark-run":
        _write_benchmark_runs(report, output, environ)
        return []
    found = list(points(report))
    if format_name == "csv":
        _write(as_csv(found), output)
        return []
    if format_name == "bencher":
        _write(_json(as_bencher(found)), output)
        return []
    _write(_json(as_github_action_benchmark(found, better)), output)
    others = sum(point.measurement.direction != better for point in found)
    other = "higher" if better == "lower" else "lower"
    return [f"{others} measurements where {other} is better are left out: --better {other}"] if others else []


def _write_benchmark_runs(report: Report, output: Path | None, environ: Mapping[str, str]) -> None:
    """A file a pair, as Tenstorrent's collectors take them."""
    runs = [entry.run for entry in report.pairs if entry.run]
    texts = {run.pair: benchmark_run(run, environ).model_dump_json(indent=2) + "\n" for run in runs}
    if len(texts) == 1 and (output is None or output.suffix == ".json"):
        _write(next(iter(texts.values())), output)
        return
    if output is None or output.suffix == ".json":
        raise InputError(f"{len(texts)} pairs make a file each; name a folder for them with -o")
    output.mkdir(parents=True, exist_ok=True)
    for pair, text in texts.items():
        _write(text, output / f"benchmark_run_{pair}.json")


def _json(data: Any) -> str:
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
    else:
        write_whole(output, [text])
