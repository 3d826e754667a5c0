"""benchmark.json in pytest-benchmark's own format, whatever became of the process that measured.

pytest-benchmark writes its file at the end of a session and only where something was
timed. Here what it could not write is made from the samples in run.json.
"""

from __future__ import annotations

import json
import math
import platform
import statistics
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ttci.artifacts import names
from ttci.catalog.units import is_time, time_factor
from ttci.environment import installed_version
from ttci.results import Measurement, Result, Run

_MOST_IQRS = 1.5  # beyond a quartile, by Tukey, before a round counts as an outlier


def complete_benchmarks(path: Path, parts: Iterable[Path], run: Run) -> None:
    """Write to `path` the benchmarks of `parts`, and those of `run` that none of them holds.

    A file that holds everything already stays as pytest-benchmark wrote it.
    """
    documents = [document for document in map(_read, parts) if document]
    entries = [entry for document in documents for entry in document["benchmarks"]]
    known = {entry.get("name") for entry in entries}
    rebuilt = [_entry(result) for result in run.results if result.id not in known]
    entries += [entry for entry in rebuilt if entry]
    document = (documents[0] if documents else _head(run)) | {"benchmarks": entries}
    if _read(path) != document:
        path.write_text(json.dumps(document, indent=4), encoding="utf-8")


def _read(path: Path) -> dict[str, Any] | None:
    """A file of pytest-benchmark; None where it is not there or torn."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    is_whole = isinstance(document, dict) and isinstance(document.get("benchmarks"), list)
    return document if is_whole else None


def _head(run: Run) -> dict[str, Any]:
    """What stands around the benchmarks, with the machine as pytest-benchmark describes it."""
    environment = run.environment
    return {
        "machine_info": {
            "node": platform.node(),
            "processor": platform.processor(),
            "machine": platform.machine(),
            "python_compiler": platform.python_compiler(),
            "python_implementation": platform.python_implementation(),
            "python_implementation_version": platform.python_version(),
            "python_version": platform.python_version(),
            "python_build": platform.python_build(),
            "release": platform.release(),
            "system": platform.system(),
            "cpu": {"brand_raw": environment.cpu, "count": environment.cores},
        },
        "commit_info": {"id": environment.git_commit, "branch": environment.git_branch},
        "datetime": datetime.now(timezone.utc).isoformat(),
        "version": installed_version("pytest-benchmark"),
    }


def _entry(result: Result) -> dict[str, Any] | None:
    """A performance result as pytest-benchmark's entry; None where nothing was timed."""
    timed = next((m for m in result.measurements if m.samples and is_time(m.unit)), None)
    if timed is None:
        return None
    return {
        "group": None,
        "name": result.id,
        "fullname": f"{names.SUITE}::{result.id}",
        "params": None,
        "param": None,
        "extra_info": {"identity": result.id} | ({} if timed.steady is None else {"steady": timed.steady}),
        "options": {},
        "stats": stats_of(_seconds(timed)),
    }


def _seconds(measurement: Measurement) -> list[float]:
    factor = time_factor(measurement.unit, "s")
    return [sample * factor for sample in measurement.samples]


def stats_of(seconds: Sequence[float]) -> dict[str, Any]:
    """The statistics of the rounds' seconds, by the names and the rules of pytest-benchmark."""
    ordered = sorted(seconds)
    mean, total = statistics.mean(seconds), sum(seconds)
    deviation = statistics.stdev(seconds) if len(seconds) > 1 else 0
    q1, q3 = _quartile(ordered), _quartile(ordered, upper=True)
    fences = q1 - _MOST_IQRS * (q3 - q1), q3 + _MOST_IQRS * (q3 - q1)
    inside = [second for second in ordered if fences[0] <= second <= fences[1]] or ordered
    by_deviation = sum(not mean - deviation <= second <= mean + deviation for second in seconds)
    by_iqr = len(ordered) - len(inside)
    stats = {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "stddev": deviation,
        "rounds": len(seconds),
        "median": statistics.median(seconds),
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": by_iqr,
        "stddev_outliers": by_deviation,
        "outliers": f"{by_deviation};{by_iqr}",
        "ld15iqr": inside[0],
        "hd15iqr": inside[-1],
        "ops": len(seconds) / total if total else 0,
        "total": total,
        "data": list(seconds),
        "iterations": 1,
    }
    return {name: in_range(stat) if isinstance(stat, float) else stat for name, stat in stats.items()}


def in_range(figure: float) -> float:
    """The largest number there is for what is larger: JSON has no infinity."""
    most = sys.float_info.max
    return most if math.isnan(figure) else min(max(figure, -most), most)


def _quartile(ordered: Sequence[float], *, upper: bool = False) -> float:
    """Of sorted figures, by methods 2 and 3 of https://en.wikipedia.org/wiki/Quartile#Computing_methods.

    An even count is cut in halves; an odd one, 4n+1 or 4n+3, weighs two neighbours.
    """
    figures = ordered[::-1] if upper else ordered
    count = len(figures)
    if count == 1:
        return figures[0]
    if count % 2 == 0:
        return statistics.median(figures[: count // 2])
    n = count // 4
    if count % 4 == 1:
        return 0.25 * figures[n - 1] + 0.75 * figures[n]
    return 0.75 * figures[n] + 0.25 * figures[n + 1]
