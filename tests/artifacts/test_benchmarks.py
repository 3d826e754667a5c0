"""benchmark.json is there and readable by pytest-benchmark, whatever became of who measured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pytest_benchmark.stats import Stats

from ttci.artifacts.benchmark_json import complete_benchmarks, stats_of
from ttci.results import Environment, Fidelity, Measurement, Outcome, Result, Run

if TYPE_CHECKING:
    from tests.conftest import Project


def timed(name: str, *milliseconds: float) -> Result:
    latency = Measurement(name="latency_ms", value=1.0, unit="ms", samples=milliseconds)
    return Result(
        id=f"tiny@cpu/{name}[performance]",
        test=name,
        check="performance",
        outcome=Outcome.PASSED,
        seconds=1.0,
        measurements=(latency,),
    )


def run_of(*results: Result) -> Run:
    now = datetime.now(timezone.utc)
    environment = Environment(cpu="a processor", git_commit="abc")
    return Run(
        pair="tiny@cpu",
        model="tiny",
        device="cpu",
        fidelity=Fidelity.REFERENCE,
        started=now,
        finished=now,
        environment=environment,
        results=results,
    )


def document_at(path: Path) -> Any:
    return json.loads(path.read_text())


def compare(*paths: Path) -> str:
    command = [sys.executable, "-m", "pytest_benchmark", "compare", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=paths[0].parent)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Failed to load" not in done.stderr + done.stdout
    return done.stdout


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 29])
def test_statistics_are_those_of_pytest_benchmark(count: int) -> None:
    seconds = [((7 * index) % 11 + 1) * 1e-3 for index in range(count - 1)] + [0.5]
    stats: Any = Stats()  # type: ignore[no-untyped-call]
    for second in seconds:
        stats.update(second)
    expected = stats.as_dict() | {"data": seconds, "iterations": 1}
    assert stats_of(seconds) == expected


def test_a_run_in_which_nothing_was_timed_leaves_a_file_without_benchmarks(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.json"
    complete_benchmarks(path, [path], run_of(timed("lin")))
    assert document_at(path)["benchmarks"] == []
    compare(path)


def test_what_a_dead_process_measured_is_made_of_run_json(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.json"
    complete_benchmarks(path, [path], run_of(timed("lin", 1.0, 2.0, 3.0), timed("norm", 5.0)))
    lin, norm = document_at(path)["benchmarks"]
    assert (lin["name"], lin["stats"]["median"], lin["stats"]["rounds"]) == (
        "tiny@cpu/lin[performance]",
        0.002,
        3,
    )
    assert norm["fullname"] == "ttci/tests/test_checks.py::tiny@cpu/norm[performance]"
    assert "lin[performance]" in compare(path)


def test_a_torn_file_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.json"
    path.write_text('{"benchmarks": [')
    complete_benchmarks(path, [path], run_of(timed("lin", 1.0, 2.0)))
    assert len(document_at(path)["benchmarks"]) == 1


def test_files_of_several_processes_become_one_with_the_machine_of_the_first(
    make_project: Callable[..., Project],
) -> None:
    project = make_project()
    for name in ("lin", "norm"):
        done = project.pytest(
            "--test-model", "model.py::Tiny", "-k", name, "--benchmark-json", f"{name}.json"
        )
        assert done.code == 0, done.output
    parts = [project.path / "lin.json", project.path / "norm.json"]
    whole = project.path / "benchmark.json"
    complete_benchmarks(whole, parts, run_of(timed("dead", 1.0, 2.0)))
    document = document_at(whole)
    assert document["machine_info"] == document_at(parts[0])["machine_info"]
    assert document["benchmarks"][:2] == [document_at(part)["benchmarks"][0] for part in parts]
    assert set(document) == set(document_at(parts[0]))
    assert set(document["benchmarks"][2]) == set(document["benchmarks"][0])
    assert set(document["benchmarks"][2]["stats"]) == set(document["benchmarks"][0]["stats"])
    assert "dead[performance]" in compare(whole, parts[0])


def test_a_file_that_holds_everything_stays_as_it_was_written(make_project: Callable[..., Project]) -> None:
    project = make_project()
    project.pytest("--test-model", "model.py::Tiny", "--benchmark-json", "benchmark.json")
    path = project.path / "benchmark.json"
    before = path.read_bytes()
    complete_benchmarks(path, [path], run_of(timed("lin")))
    assert path.read_bytes() == before


def test_a_pair_in_which_nothing_is_timed_leaves_its_four_files(make_project: Callable[..., Project]) -> None:
    project = make_project()
    done = project.ttci("run", "tiny", "--device", "cpu", "--", "-k", "correctness")
    assert done.code == 0, done.output
    folder = project.path / "reports/tiny@cpu"
    files = ["benchmark.json", "junit.xml", "log.txt", "run.json"]
    assert sorted(path.name for path in folder.iterdir()) == files
    assert document_at(folder / "benchmark.json")["benchmarks"] == []
    compare(folder / "benchmark.json")
