"""The ttci command: what it prints, and the code it ends with."""

import json
import os
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ttci import __version__
from ttci.cli import listing
from ttci.cli.main import main
from ttci.results import Environment, Fidelity, Outcome, Result, Run, write_run

MODEL = """
from torch import nn
from ttci.testing import ModuleTest

class {name}(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def get_module_tests(self):
        return [ModuleTest("{test}", input_shape=(1, 4, 8), module=self.layer)]
"""
MANIFEST = """
[devices.cpu]
backend = "torch"
[devices.n150]
backend = "ttnn"
target = "silicon"
board = "n150"
runs-on = ["self-hosted", "N150"]
[devices.later]
backend = "torch"
on-demand = true
[models.small]
source = "model.py::Small"
devices = ["cpu", "n150", "later"]
[models.board]
source = "model.py::Small"
devices = ["n150"]
[models.small.targets.cpu.linear]
latency_ms = { value = 5.0, tolerance = 0.1 }
"""

pytestmark = pytest.mark.skipif(
    Path("/dev/tenstorrent").exists(), reason="these tests take a host without a Tenstorrent board"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder, the working directory: a model and its manifest."""
    (tmp_path / "model.py").write_text(MODEL.format(name="Small", test="linear"))
    (tmp_path / "models_manifest.toml").write_text(MANIFEST)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):  # what `ttci report` reads
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ttci(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "ttci", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def leave_run(folder: Path, pair: str, outcome: Outcome) -> Path:
    """The run.json of an earlier run, with one check."""
    model, _, device = pair.partition("@")
    result = Result(id=f"{pair}/t[memory]", test="t", check="memory", outcome=outcome, seconds=1.0)
    now = datetime.now(timezone.utc)
    run = Run(
        pair=pair,
        model=model,
        device=device,
        fidelity=Fidelity.REFERENCE,
        started=now,
        finished=now,
        environment=Environment(),
        results=(result,),
    )
    write_run(folder / pair / "run.json", run)
    return folder / pair / "run.json"


@pytest.mark.usefixtures("project")
def test_list_shows_pairs_and_their_targets() -> None:
    done = ttci("list")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["small@cpu", "torch", "cpu", "yes", "model.py::Small"] in rows
    assert ["small@later", "torch", "cpu", "on", "demand", "model.py::Small"] in rows
    assert ["small@cpu", "linear", "latency_ms", "5", "±10%"] in rows
    assert any(row[:3] == ["board@n150", "ttnn", "silicon"] for row in rows)


@pytest.mark.usefixtures("_needs_torch")
def test_list_shows_every_digit_of_a_tolerance(project: Path) -> None:
    manifest = MANIFEST.replace("tolerance = 0.1", "tolerance = 0.005")
    (project / "models_manifest.toml").write_text(manifest)
    in_code = 'performance_targets={"latency_ms": {"value": 7.0, "tolerance": 0.125}})]'
    model = MODEL.format(name="Small", test="linear").replace(
        "module=self.layer)]", f"module=self.layer, {in_code}"
    )
    (project / "model.py").write_text(model)
    rows = [line.split() for line in ttci("list", "--tests", "small").stdout.splitlines()]
    assert ["small@cpu", "linear", "latency_ms", "5", "±0.5%"] in rows
    assert rows[-1][-3:] == ["latency_ms", "7", "±12.5%"]


@pytest.mark.usefixtures("_needs_torch")
@pytest.mark.parametrize("command", [("check",), ("list", "--tests")])
def test_a_model_that_skips_its_declaration_is_told_without_a_traceback(
    project: Path, command: tuple[str, ...]
) -> None:
    model = MODEL.format(name="Small", test="linear").replace("return [", "import pytest; pytest.skip('x') [")
    (project / "model.py").write_text(model)
    done = ttci(*command, "small")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"{project / 'model.py'}:11: Small cannot say its tests: Skipped: x; a declaration cannot"
    )
    assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("project")
def test_list_json_is_the_same_for_a_machine() -> None:
    done = ttci("list", "--json", "small")
    data = json.loads(done.stdout)
    assert [entry["pair"] for entry in data["pairs"]] == ["small@cpu", "small@n150", "small@later"]
    cpu, n150, later = data["pairs"]
    assert (cpu["missing"], n150["missing"] is None) == (None, False)
    assert (cpu["on-demand"], later["on-demand"]) == (False, True)
    assert cpu["targets"] == {"linear": {"latency_ms": {"value": 5.0, "tolerance": 0.1}}}


@pytest.mark.usefixtures("project")
def test_list_loads_no_torch_no_pytest_no_ttnn() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "ttci", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "ttci" in loaded
    assert loaded & {"torch", "pytest", "_pytest", "ttnn", "numpy", "tree_sitter"} == set()


@pytest.mark.usefixtures("project", "_needs_torch")
def test_list_tests_imports_the_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--tests", "small"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    checks = ["correctness,", "gradients,", "performance,", "memory"]
    assert ["linear", "Linear", "1", "x", "4", "x", "8", *checks, "-"] in rows
    assert main(["list", "--tests", "--json", "small"]) == 0
    [test] = json.loads(capsys.readouterr().out)["tests"]["small"]
    assert (test["test"], test["input"]) == ("linear", "1 x 4 x 8")


@pytest.mark.usefixtures("project", "_needs_torch")
def test_check_counts_what_is_declared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert capsys.readouterr().out.splitlines() == ["small: 1 tests, 4 checks", "board: 1 tests, 4 checks"]


@pytest.mark.usefixtures("_needs_torch")
def test_check_names_the_mistakes_of_several_models_at_once(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "broken.py").write_text("import nowhere_to_be_found\n")
    text = MANIFEST + '[models.broken]\nsource = "broken.py::M"\ndevices = ["cpu"]\n'
    text = text.replace("cpu.linear", "cpu.linaer").replace(
        '[models.board]\nsource = "model.py::Small"', ('[models.board]\nsource = "model.py::Smal"')
    )
    (project / "models_manifest.toml").write_text(text)
    assert main(["check"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0] == (
        "models_manifest.toml:18: models.small.targets.cpu.linaer: "
        'there is no test "linaer"; did you mean "linear"?'
    )
    assert 'did you mean "Small"?' in lines[1]
    assert "broken.py:1: " in lines[2]
    assert "nowhere_to_be_found" in lines[2]


@pytest.mark.usefixtures("project")
def test_plan_shows_jobs_and_what_is_left_out() -> None:
    done = ttci("plan")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["small@cpu", "torch", "ubuntu-latest", "60", "min", "here"] in rows
    assert "small@later is not run: on demand: name it with --device later" in done.stdout.splitlines()


@pytest.mark.usefixtures("project")
def test_plan_json_is_a_matrix() -> None:
    matrix = json.loads(ttci("plan", "--json", "--device", "n150", "--device", "later").stdout)
    assert [entry["pair"] for entry in matrix["include"]] == ["small@n150", "small@later", "board@n150"]
    assert matrix["include"][0]["runs-on"] == ["self-hosted", "N150"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["list", "smal"], 2, 'unknown model "smal"; did you mean "small"?'),
        (["plan", "small", "--device", "n15O"], 2, 'unknown device "n15O"; did you mean "n150"?'),
        (["plan", "board", "--device", "cpu"], 5, "nothing matched; board runs on n150"),
        (["run", "small", "--device", "n150"], 3, "not available here: n150"),
        (["run", "board"], 5, "none of the 1 chosen pairs can run here"),
        (["run", "smal"], 2, 'unknown model "smal"; did you mean "small"?'),
        (["run", "small", "--report-dir", "model.py"], 2, "--report-dir model.py: File exists"),
        (["run", "small", "--report-dir", "model.py/x"], 2, "--report-dir model.py/x: Not a directory"),
        (["report"], 5, "there is no run.json in reports"),
        (["report", "model.py"], 5, "there is no run.json in model.py"),
        (
            ["doctor", "--manifest", "no.toml"],
            2,
            "no.toml: No such file or directory; name one with --manifest PATH, or write one: ttci init",
        ),
    ],
)
@pytest.mark.usefixtures("project")
def test_what_cannot_be_done_ends_with_its_code_and_one_message(
    arguments: list[str], code: int, message: str
) -> None:
    done = ttci(*arguments)
    assert (done.returncode, done.stderr) == (code, f"{message}\n")


@pytest.mark.usefixtures("project")
def test_pair_whose_device_is_not_here_is_listed_with_the_reason() -> None:
    assert "small@n150 is not run: there is no Tenstorrent board" in ttci("run", "--device", "n150").stdout


@pytest.mark.usefixtures("project")
def test_a_report_never_forgets_a_device_that_was_asked_for_and_is_not_here() -> None:
    assert ttci("run", "small", "--device", "n150").returncode == 3
    done = ttci("report")
    assert done.returncode == 3
    assert "no /dev/tenstorrent" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["lst"], "invalid choice: 'lst'"),
        (["list", "--jsn"], "unrecognized arguments: --jsn"),
        (["list", "--", "-x"], "arguments after -- go to pytest, which only run and watch start"),
    ],
)
def test_wrong_option_ends_with_2_and_the_usage(arguments: list[str], message: str) -> None:
    done = ttci(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ttci")
    assert message in done.stderr


def test_version_is_the_packages() -> None:
    assert ttci("--version").stdout == f"ttci {__version__}\n"


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ({"a@cpu": Outcome.PASSED}, 0),
        ({"a@cpu": Outcome.PASSED, "b@cpu": Outcome.FAILED}, 1),
        ({"a@cpu": Outcome.PASSED, "b@n150": Outcome.UNAVAILABLE}, 3),
    ],
)
def test_report_ends_with_the_worst_of_its_pairs(
    project: Path, capsys: pytest.CaptureFixture[str], outcomes: dict[str, Outcome], code: int
) -> None:
    for pair, outcome in outcomes.items():
        leave_run(project / "reports", pair, outcome)
    assert main(["report"]) == code
    table, _, _ = capsys.readouterr().out.partition("\n\n")
    header, *rows = table.splitlines()
    assert header.split()[:6] == ["pair", "fidelity", "passed", "failed", "error", "unavailable"]
    assert [row.split()[0] for row in rows] == list(outcomes)
    assert main(["report", "--json", "reports/a@cpu"]) == 0
    assert [entry["pair"] for entry in json.loads(capsys.readouterr().out)["pairs"]] == ["a@cpu"]


def test_report_shows_what_it_can_and_says_what_it_cannot_read(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_run(project / "reports", "a@cpu", Outcome.PASSED)
    torn = leave_run(project / "reports", "b@cpu", Outcome.PASSED)
    torn.write_bytes(torn.read_bytes()[:-9])
    newer = leave_run(project / "reports", "c@cpu", Outcome.PASSED)
    newer.write_text('{"schema": 2}')
    died = project / "reports" / "d@cpu" / "log.txt"
    died.parent.mkdir()
    died.touch()
    assert main(["report"]) == 4
    printed = capsys.readouterr()
    table, _, _ = printed.out.partition("\n\n")
    assert [line.split()[0] for line in table.splitlines()] == ["pair", "a@cpu", "b@cpu", "c@cpu", "d@cpu"]
    torn_line, newer_line, died_line = printed.err.splitlines()
    assert torn_line.startswith("reports/b@cpu/run.json: cannot be read: ")
    assert newer_line.startswith("reports/c@cpu/run.json: written by a newer ttci")
    assert died_line == "reports/d@cpu: the run left no run.json; its log.txt says why"
    assert main(["report", "--json"]) == 4
    entries = json.loads(capsys.readouterr().out)["pairs"]
    assert [entry["pair"] for entry in entries if entry["run"]] == ["a@cpu"]


@pytest.mark.usefixtures("project", "_needs_torch")
def test_doctor_says_what_each_device_lacks() -> None:
    data = json.loads(ttci("doctor", "--json").stdout)
    assert data["devices"]["cpu"] == "here"
    assert "/dev/tenstorrent" in data["devices"]["n150"]
    assert data["versions"]["ttci"] == __version__
    assert data["machine"]["cores"].isdecimal()
    assert re.fullmatch(r"[\d.]+ GB, [\d.]+ GB of it free", data["machine"]["memory"])
    assert data["machine"]["bfloat16 products"].endswith(("native", "ttci computes them in float32"))
    assert {"torch", "ttnn", "pytest", "pytest-benchmark", "pytest-xdist"} <= set(data["versions"])
    rows = [line.split() for line in ttci("doctor").stdout.splitlines()]
    assert ["cpu", "here"] in rows


def test_doctor_works_where_there_is_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = ttci("doctor", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert list(json.loads(done.stdout)["devices"]) == ["cpu", "cuda", "wormhole_b0"]


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.usefixtures("project")
def test_reader_that_has_seen_enough_is_no_error(monkeypatch: pytest.MonkeyPatch, buffered: bool) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "" if buffered else "1")
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "ttci", "list"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("project")
def test_bug_of_ours_is_no_failed_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fall_over(*_: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(listing, "load_manifest", fall_over)
    assert main(["list"]) == 4
    assert "ZeroDivisionError: a bug" in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_interrupt_ends_with_130_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(listing, "load_manifest", interrupt)
    assert main(["list"]) == 130
    assert capsys.readouterr().err == "interrupted; what had finished is in the pair's run.json\n"


@pytest.mark.usefixtures("_needs_torch")
def test_check_and_run_warn_of_a_target_that_is_hardly_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    targets = "tolerance = 10, value = 5.0 }\naccuracy = 0.99\n"
    Path("models_manifest.toml").write_text(MANIFEST.replace("value = 5.0, tolerance = 0.1 }\n", targets))
    Path("model.py").write_text(MODEL.format(name="Small", test="linear"))
    assert main(["check", "small"]) == 0
    latency, accuracy = capsys.readouterr().err.splitlines()
    place = "models.small.targets.cpu.linear"
    assert latency.startswith(
        f"warning: models_manifest.toml:19: {place}.latency_ms: a tolerance of 10 lets 11 times"
    )
    assert latency.endswith("write 0.1 for 10 %, if that is meant")
    assert accuracy.startswith(f"warning: models_manifest.toml:20: {place}.accuracy: ")


def test_names_are_spelled_out_where_the_output_cannot_say_them(tmp_path: Path) -> None:
    manifest = MANIFEST.replace("cpu.linear", 'cpu."größe"')
    (tmp_path / "models_manifest.toml").write_text(manifest, encoding="utf-8")
    (tmp_path / "model.py").write_text(MODEL.format(name="Small", test="linear"))
    done = subprocess.run(
        [sys.executable, "-m", "ttci", "list"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"gr\\xf6\\xdfe" in done.stdout
