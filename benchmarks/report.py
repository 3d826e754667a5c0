"""What ``ttci report`` costs for 100,000 results, against merging their JUnit files alone.

500 folders of pairs with 200 results each, a fifth of them timed with 20 rounds and one
in fifty failing. Whole processes, in turns, on the same files:

* ttci: ``ttci report``: reads every run.json, merges JUnit and benchmarks, judges, and
  renders everything it writes.
* junitparser: ``junitparser merge`` of the same JUnit files. It counts all cases anew after
  each file, so its time grows with the square of their number;
* once: the same merge with junitparser's own classes and one count at the end, which
  says what the reports cost beyond that. It has no bound.

The peak of memory is that of the ttci process, as the system counts it.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from ttci.artifacts.benchmark_json import complete_benchmarks
from ttci.artifacts.junit import write_junit
from ttci.results import (
    Config,
    Environment,
    Fidelity,
    Measurement,
    Outcome,
    Result,
    Run,
    judge,
    write_run,
)

BOUND = 1.5
MOST_MEGABYTES = 600
PAIRS, TESTS = 500, 50
CHECKS = ("correctness", "gradients", "performance", "memory")
ROUNDS = 20
REPETITIONS = {"ttci": 5, "once": 5, "junitparser": 1}  # the last one takes minutes

_ONCE = """
import sys
from junitparser import JUnitXml

merged = JUnitXml()
for path in sys.argv[2:]:
    for suite in JUnitXml.fromfile(path):
        merged.append(suite)
merged.update_statistics()
merged.write(sys.argv[1])
"""


def main() -> int:
    """Measure the sides in turns and print the ratio; 1 where a bound is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index in range(PAIRS):
            _write_pair(folder / "reports", index)
        files = [str(path) for path in sorted(folder.glob("reports/*/junit.xml"))]
        sides = {
            "ttci": ["-m", "ttci", "report", "reports", "--out", "out", "--no-annotations"],
            "once": ["-c", _ONCE, "once.xml", *files],
            "junitparser": ["-c", "from junitparser.cli import main; main()", "merge", *files, "merged.xml"],
        }
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        megabytes = 0.0
        for repetition in range(max(REPETITIONS.values())):
            due = {side: sides[side] for side, count in REPETITIONS.items() if repetition < count}
            for side, arguments in due.items():
                taken, peak = _measure(folder, arguments)
                seconds[side].append(taken)
                megabytes = max(megabytes, peak) if side == "ttci" else megabytes
        _check_whole(folder)
    return _conclude({side: statistics.median(taken) for side, taken in seconds.items()}, megabytes)


def _write_pair(reports: Path, index: int) -> None:
    model, device = f"model{index // 5}", f"board{index % 5}"
    pair, now = f"{model}@{device}", datetime.now(timezone.utc)
    run = Run(
        pair=pair,
        model=model,
        device=device,
        fidelity=Fidelity.SILICON,
        started=now,
        finished=now,
        environment=Environment(host="a host", cpu="a processor"),
        results=tuple(
            _result(pair, f"layer_{test}", check, is_bad=test == 0)
            for test in range(TESTS)
            for check in CHECKS
        ),
    )
    folder = reports / pair
    write_run(folder / "run.json", run)
    write_junit(run, folder / "junit.xml")
    complete_benchmarks(folder / "benchmark.json", [], run)


def _result(pair: str, test: str, check: str, *, is_bad: bool) -> Result:
    return Result(
        id=f"{pair}/{test}[{check}]",
        test=test,
        check=check,
        outcome=Outcome.FAILED if is_bad else Outcome.PASSED,
        seconds=0.5,
        message="the correlation 0.97 is below 0.999" if is_bad else "",
        config=Config(
            module="MultiHeadAttention",
            input_shape=[1, 128, 4096],
            dtype="bfloat16",
            declared_at="models/llama3/model.py:59",
        ),
        measurements=_measurements(check, is_bad=is_bad),
    )


def _measurements(check: str, *, is_bad: bool) -> tuple[Measurement, ...]:
    if check == "performance":
        rounds = tuple(random.uniform(4.0, 5.0) * (2 if is_bad else 1) for _ in range(ROUNDS))
        latency = Measurement(
            name="latency_ms",
            value=statistics.median(rounds),
            unit="ms",
            statistic="median",
            samples=rounds,
            target=5.0,
        )
        return (judge(latency, binds=True),)
    if check == "memory":
        return (Measurement(name="memory_mb", value=90.8, unit="MB", statistic="peak"),)
    return ()


def _measure(folder: Path, arguments: Sequence[str]) -> tuple[float, float]:
    """Wall seconds of one Python process, and its peak of memory in MB."""
    start = time.perf_counter()
    with subprocess.Popen([sys.executable, *arguments], cwd=folder, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        taken = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):  # 1: checks have failed, as they should
        raise SystemExit(f"{arguments[:3]} ended with {process.returncode}")
    return taken, usage.ru_maxrss * 1024 / 1e6


def _check_whole(folder: Path) -> None:
    """Every side must have merged every case."""
    count = PAIRS * TESTS * len(CHECKS)
    for name in ("out/junit.xml", "once.xml", "merged.xml"):
        found = (folder / name).read_bytes().count(b"<testcase ")
        if found != count:
            raise SystemExit(f"{name} holds {found} cases, not {count}")


def _conclude(medians: dict[str, float], megabytes: float) -> int:
    ratio = medians["ttci"] / medians["junitparser"]
    print(f"{PAIRS} pairs, {PAIRS * TESTS * len(CHECKS):,} results; medians of whole processes")
    for side, median in medians.items():
        print(f"  {side:12} {median:7.2f} s   of {REPETITIONS[side]}")
    print(f"  ttci / once  {medians['ttci'] / medians['once']:7.2f}   no bound")
    is_small = megabytes <= MOST_MEGABYTES
    print(f"peak memory {megabytes:.0f} MB, bound {MOST_MEGABYTES} MB: {'met' if is_small else 'MISSED'}")
    print(f"ratio {ratio:.2f}, bound {BOUND}: {'met' if ratio <= BOUND else 'MISSED'}")
    return 0 if ratio <= BOUND and is_small else 1


if __name__ == "__main__":
    raise SystemExit(main())
