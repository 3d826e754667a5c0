"""Twenty processes add fifty runs each to one branch of one bare repository at once.

Each process has a clone and a cache of its own, as jobs on different machines have, and
adds its runs one by one: a fetch, a commit and a push each, which nineteen others get in
the way of. Beside it, the same number of runs added by one process alone says what the
pushes cost by themselves; it has no bound.

Every run must be there once, `git fsck` must find nothing, and the branch must be one line
of commits, a run each.
"""

from __future__ import annotations

import multiprocessing.context
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from ttci.history import DEFAULT_BRANCH
from ttci.history.add import add_runs
from ttci.history.record import decode
from ttci.history.stores import open_store
from ttci.history.stores.clone import OwnRepository, Pushed
from ttci.results import Environment, Fidelity, Measurement, Outcome, Result, Run

PROCESSES, RUNS = 20, 50
ALONE = 50
STARTED = datetime(2026, 1, 1, tzinfo=timezone.utc)


def main() -> int:
    """Push, check and print; 1 unless exactly every run is there."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        alone_seconds, _ = _push(context, Path(name) / "alone", processes=1, runs=ALONE)
        seconds, ends = _push(context, Path(name) / "together", PROCESSES, RUNS)
        problems = _problems(Path(name) / "together", PROCESSES * RUNS)
        print(f"{PROCESSES} processes add {RUNS} runs each, one by one, to one bare repository")
        print(f"  one process alone {alone_seconds / ALONE * 1000:5.0f} ms a run   no bound")
        print(
            f"  together          {seconds / PROCESSES / RUNS * 1000:5.0f} ms a run, {seconds:.0f} s in all"
        )
        print(f"  pushes            {', '.join(f'{count:,} {end}' for end, count in sorted(ends.items()))}")
        good = f"{PROCESSES * RUNS:,} runs there, none twice, in one line of commits: met"
        print("\n".join(problems) or good, flush=True)
    return 1 if problems else 0


def _push(
    context: multiprocessing.context.SpawnContext, folder: Path, processes: int, runs: int
) -> tuple[float, Counter[str]]:
    """Seconds from the first push to the last, and how often a push ended how."""
    folder.mkdir()
    _git(folder, "init", "--quiet", "--bare", "remote.git")
    for index in range(processes):
        _git(folder, "init", "--quiet", f"clone{index}")
        _git(folder / f"clone{index}", "remote", "add", "origin", str(folder / "remote.git"))
    ready = context.Barrier(processes + 1)
    answers: Queue[Counter[str]] = context.Queue()
    workers = [
        context.Process(target=_add, args=(folder, index, runs, ready, answers)) for index in range(processes)
    ]
    for worker in workers:
        worker.start()
    ready.wait()
    begin = time.perf_counter()
    ends = sum((answers.get() for _ in workers), start=Counter[str]())
    seconds = time.perf_counter() - begin
    for worker in workers:
        worker.join()
    return seconds, ends


def _add(folder: Path, index: int, runs: int, ready: Barrier, answers: Queue[Counter[str]]) -> None:
    """What one job does, `runs` times."""
    os.environ["TTCI_CACHE"] = str(folder / f"cache{index}")
    ends: Counter[str] = Counter()
    push = OwnRepository.push

    def counted(repository: OwnRepository) -> Pushed:
        pushed = push(repository)
        ends[pushed.end.value] += 1
        return pushed

    OwnRepository.push = counted  # type: ignore[method-assign, assignment]
    ready.wait()
    try:
        for number in range(runs):
            store = open_store(f"branch:{DEFAULT_BRANCH}", folder / f"clone{index}")
            assert store is not None
            add_runs(store, [_run(index, number)])
    finally:
        answers.put(ends)


def _run(index: int, number: int) -> Run:
    started = STARTED + timedelta(minutes=number, seconds=index)
    latency = Measurement(name="latency_ms", value=1 + number / 100, unit="ms", samples=(1.0, 1.1, 1.2))
    identity = "model@board/layer[performance]"
    result = Result(
        id=identity,
        test="layer",
        check="performance",
        outcome=Outcome.PASSED,
        seconds=0.5,
        measurements=(latency,),
    )
    return Run(
        pair="model@board",
        model="model",
        device="board",
        fidelity=Fidelity.SILICON,
        started=started,
        finished=started + timedelta(seconds=30),
        environment=Environment(host=f"host{index}"),
        results=(result,),
    )


def _problems(folder: Path, count: int) -> list[str]:
    """What is wrong with the branch."""
    remote = folder / "remote.git"
    store = open_store(f"branch:{DEFAULT_BRANCH}", folder / "clone0")
    assert store is not None
    runs = [decode(content, name) for name, content in store.read(store.names())]
    commits = _git(remote, "rev-list", "--parents", DEFAULT_BRANCH).splitlines()
    found = {
        "runs": len(runs),
        "different runs": len({(run.started, run.environment["host"]) for run in runs}),
        "commits": len(commits),
    }
    problems = [f"{number} {what}, not {count}: MISSED" for what, number in found.items() if number != count]
    if any(len(line.split()) > 2 for line in commits):
        problems.append("there is a merge: MISSED")
    fsck = _git(remote, "fsck", "--full", "--strict", "--no-dangling").strip()
    return [*problems, *([f"git fsck: {fsck}: MISSED"] if fsck else [])]


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
