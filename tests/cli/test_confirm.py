"""`ttci run --confirm`: what looks slower than its history is measured again before it is called so."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.conftest import Done, Project, clean_environment
from ttci.history.record import encode, file_name, recorded
from ttci.history.stores.folder import FolderStore
from ttci.results import Measurement, Result, Run, read_run

MODEL = """
import time
from pathlib import Path
from torch import nn
from ttci.testing import TestableModule, TestConfig

SLOW_ONCE = Path(__file__).with_name("slow_once")
IS_SLOW = SLOW_ONCE.exists() or Path(__file__).with_name("slow").exists()
SLOW_ONCE.unlink(missing_ok=True)
with Path(__file__).with_name("judged.txt").open("a") as judged:
    judged.write("process\\n")


class Waits(nn.Module):
    def forward(self, x):
        time.sleep(0.02 if IS_SLOW else 0.01)
        return x + 0


class Steady(nn.Module):
    def forward(self, x):
        time.sleep(0.01)
        return x + 0


class Model(TestableModule):
    def get_test_configs(self):
        checks = ["correctness", "performance"]
        return {
            name: (module, TestConfig(name, (1, 4, 8), test_cases=checks))
            for name, module in (("waits", Waits()), ("steady", Steady()))
        }
"""
MANIFEST = """
[devices.cpu]
backend = "torch"

[models.tiny]
source = "model.py::Model"
devices = ["cpu"]
"""
WAITS = "tiny@cpu/waits[performance]"


@dataclass(frozen=True)
class Measured:
    """A project whose history holds runs in which a call of each module took about 10 ms."""

    project: Project

    def run(self, *options: str) -> Done:
        return self.project.python("-m", "ttci", "run", "tiny", *options)

    def reruns(self, test: str) -> tuple[float, ...]:
        found = read_run(self.project.path / "reports/tiny@cpu/run.json")
        measurements = [
            measurement
            for result in found.results
            if result.id == f"tiny@cpu/{test}[performance]"
            for measurement in result.measurements
        ]
        return measurements[0].reruns

    @property
    def processes(self) -> int:
        return len((self.project.path / "judged.txt").read_text().splitlines())


@pytest.fixture(scope="module")
def template(make_project: Callable[..., Project]) -> Path:
    """A project that was run once, whose history holds thirty such runs."""
    project = make_project(MODEL, MANIFEST)
    done = project.python("-m", "ttci", "run", "tiny")
    assert done.code == 0, done.output
    first = read_run(project.path / "reports/tiny@cpu/run.json")
    store = FolderStore(project.path / "kept")
    earlier = [recorded(_earlier(first, days)) for days in range(1, 31)]
    store.change({file_name(run): encode(run) for run in earlier}, {}, "earlier runs")
    (project.path / "judged.txt").unlink()
    return project.path


@pytest.fixture
def measured(template: Path, tmp_path: Path) -> Measured:
    return Measured(Project(shutil.copytree(template, tmp_path / "project")))


def _earlier(run: Run, days: int) -> Run:
    """As if it had been measured so long ago, a little faster or slower than it was."""
    factor = 1 + 0.05 * ((days * 7) % 5 - 2)  # wide enough for a busy machine

    def scaled(measurement: Measurement) -> Measurement:
        return measurement.model_copy(update={"value": (measurement.value or 0) * factor, "samples": ()})

    def of_then(result: Result) -> Result:
        return result.model_copy(update={"measurements": tuple(map(scaled, result.measurements))})

    started = run.started - timedelta(days=days)
    return run.model_copy(update={"started": started, "results": tuple(map(of_then, run.results))})


def test_what_is_slower_is_called_so_by_its_reruns_alone(measured: Measured) -> None:
    (measured.project.path / "slow").touch()
    done = measured.run("--confirm", "--history", "folder:kept")
    assert done.code == 0, done.output
    assert "1 checks look slower than their history; each is rerun 3 times" in done.output
    assert f"{WAITS} latency_ms: slower: " in done.output
    assert "its reruns lie" in done.output
    assert len(measured.reruns("waits")) == 3
    assert measured.reruns("steady") == ()
    assert measured.processes == 1 + 3
    report = measured.project.python("-m", "ttci", "report", "--history", "folder:kept", "--fail-on", "drift")
    assert report.code == 1, report.output
    assert not (measured.project.path / "reports/tiny@cpu/again").exists()


def test_what_was_slow_once_is_not_called_slower(measured: Measured) -> None:
    (measured.project.path / "slow_once").touch()
    done = measured.run("--confirm", "--history", "folder:kept")
    assert done.code == 0, done.output
    assert f"{WAITS} latency_ms: same: " in done.output
    assert len(measured.reruns("waits")) == 3
    report = measured.project.python("-m", "ttci", "report", "--history", "folder:kept", "--fail-on", "drift")
    assert report.code == 0, report.output


def test_without_confirm_one_slow_run_is_only_suspected(measured: Measured) -> None:
    (measured.project.path / "slow").touch()
    assert measured.run().code == 0
    report = measured.project.python("-m", "ttci", "report", "--history", "folder:kept", "--fail-on", "drift")
    assert report.code == 0, report.output
    assert "(1 suspected)" in report.output


def test_nothing_is_rerun_where_nothing_looks_slower(measured: Measured) -> None:
    done = measured.run("--confirm", "--history", "folder:kept")
    assert "tiny@cpu: nothing looks slower than its history" in done.output
    assert measured.processes == 1


def test_a_history_that_is_not_there_changes_nothing(measured: Measured) -> None:
    done = measured.run("--confirm", "--history", "branch")
    assert done.code == 0, done.output
    assert "tiny@cpu: not confirmed: " in done.output or "tiny@cpu: not read: " in done.output


WITH_A_BUG = """
import sys
from ttci.cli import confirm
from ttci.cli.main import main

def view_of(*arguments, **options):
    raise ZeroDivisionError("a bug")

confirm.view_of = view_of
sys.exit(main(sys.argv[1:]))
"""


def test_a_bug_in_judging_is_a_line_and_the_runs_exit_code_stays(measured: Measured) -> None:
    command = ["run", "tiny", "--confirm", "--history", "folder:kept"]
    done = measured.project.python("-c", WITH_A_BUG, *command)
    assert done.code == 0, done.output
    assert "tiny@cpu: not confirmed, for a bug of ttci: ZeroDivisionError: a bug" in done.output
    assert "Traceback" not in done.output


def test_a_terminated_rerun_leaves_what_the_run_found(measured: Measured) -> None:
    (measured.project.path / "slow").touch()
    folder = measured.project.path / "reports/tiny@cpu"
    command = [sys.executable, "-m", "ttci", "run", "tiny", "--confirm", "--history", "folder:kept"]
    with subprocess.Popen(
        command, cwd=measured.project.path, env=clean_environment(), stdout=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 120
        while not (folder / "again/0/run.json").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    assert not (folder / "again").exists()
    assert measured.reruns("waits") == ()


def test_a_history_that_nothing_is_confirmed_against_is_refused(measured: Measured) -> None:
    done = measured.run("--history", "folder:kept")
    assert done.code == 2
    assert done.output.startswith("--history and --default-branch go with --confirm")


def test_confirm_without_a_history_is_said_before_anything_runs(measured: Measured) -> None:
    done = measured.run("--confirm")
    assert done.code == 2
    assert done.output.strip() == "--confirm needs a history; name one with --history SOURCE"
    assert not Path(measured.project.path / "judged.txt").exists()
