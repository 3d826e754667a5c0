"""Folders of pairs as runs leave them, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

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

STARTED = datetime(2026, 11, 22, 10, 0, tzinfo=timezone.utc)
MANIFEST_LINE = "models_manifest.toml:88"
MODEL_LINE = "models/llama3/model.py:63"


def latency(
    value: float, target: float | None = 5.0, samples: Iterable[float] = (), *, binds: bool = True
) -> Measurement:
    """A latency in milliseconds, judged."""
    figures = tuple(samples)
    return judge(
        Measurement(
            name="latency_ms", value=value, unit="ms", statistic="median", samples=figures, target=target
        ),
        binds=binds,
    )


def throughput(value: float, target: float | None = 20.0) -> Measurement:
    """A measurement of which more is better, judged."""
    return judge(
        Measurement(
            name="tokens_per_s_per_user",
            value=value,
            unit="tokens/s/user",
            direction="higher",
            statistic="median",
            target=target,
        ),
        binds=True,
    )


def result_of(
    pair: str,
    test: str = "attention",
    check: str = "correctness",
    outcome: Outcome = Outcome.PASSED,
    message: str = "",
    measurements: Iterable[Measurement] = (),
    **config: Any,
) -> Result:
    """A result, declared in a model."""
    return Result(
        id=f"{pair}/{test}[{check}]",
        test=test,
        check=check,
        outcome=outcome,
        seconds=1.5,
        message=message,
        config=Config(declared_at=MODEL_LINE, dtype="bfloat16") | config,
        measurements=tuple(measurements),
    )


def missed(pair: str, value: float = 6.0, target: float = 5.0, test: str = "attention") -> Result:
    """A performance check that fails on its target, which stands in the manifest."""
    return result_of(
        pair,
        test,
        "performance",
        Outcome.FAILED,
        measurements=[latency(value, target)],
        targets_at={"latency_ms": MANIFEST_LINE},
    )


def run_of(
    pair: str, *results: Result, fidelity: Fidelity = Fidelity.SILICON, is_finished: bool = True
) -> Run:
    """A run with these results; a passed one where none are given."""
    model, _, device = pair.partition("@")
    return Run(
        pair=pair,
        model=model,
        device=device,
        fidelity=fidelity,
        started=STARTED,
        finished=STARTED + timedelta(minutes=2) if is_finished else None,
        environment=Environment(host="rack7", git_commit="abc123", git_branch="main", cpu="EPYC"),
        results=results or (result_of(pair),),
    )


def leave(reports: Path, run: Run, name: str | None = None) -> Path:
    """Write the four files of a pair's run; returns its folder."""
    folder = reports / (name or run.pair)
    write_run(folder / "run.json", run)
    write_junit(run, folder / "junit.xml")
    complete_benchmarks(folder / "benchmark.json", [], run)
    (folder / "log.txt").write_text("what pytest printed\n")
    return folder
