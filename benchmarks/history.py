"""What a history of a million measurements costs the run that is added and judged next.

    python benchmarks/history.py

Stores of 10,000 (100 runs of 100 benchmarks), 100,000 (100 of 1,000) and 1,000,000 measurements
(1,000 of 1,000) are filled with files, as compaction leaves them, and indexed from those files.
Then a run of fresh samples is added to the folder, the index updated, and all of the run's
benchmarks are judged: each against the newest 100 runs, in every store, so that the time per
judgement can be compared between them. Noise is log-normal, 3 %, with a fixed seed.
"""

from __future__ import annotations

import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from ttci.drift.compare import view_of
from ttci.history.add import add_runs
from ttci.history.index.index import updated_index
from ttci.history.record import encode, file_name, recorded
from ttci.history.stores.folder import FolderStore
from ttci.results import Config, Environment, Fidelity, Measurement, Outcome, Result, Run, write_run

PAIR = "llama3@n150"
SIZES = {10_000: (100, 100), 100_000: (100, 1_000), 1_000_000: (1_000, 1_000)}  # runs, benchmarks
ROUNDS = 20  # of a benchmark of the run that is added
REPETITIONS = 7
SEED = 5
MOST_SECONDS = 2.0  # to add a run of 1,000 benchmarks to the largest store, and judge it
MOST_RATIO = 1.5  # of the times per judgement

_FIRST = datetime(2026, 1, 1, tzinfo=timezone.utc)
_JUDGE = """
import sys
from pathlib import Path
from ttci.drift.compare import view_of
from ttci.history.stores.folder import FolderStore
from ttci.history.index.index import updated_index
from ttci.results import read_run

run = read_run(Path(sys.argv[2], "run.json"))
view = view_of([run], updated_index(FolderStore(Path(sys.argv[1]))), Path.cwd(), "main")
print(len(view.series))
"""


def main() -> int:
    """Measure and print; 1 where a bound is missed."""
    print(f"seed {SEED}; medians of {REPETITIONS}, the stores in turns")
    with tempfile.TemporaryDirectory() as name:
        os.environ["TTCI_CACHE"] = f"{name}/cache"
        folders = {size: Path(name, str(size)) for size in SIZES}
        for size, folder in folders.items():
            _fill(folder, size)
        steps: dict[int, list[Steps]] = {size: [] for size in SIZES}
        for repetition in range(REPETITIONS + 1):
            for size, folder in folders.items():
                taken = _measure(folder, size, repetition)
                steps[size] += [taken] if repetition else []  # the first one imports
        medians = {size: Steps(*map(statistics.median, zip(*of, strict=True))) for size, of in steps.items()}
        for size, median in medians.items():
            _print(size, median)
        _measure_processes(folders[max(SIZES)], max(SIZES))
    return _conclude(medians)


class Steps(NamedTuple):
    """Seconds."""

    add: float
    update: float
    judge: float
    processor: float  # of all three


def _fill(folder: Path, size: int) -> None:
    runs, benchmarks = SIZES[size]
    begin = time.perf_counter()
    store = FolderStore(folder)
    for number in range(runs):
        run = _run(number, benchmarks, rounds=0)
        store.change({file_name(run): encode(run)}, {}, "")
    filled = time.perf_counter()
    with updated_index(store) as index:
        size_mb = index.path.stat().st_size / 1e6
    indexed = time.perf_counter()
    print(
        f"{size:9,} measurements: files made in {filled - begin:5.1f} s, "
        f"indexed in {indexed - filled:5.1f} s, index {size_mb:.0f} MB"
    )


def _measure(folder: Path, size: int, repetition: int) -> Steps:
    runs, benchmarks = SIZES[size]
    store = FolderStore(folder)
    run = _run(runs + repetition, benchmarks, rounds=ROUNDS)
    cpu, begin = time.process_time(), time.perf_counter()
    add_runs(store, [run])
    added = time.perf_counter()
    with updated_index(store) as index:
        updated = time.perf_counter()
        view = view_of([run], index, folder, "main")
    judged = time.perf_counter()
    windows = {len(entry.window) for entry in view.series}
    if len(view.series) != benchmarks or windows != {100}:
        raise SystemExit(f"{len(view.series)} judgements, windows of {windows}")
    return Steps(added - begin, updated - added, judged - updated, time.process_time() - cpu)


def _print(size: int, median: Steps) -> None:
    benchmarks = SIZES[size][1]
    print(
        f"{size:9,} measurements: add {median.add:.3f} s, update the index {median.update:.3f} s, "
        f"judge {benchmarks:,} {median.judge:.3f} s ({1e6 * median.judge / benchmarks:.0f} µs each); "
        f"{median.processor:.3f} s of processor time in all"
    )


def _measure_processes(folder: Path, size: int) -> None:
    """The same by whole processes, imports and all."""
    runs, benchmarks = SIZES[size]
    reports = folder.parent / "reports"
    seconds: list[tuple[float, float]] = []
    for repetition in range(REPETITIONS):
        pair = reports / PAIR
        write_run(pair / "run.json", _run(runs + 100 + repetition, benchmarks, rounds=ROUNDS))
        source = f"folder:{folder}"
        add = _seconds("-m", "ttci", "history", "add", str(reports), "--history", source)
        seconds.append((add, _seconds("-c", _JUDGE, str(folder), str(pair))))
    add, judge = (statistics.median(step) for step in zip(*seconds, strict=True))
    print(
        f"{size:9,} measurements, as processes: `ttci history add` {add:.2f} s, "
        f"read, update the index and judge {judge:.2f} s; no bound"
    )


def _seconds(*arguments: str) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def _run(number: int, benchmarks: int, rounds: int) -> Run:
    """The run of commit `number` on main."""
    draw = random.Random(f"{SEED} {number} {benchmarks}")
    started = _FIRST + timedelta(hours=number)
    run = Run(
        pair=PAIR,
        model="llama3",
        device="n150",
        fidelity=Fidelity.SILICON,
        started=started,
        finished=started + timedelta(minutes=5),
        environment=Environment(
            host=f"rack{number % 3}",
            ttnn="0.81.1",
            boards="n150",
            firmware="19.2.0.0",
            git_commit=f"{number:040x}",
            git_branch="main",
        ),
        results=tuple(_result(benchmark, draw, rounds) for benchmark in range(benchmarks)),
    )
    return recorded(run)


def _result(benchmark: int, draw: random.Random, rounds: int) -> Result:
    value = (1 + benchmark % 7) * math.exp(draw.gauss(0, 0.03))
    samples = tuple(value * math.exp(draw.gauss(0, 0.01)) for _ in range(rounds))
    latency = Measurement(
        name="latency_ms", value=value, unit="ms", statistic="median", samples=samples, target=10.0
    )
    test = f"layer_{benchmark}"
    return Result(
        id=f"{PAIR}/{test}[performance]",
        test=test,
        check="performance",
        outcome=Outcome.PASSED,
        seconds=0.5,
        config=Config(input_shape=[1, 128, 4096], dtype="bfloat16"),
        measurements=(latency,),
    )


def _conclude(medians: dict[int, Steps]) -> int:
    each = [median.judge / SIZES[size][1] for size, median in medians.items()]
    ratio = max(each) / min(each)
    print(f"time per judgement, ratio {ratio:.2f}, bound {MOST_RATIO}: {_said(ratio <= MOST_RATIO)}")
    seconds = sum(medians[max(SIZES)][:3])
    is_fast = seconds <= MOST_SECONDS
    print(f"a run added and judged in {seconds:.2f} s, bound {MOST_SECONDS:g} s: {_said(is_fast)}")
    return 0 if is_fast and ratio <= MOST_RATIO else 1


def _said(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


if __name__ == "__main__":
    raise SystemExit(main())
