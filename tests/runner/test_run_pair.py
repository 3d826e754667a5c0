"""A pair runs in processes of its own and leaves its four files, however they end."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.pair_folders import STARTED, leave, result_of, run_of
from ttci.artifacts.ended import read_ended
from ttci.artifacts.junit import merge_junit
from ttci.artifacts.unfinished import running
from ttci.errors import ExitCode, InputError, worst
from ttci.manifest import Pair, load_manifest
from ttci.results import read_run
from ttci.runner import pair as run_module
from ttci.runner.child import run_child
from ttci.runner.failure_limit import failure_limit
from ttci.runner.pair import PairFolder, run_pair
from ttci.runner.progress import Progress

if TYPE_CHECKING:
    from tests.conftest import Project

FILES = ["benchmark.json", "junit.xml", "log.txt", "run.json"]

MODEL = """
import os, subprocess, sys, time
from pathlib import Path
from torch import nn
from ttci.testing import TestableModule, TestConfig

SHAPE = (1, 4, 8)
FOLDER = Path(__file__).parent


class Tiny(TestableModule):
    def get_test_configs(self):
        checks = ["correctness", "performance"]
        configs = [TestConfig(name, SHAPE, test_cases=checks) for name in ("lin", "norm")]
        return {config.name: (nn.Linear(8, 8), config) for config in configs}


def with_last(module):
    class Model(TestableModule):
        def get_test_configs(self):
            return {
                "first": (nn.Linear(8, 8), TestConfig("first", SHAPE, test_cases=["correctness"])),
                "second": (module(), TestConfig("second", SHAPE, test_cases=["memory"])),
                "third": (nn.Linear(8, 8), TestConfig("third", SHAPE, test_cases=["correctness"])),
            }

    return Model


class Aborts(nn.Module):
    def forward(self, x):
        os.abort()


class Exits(nn.Module):
    def forward(self, x):
        os._exit(0)


class Hangs(nn.Module):
    def forward(self, x):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
        (FOLDER / "child.txt").write_text(str(child.pid))
        time.sleep(120)


class Nan(nn.Module):
    def forward(self, x):
        return x * float("nan")


class Bad(TestableModule):
    def get_test_configs(self):
        return {"bad": (Nan(), TestConfig("bad", SHAPE, test_cases=["correctness", "performance"]))}


class Timed(TestableModule):
    def get_test_configs(self):
        config = TestConfig("timed", SHAPE, test_cases=["performance"])
        return ModelHangs().get_test_configs() | {"timed": (nn.Linear(8, 8), config)}


ModelAborts, ModelExits, ModelHangs = with_last(Aborts), with_last(Exits), with_last(Hangs)
"""

MANIFEST = """
[devices.cpu]
backend = "torch"

[devices.two]
backend = "torch"
workers = 2

[devices.gpu]
backend = "torch"
target = "cuda"
""" + "".join(
    f"""
[models.{name}]
source = "models of mine/model.py::{attribute}"
devices = ["cpu", "two", "gpu"]
"""
    for name, attribute in {
        "tiny": "Tiny",
        "aborts": "ModelAborts",
        "exits": "ModelExits",
        "hangs": "ModelHangs",
        "timed": "Timed",
        "bad": "Bad",
        "none": "Nothing",
    }.items()
)


@pytest.fixture(scope="module")
def shared(make_project: Callable[..., Project]) -> Project:
    """A project whose model lies in another folder, with a space in its name."""
    project = make_project(manifest=MANIFEST)
    project.write("models of mine/model.py", MODEL)
    return project


@pytest.fixture
def here(shared: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A report folder for pairs of the shared project, which is the working directory."""
    monkeypatch.chdir(shared.path)
    for variable in [name for name in os.environ if name.startswith("PYTEST_")]:
        monkeypatch.delenv(variable)
    return tmp_path / "the reports"


def run(pair: str, reports: Path, *pytest_args: str, timeout_s: float | None = None) -> ExitCode:
    manifest = load_manifest(Path("models_manifest.toml"))
    return run_pair(manifest, Pair.parse(pair), reports, pytest_args, timeout_s)


def results(folder: Path) -> dict[str, tuple[str, str]]:
    """Outcome and message of every result, by identity without the pair."""
    found = read_run(folder / "run.json").results
    return {result.id.partition("/")[2]: (str(result.outcome), result.message) for result in found}


def outcomes(folder: Path) -> dict[str, str]:
    return {name: outcome for name, (outcome, _) in results(folder).items()}


def suite(folder: Path) -> ET.Element:
    """The one testsuite of junit.xml."""
    root = ET.parse(folder / "junit.xml").getroot()
    assert root.tag == "testsuites"
    (only,) = root
    assert (only.tag, only.get("name")) == ("testsuite", "pytest")
    return only


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def pairs(shared: Project) -> Project:
    """Both pairs of a model, run from the command line, over files of an earlier run."""
    for folder in ("tiny@cpu", "tiny@two", "tiny@two/spread", "tiny@cpu/alone"):
        for name in (*FILES, ".run.json.4711"):
            shared.write(f"my reports/{folder}/{name}", "stale")
    done = shared.ttci("run", "tiny", "--report-dir", "my reports", "--", "-k", "lin")
    assert done.code == 0, done.output
    shared.write("output.txt", done.output)
    return shared


@pytest.mark.parametrize("pair", ["tiny@cpu", "tiny@two"])
def test_a_pair_leaves_its_four_files_and_nothing_of_an_earlier_run(pairs: Project, pair: str) -> None:
    folder = pairs.path / "my reports" / pair
    assert files(folder) == FILES
    assert not [name for name in FILES if (folder / name).read_text() == "stale"]


@pytest.mark.parametrize("pair", ["tiny@cpu", "tiny@two"])
def test_the_files_of_a_pair_name_the_same_checks(pairs: Project, pair: str) -> None:
    folder = pairs.path / "my reports" / pair
    assert outcomes(folder) == {"lin[correctness]": "passed", "lin[performance]": "passed"}
    identities = [f"{pair}/lin[correctness]", f"{pair}/lin[performance]"]
    assert [case.get("name") for case in suite(folder)] == identities
    counts = {name: suite(folder).get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "2", "failures": "0", "errors": "0", "skipped": "0"}
    assert suite(folder).get("timestamp")
    (benchmark,) = json.loads((folder / "benchmark.json").read_text())["benchmarks"]
    assert benchmark["name"] == identities[1]
    assert read_run(folder / "run.json").pair == pair


def test_a_pair_says_how_long_its_checks_took_the_last_time(here: Path) -> None:
    taken = {("lin", "correctness"): 25.0, ("lin", "performance"): 17.0, ("norm", "correctness"): 500.0}
    before = [
        result_of("tiny@cpu", test, check).model_copy(update={"seconds": seconds})
        for (test, check), seconds in taken.items()
    ]
    leave(here, run_of("tiny@cpu", *before))
    assert run("tiny@cpu", here, "-k", "lin") is ExitCode.OK
    log = (here / "tiny@cpu/log.txt").read_text()
    said = f"tiny@cpu: about 42 s, as the run of {STARTED.date()} took\n"
    assert log.count(said) == 1
    assert log.index(said) < log.index("lin[correctness]")


def test_the_log_of_a_pair_with_workers_holds_first_the_spread_then_the_measured_part(
    pairs: Project,
) -> None:
    log = (pairs.path / "my reports/tiny@two/log.txt").read_text()
    assert log.count("test session starts") == 2
    assert log.index("lin[correctness]") < log.index("lin[performance]")
    assert "2 workers" in log.partition("lin[performance]")[0]


def test_the_output_of_a_pair_is_shown_plainly_without_a_terminal(pairs: Project) -> None:
    output = (pairs.path / "output.txt").read_text()
    log = (pairs.path / "my reports/tiny@cpu/log.txt").read_text()
    assert log in output
    assert "\x1b[" not in output


def test_exitfirst_stops_a_pair_with_workers_before_it_measures(here: Path) -> None:
    assert run("bad@two", here, "-x") is ExitCode.FAILED
    judged = results(here / "bad@two")
    assert judged["bad[correctness]"][0] == "failed"
    assert judged["bad[performance]"] == ("error", "not judged: the run ended before this check began")
    assert "performance is not judged" in (here / "bad@two/log.txt").read_text()


def test_without_exitfirst_a_failure_does_not_stop_the_measuring(here: Path) -> None:
    assert run("bad@two", here) is ExitCode.FAILED
    assert outcomes(here / "bad@two") == {"bad[correctness]": "failed", "bad[performance]": "passed"}
    assert suite(here / "bad@two").get("failures") == "1"


def test_a_wrong_pytest_argument_is_the_users_mistake(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tiny@cpu", here, "--no-such-option") is ExitCode.BAD_INPUT
    assert "--no-such-option" in capsys.readouterr().out
    assert files(here / "tiny@cpu") == ["ended.json", "log.txt"]
    ended = read_ended(here / "tiny@cpu" / "ended.json")
    assert ExitCode(ended.exit_code) is ExitCode.BAD_INPUT


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="the device is here")
def test_why_a_pair_has_no_results_is_left_in_its_folder(here: Path) -> None:
    assert run("tiny@gpu", here) is ExitCode.UNAVAILABLE
    ended = read_ended(here / "tiny@gpu" / "ended.json")
    assert ended.pair == "tiny@gpu"
    assert ExitCode(ended.exit_code) is ExitCode.UNAVAILABLE
    assert "torch finds no CUDA GPU" in ended.reason


def test_a_model_that_is_not_there_is_the_users_mistake_also_with_workers(here: Path) -> None:
    assert run("none@two", here) is ExitCode.BAD_INPUT
    log = (here / "none@two/log.txt").read_text()
    assert log.count('there is no "Nothing"') == 1
    assert "Traceback" not in log


def test_arguments_that_match_nothing_end_with_5(here: Path) -> None:
    assert run("tiny@cpu", here, "-k", "no_such_name") is ExitCode.NOTHING_MATCHED


def test_a_pair_of_which_nothing_could_be_judged_is_unavailable(here: Path) -> None:
    arguments = ("--benchmark-disable", "--test-check", "performance")
    assert run("tiny@cpu", here, *arguments) is ExitCode.UNAVAILABLE


def test_arguments_that_only_list_the_checks_are_no_success(here: Path) -> None:
    assert run("tiny@cpu", here, "--collect-only") is ExitCode.FAILED
    assert set(outcomes(here / "tiny@cpu").values()) == {"error"}


def test_a_module_that_kills_the_process_is_named_with_the_signal(here: Path) -> None:
    assert run("aborts@cpu", here) is ExitCode.MACHINERY
    judged = results(here / "aborts@cpu")
    assert [outcome for outcome, _ in judged.values()] == ["passed", "error", "passed"]
    assert judged["second[memory]"][1].startswith("the process died of SIGABRT; its last output:\n")
    assert "models of mine/model.py" in judged["second[memory]"][1]
    assert read_run(here / "aborts@cpu/run.json").finished is not None


def test_junit_of_a_killed_process_is_made_of_what_had_finished(here: Path) -> None:
    run("aborts@two", here, "-n0")  # one process in spite of its workers
    cases = {str(case.get("name")): [element.tag for element in case] for case in suite(here / "aborts@two")}
    assert cases == {
        "aborts@two/first[correctness]": [],
        "aborts@two/second[memory]": ["error"],
        "aborts@two/third[correctness]": [],
    }
    assert suite(here / "aborts@two").get("errors") == "1"


def test_a_module_that_ends_the_process_with_0_is_no_success(here: Path) -> None:
    assert run("exits@cpu", here) is ExitCode.MACHINERY
    message = results(here / "exits@cpu")["second[memory]"][1]
    assert message.startswith("the process ended with exit code 0 before pytest did")


def ended(pid: int) -> bool:
    """Whether a process that is not our child is gone, or about to be."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def running_below(folder: Path) -> set[str]:
    """The checks that a run.json there says are running: a worker's word for it takes a moment."""
    runs = [read_run(path) for path in folder.rglob("run.json")]
    return {
        result.id.rpartition("/")[2] for run in runs for result in run.results if result == running(result.id)
    }


@pytest.fixture
def hung(shared: Project, here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the process that hangs writes its child's id; an hour passes once its begin is known."""
    child = shared.path / "models of mine/child.txt"
    child.unlink(missing_ok=True)

    passed_s = [0]

    def clock() -> float:
        """However long it took to get there."""
        if (
            not passed_s[0]
            and child.exists()
            and child.read_text()
            and "second[memory]" in running_below(here)
        ):
            passed_s[0] = 3600
        return time.monotonic() + passed_s[0]

    for module in ("child", "progress", "processes", "pair"):
        monkeypatch.setattr(f"ttci.runner.{module}.time", SimpleNamespace(monotonic=clock))
    return child


def test_a_hang_ends_at_the_time_out_with_its_children_and_is_named(here: Path, hung: Path) -> None:
    assert run("hangs@cpu", here, timeout_s=1800) is ExitCode.MACHINERY
    judged = results(here / "hangs@cpu")
    assert judged["first[correctness]"][0] == "passed"
    assert judged["second[memory]"][1].startswith("timed out after 30 minutes")
    assert [case.get("name") for case in suite(here / "hangs@cpu")] == [
        f"hangs@cpu/{name}" for name in judged
    ]
    assert ended(int(hung.read_text()))


@pytest.mark.usefixtures("hung")
def test_what_a_pair_with_workers_has_no_time_to_measure_is_listed(here: Path) -> None:
    assert run("timed@two", here, timeout_s=1800) is ExitCode.MACHINERY
    judged = results(here / "timed@two")
    assert judged["second[memory]"][1].startswith("timed out after 30 minutes")
    assert judged["timed[performance]"] == ("error", "not judged: the run ended before this check began")
    log = (here / "timed@two/log.txt").read_text()
    assert "timed@two: performance is not judged: the pair's time is up" in log


@pytest.fixture
def hanging(make_project: Callable[..., Project]) -> Iterator[tuple[Project, Callable[..., Any]]]:
    """A project, and a way to start something in it that gets to the check that hangs."""
    project = make_project(manifest=MANIFEST)
    project.write("models of mine/model.py", MODEL)
    started: list[subprocess.Popen[str]] = []

    def start(run_json: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=project.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        child = project.path / "models of mine/child.txt"
        deadline = time.monotonic() + 120
        while not (child.exists() and child.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert (project.path / run_json).exists()
        return process

    yield project, start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((project.path / "models of mine/child.txt").read_text()), signal.SIGKILL)


def test_ctrl_c_leaves_a_readable_run_json_and_no_process(
    hanging: tuple[Project, Callable[..., Any]],
) -> None:
    project, start = hanging
    process = start("reports/hangs@cpu/run.json", "ttci", "run", "hangs", "--device", "cpu")
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Traceback" not in output, output
    folder = project.path / "reports/hangs@cpu"
    judged = results(folder)
    assert [outcome for outcome, _ in judged.values()] == ["passed", "error", "error"]
    assert judged["second[memory]"][1].startswith("not judged: ")
    assert next(case.get("name") for case in suite(folder)) == "hangs@cpu/first[correctness]"
    assert ended(int((project.path / "models of mine/child.txt").read_text()))


def test_ctrl_c_in_a_pair_with_workers_leaves_one_run_json(
    hanging: tuple[Project, Callable[..., Any]],
) -> None:
    project, start = hanging
    command = ("ttci", "run", "hangs", "--device", "two")
    process = start("reports/hangs@two/spread/run.json", *command)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    folder = project.path / "reports/hangs@two"
    assert not (folder / "spread").exists()
    assert outcomes(folder)["second[memory]"] == "error"


def test_a_terminated_pair_with_workers_leaves_one_run_json(
    hanging: tuple[Project, Callable[..., Any]],
) -> None:
    project, start = hanging
    command = ("ttci", "run", "hangs", "--device", "two")
    process = start("reports/hangs@two/spread/run.json", *command)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    folder = project.path / "reports/hangs@two"
    assert not (folder / "spread").exists()
    assert outcomes(folder)["second[memory]"] == "error"


def test_a_killed_run_takes_its_pytest_along(hanging: tuple[Project, Callable[..., Any]]) -> None:
    _, start = hanging
    process = start("reports/hangs@cpu/run.json", "ttci", "run", "hangs", "--device", "cpu")
    (pytest_pid,) = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
    process.kill()
    process.communicate(timeout=60)
    assert ended(pytest_pid)


def test_a_torn_junit_of_a_part_is_made_anew(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(*_: object) -> None:
        (here / "tiny@two/alone/junit.xml").write_text("<testsuites><tests")
        merge_junit([here / "tiny@two/alone/junit.xml"], here / "merged.xml")

    monkeypatch.setattr(run_module, "merge_junit", torn)
    assert run("tiny@two", here, "-k", "lin") is ExitCode.OK
    assert [case.get("name") for case in suite(here / "tiny@two")] == [
        "tiny@two/lin[correctness]",
        "tiny@two/lin[performance]",
    ]


def test_a_terminated_run_takes_its_processes_along(hanging: tuple[Project, Callable[..., Any]]) -> None:
    project, start = hanging
    process = start("reports/hangs@cpu/run.json", "ttci", "run", "hangs", "--device", "cpu")
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    assert outcomes(project.path / "reports/hangs@cpu")["first[correctness]"] == "passed"
    assert ended(int((project.path / "models of mine/child.txt").read_text()))


def test_a_killed_pytest_leaves_what_had_finished(hanging: tuple[Project, Callable[..., Any]]) -> None:
    project, start = hanging
    chosen = ("--test-model", "models of mine/model.py::ModelHangs", "--run-json", "run.json")
    process = start("run.json", "pytest", *chosen)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    judged = results(project.path)
    assert judged["first[correctness]"][0] == "passed"
    assert judged["second[memory]"] == ("error", "not judged: the run ended while this check was running")


def child(script: str, seconds: float = 60.0) -> tuple[int, bool, str]:
    log = io.StringIO()
    with Progress("a pair", log) as progress:
        command = [sys.executable, "-uc", script]
        how = run_child(command, dict(os.environ), progress, time.monotonic() + seconds)
    return how.code, how.timed_out, log.getvalue()


def test_a_process_is_interrupted_at_the_deadline_before_it_is_killed() -> None:
    script = "import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('writing files')"
    assert child(script, seconds=3) == (0, True, "writing files\n")


def test_a_process_that_does_not_heed_the_interrupt_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ttci.runner.child._INTERRUPT_GRACE_S", 0.5)
    script = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)"
    assert child(script, seconds=2)[:2] == (-signal.SIGKILL, True)


def test_a_process_that_closes_its_output_still_has_the_deadline() -> None:
    script = "import os, time\nos.close(1); os.close(2)\ntime.sleep(60)"
    begin = time.monotonic()
    assert child(script, seconds=2)[1]
    assert time.monotonic() - begin < 30


def test_a_process_reads_nothing_from_our_input() -> None:
    assert child("import sys; print(repr(sys.stdin.read()))")[2] == "''\n"


def test_what_a_process_leaves_behind_is_killed() -> None:
    script = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], "
        "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(child.pid)"
    )
    code, timed_out, output = child(script)
    assert (code, timed_out) == (0, False)
    assert ended(int(output))


@pytest.mark.parametrize(
    ("arguments", "limit"),
    [
        ([], None),
        (["-x"], 1),
        (["-vx"], 1),
        (["-xvs"], 1),
        (["--exitfirst"], 1),
        (["--maxfail=3"], 3),
        (["--maxfail", "2"], 2),
        (["--maxfail=0"], None),
        (["-k", "exit"], None),
        (["-kfoox"], None),
        (["-pxdist"], None),
        (["-n2", "--durations=3"], None),
    ],
)
def test_the_failures_that_stop_a_run_are_read_from_its_arguments(
    arguments: list[str], limit: int | None
) -> None:
    assert failure_limit(arguments) == limit


def test_the_worst_of_several_codes_is_the_one_that_most_needs_a_person() -> None:
    order = [ExitCode.OK, ExitCode.NOTHING_MATCHED, ExitCode.UNAVAILABLE, ExitCode.FAILED]
    order += [ExitCode.BAD_INPUT, ExitCode.MACHINERY]
    assert worst([]) is ExitCode.OK
    for count in range(1, len(order) + 1):
        assert worst(order[:count]) is order[count - 1]


def test_a_pair_without_pytest_installed_says_what_to_install(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'ttci\[torch\]'"):
        run("tiny@cpu", here)


def test_running_a_pair_loads_neither_torch_nor_pytest(shared: Project) -> None:
    script = (
        "import sys, ttci.runner.pair; print(sorted({'torch', 'pytest', 'junitparser'} & set(sys.modules)))"
    )
    assert shared.python("-c", script).output == "[]\n"


def test_clearing_a_folder_keeps_what_is_not_ours(tmp_path: Path) -> None:
    folder = PairFolder(tmp_path / "pair")
    folder.clear()
    (folder.path / "notes.txt").write_text("mine")
    (folder.path / "run.json").write_text("stale")
    folder.clear()
    assert files(folder.path) == ["notes.txt"]
    shutil.rmtree(folder.path)
