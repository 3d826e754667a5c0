"""action.yml: its steps, run as GitHub's runner runs them, on real pairs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from tests.action.action_runner import Job, Outputs, Used, read_values, run_action
from tests.action.github_expressions import Expressions
from tests.conftest import clean_environment
from tests.pair_folders import leave, missed, result_of, run_of
from tests.repositories import GIT, Repository, event, git
from tests.root import ROOT
from ttci.action.__main__ import main
from ttci.action.files import write_outputs
from ttci.artifacts.plan_file import read_planned
from ttci.errors import InputError
from ttci.results import Outcome

MODEL = """
import os
from torch import nn
from ttci.testing import TestableModule, TestConfig


class Nan(nn.Module):
    def forward(self, x):
        return x * float("nan")


class Dies(nn.Module):
    def forward(self, x):
        os._exit(9)


class Declared(TestableModule):
    module = nn.Linear

    def get_test_configs(self):
        checks = ["correctness", "memory"]
        targets = {"memory_mb": 1e-6} if type(self) is Large else None
        config = TestConfig("layer", (1, 4, 8), None, 1e-3, targets, checks)
        return {"layer": (nn.Linear(8, 8) if self.module is nn.Linear else self.module(), config)}


class Green(Declared):
    pass


class Failing(Declared):
    module = Nan


class Crashing(Declared):
    module = Dies


class Large(Declared):
    pass
"""
MANIFEST = """
[devices.cpu]
backend = "torch"
[devices.n150]
backend = "ttnn"
target = "silicon"
board = "n150"
runs-on = ["self-hosted", "N150"]
[models.green]
source = "model.py::Green"
devices = ["cpu", "n150"]
[models.failing]
source = "model.py::Failing"
devices = ["cpu"]
[models.crashing]
source = "model.py::Crashing"
devices = ["cpu"]
"""
NASTY = [
    "$(touch pwned) `touch pwned` ${{ github.token }}\ntouch pwned\n",
    "a; touch pwned\n'; touch pwned; '\"; touch pwned; \" || touch pwned #",
]
pytestmark = pytest.mark.skipif(
    Path("/dev/tenstorrent").exists(), reason="these tests take a host without a Tenstorrent board"
)


@dataclass(frozen=True)
class Ended:
    """A job that used the action."""

    job: Job
    outputs: Outputs
    folder: Path

    @property
    def annotations(self) -> list[str]:
        """The lines of the log that GitHub turns into marks."""
        return re.findall(r"^::(?:error|warning|notice) .*", self.job.log, re.MULTILINE)

    @property
    def uploads(self) -> list[Used]:
        """What was uploaded."""
        return [used for used in self.job.used if used.action == "actions/upload-artifact"]


@pytest.fixture(scope="session")
def use_action(
    tmp_path_factory: pytest.TempPathFactory, expressions: Expressions, runner_temp: Path
) -> Callable[..., Ended]:
    """Uses the action in a job of its own."""

    def use(
        folder: Path | None = None,
        strategy: dict[str, int] | None = None,
        python: str = sys.executable,
        temporary: Path = runner_temp,
        said: Mapping[str, str] | None = None,
        **inputs: str,
    ) -> Ended:
        folder = folder or new_project(tmp_path_factory)
        environment = clean_environment() | {"RUNNER_TEMP": str(temporary), "GITHUB_ACTIONS": "true"}
        environment |= said or {}
        context = {"github": {"token": "secret"}, "strategy": strategy or {"job-index": 0, "job-total": 1}}
        stand_ins = {
            "actions/setup-python": lambda _: {"python-path": python},
            "actions/upload-artifact": lambda _: {},
        }
        job = Job(expressions, folder, temporary, environment, context, stand_ins)
        outputs = run_action(job, ROOT, {name.replace("_", "-"): value for name, value in inputs.items()})
        return Ended(job, outputs, folder)

    return use


def new_project(tmp_path_factory: pytest.TempPathFactory, name: str = "workspace") -> Path:
    folder = tmp_path_factory.mktemp(name)
    (folder / "model.py").write_text(dedent(MODEL))
    (folder / "models_manifest.toml").write_text(dedent(MANIFEST))
    return folder


@pytest.fixture(scope="session")
def green(use_action: Callable[..., Ended]) -> Ended:
    return use_action(models="green")


@pytest.fixture(scope="session")
def failing(use_action: Callable[..., Ended]) -> Ended:
    return use_action(models="failing@cpu, green@cpu")


@pytest.fixture(scope="session")
def crashing(use_action: Callable[..., Ended]) -> Ended:
    return use_action(models="crashing")


@pytest.fixture(scope="session")
def unavailable(use_action: Callable[..., Ended]) -> Ended:
    return use_action(models="green", devices="n150,cpu")


def counts(ended: Ended) -> dict[str, str]:
    return {name: ended.outputs[name] for name in ("verdict", "passed", "failed", "errors", "missed")}


def test_failing_pair_ends_red_after_report_and_upload(failing: Ended) -> None:
    assert failing.job.status == "failure"
    assert failing.job.names[-3:] == ["Report", "Upload the report", "End with the verdict"]
    assert (failing.outputs["verdict"], failing.outputs["passed"]) == ("failed", "3")
    assert (failing.outputs["errors"], failing.outputs["missed"]) == ("0", "0")
    assert int(failing.outputs["failed"]) >= 1
    assert any("failing@cpu/layer[correctness]" in line for line in failing.annotations)
    assert "failing@cpu" in failing.job.summary


def test_crashed_pair_is_an_error_and_ends_red(crashing: Ended) -> None:
    assert crashing.job.status == "failure"
    assert crashing.outputs["verdict"] == "error"
    assert int(crashing.outputs["errors"]) >= 1
    assert crashing.annotations
    assert crashing.uploads


def test_device_that_was_named_and_is_not_here_ends_red_as_unavailable(unavailable: Ended) -> None:
    assert unavailable.job.status == "failure"
    assert counts(unavailable) | {"verdict": "unavailable", "passed": "2", "failed": "0", "errors": "0"} == (
        counts(unavailable)
    )
    assert "/dev/tenstorrent" in unavailable.job.summary


def test_device_that_was_not_named_is_left_out_and_said(green: Ended) -> None:
    [left_out] = read_planned(green.folder / "reports" / "plan.json").left_out
    assert left_out.pair == "green@n150"


def test_upload_takes_the_report_however_the_tests_ended(
    green: Ended, failing: Ended, unavailable: Ended
) -> None:
    for ended in (green, failing, unavailable):
        [upload] = ended.uploads
        assert upload.inputs == {"name": "ttci-reports", "path": "reports", "if-no-files-found": "ignore"}


def test_pairs_by_name_run_each_by_itself(failing: Ended) -> None:
    assert sorted(path.name for path in (failing.folder / "reports").glob("*@*")) == [
        "failing@cpu",
        "green@cpu",
    ]


def test_what_is_not_wanted_is_left_out(use_action: Callable[..., Ended]) -> None:
    ended = use_action(
        models="green", devices="n150", fail_on="never", annotations="false", summary="false", upload="false"
    )
    assert (ended.job.status, ended.outputs["verdict"]) == ("success", "unavailable")
    assert (ended.annotations, ended.job.summary, ended.uploads) == ([], "", [])


@pytest.mark.parametrize(
    ("inputs", "verdict", "message"),
    [
        ({"models": "grene"}, "wrong-input", 'unknown model "grene"; did you mean "green"?'),
        ({"models": "green@n15O"}, "wrong-input", 'unknown device "n15O"; did you mean "n150"?'),
        ({"models": "--report-dir=x"}, "wrong-input", "options go to pytest-args"),
        ({"fail_on": "failures"}, "wrong-input", 'did you mean "failure"?'),
        ({"summary": "maybe"}, "wrong-input", '"maybe" is neither true nor false'),
        ({"manifest": "no.toml"}, "wrong-input", "no.toml: No such file or directory"),
        ({"pytest_args": '-k "x'}, "wrong-input", "No closing quotation"),
        ({"models": "failing", "devices": "n150"}, "nothing-matched", "failing runs on cpu"),
        ({"models": "grene", "fail_on": "never"}, "wrong-input", 'unknown model "grene"'),
    ],
)
def test_wrong_input_ends_red_with_one_annotation_that_says_what_to_do(
    use_action: Callable[..., Ended], inputs: dict[str, str], verdict: str, message: str
) -> None:
    ended = use_action(**inputs)
    assert (ended.job.status, ended.outputs["verdict"]) == ("failure", verdict)
    assert len(ended.annotations) == 1
    assert message in ended.annotations[0]
    assert "Traceback" not in ended.job.log


@pytest.mark.parametrize(
    "name",
    [
        *("models", "devices", "manifest", "pytest-args", "report-dir", "fail-on"),
        *("history", "confirm", "compare", "compare-seconds"),
    ],
)
@pytest.mark.parametrize("value", NASTY)
def test_no_input_is_run_by_a_shell(
    use_action: Callable[..., Ended], runner_temp: Path, name: str, value: str
) -> None:
    inputs = {"models": "nosuchmodel", name: value}
    ended = use_action(**inputs)
    assert ended.job.status == "failure"
    assert "secret" not in ended.job.log
    assert [*ended.folder.rglob("pwned"), *runner_temp.glob("pwned"), *ROOT.glob("pwned")] == []


def test_manifest_with_nasty_names_is_refused_on_one_line_and_runs_nothing(
    use_action: Callable[..., Ended], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = new_project(tmp_path_factory)
    nasty_text = json.dumps(NASTY[0] + "::error::forged")
    with (folder / "models_manifest.toml").open("a") as file:
        file.write(f"[models.{nasty_text}]\nsource = {nasty_text}\ndevices = [{nasty_text}]\n")
    ended = use_action(folder)
    assert (ended.job.status, ended.outputs["verdict"]) == ("failure", "wrong-input")
    assert len(ended.annotations) == 1
    assert list(folder.rglob("pwned")) == []


@pytest.fixture(scope="session")
def nasty(use_action: Callable[..., Ended], tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder = new_project(tmp_path_factory)
    inside = folder / "$(touch pwned) `touch pwned`"
    inside.mkdir()
    for name in ("model.py", "models_manifest.toml"):
        (folder / name).rename(inside / name)
    with (inside / "model.py").open("a") as file:
        file.write('\nprint("::error::forged", flush=True)\n')
    return use_action(
        folder,
        models="green",
        manifest=f"{inside.name}/models_manifest.toml",
        report_dir='it\'s "here" $(touch pwned)',
        pytest_args="-s --log-file '$(touch pwned) `touch pwned`.log'",
        artifact_name='a/b:c"$(touch pwned)`touch pwned`',
    )


def test_nasty_names_that_are_right_work_and_run_nothing(nasty: Ended) -> None:
    assert nasty.job.status == "success", nasty.job.log
    assert (nasty.folder / nasty.outputs["junit"]).is_file()
    assert [upload.inputs["name"] for upload in nasty.uploads] == ["a-b-c-$(touch pwned)`touch pwned`"]
    assert list(nasty.folder.rglob("pwned")) == []


def test_what_a_test_prints_is_no_command(nasty: Ended) -> None:
    log = nasty.job.log
    stopped = r"^::stop-commands::(?P<token>[0-9a-f]{32})$.*?^::(?P=token)::$"
    outside = re.sub(stopped, "", log, flags=re.MULTILINE | re.DOTALL)
    assert "::error::forged" in log
    assert "::error::forged" not in outside


@pytest.mark.usefixtures("_needs_torch")
def test_pull_request_is_measured_beside_its_base_and_what_is_slower_ends_red_where_asked(
    use_action: Callable[..., Ended], tmp_path: Path
) -> None:
    clone = Repository.make(tmp_path).clone
    base = git(clone, "rev-parse", "HEAD")
    (clone / "model.py").write_text((clone / "model.py").read_text().replace("Linear(8, 8)", "Linear(8, 64)"))
    git(clone, "commit", "-q", "-a", "-m", "change")
    sides = {"base": {"sha": base}, "head": {"sha": git(clone, "rev-parse", "HEAD")}}
    said = GIT | event(tmp_path, "pull_request", "refs/pull/7/merge", pull_request=sides)
    ended = use_action(clone, said=said, models="green", compare="base", fail_on="drift")
    assert ended.job.status == "failure", ended.job.log
    assert ended.job.names[2:5] == ["Test", "Compare with the base", "Report"]
    assert (ended.outputs["verdict"], ended.outputs["slower-than-base"]) == ("passed", "1")
    [mark] = ended.annotations
    assert mark.startswith("::error file=model.py,line=8,title=green@cpu/layer[memory]::")
    assert "### Measured beside " in ended.job.summary
    assert json.loads((clone / "reports" / "comparison.json").read_text())["base"]["commit"] == base


def test_artifact_of_a_job_of_a_matrix_has_a_name_of_its_own(use_action: Callable[..., Ended]) -> None:
    ended = use_action(strategy={"job-index": 2, "job-total": 5}, models="green", devices="n150")
    assert [upload.inputs["name"] for upload in ended.uploads] == ["ttci-reports-2"]


def test_installation_that_fails_ends_red_and_says_error(use_action: Callable[..., Ended]) -> None:
    ended = use_action(python="/bin/false", models="green")
    assert (ended.job.status, ended.outputs["verdict"], ended.outputs["passed"]) == ("failure", "error", "")
    assert ended.job.names == ["Set up Python", "Install ttci", "End with the verdict"]


def test_python_that_is_there_is_used_where_none_is_asked_for(
    use_action: Callable[..., Ended], tmp_path: Path
) -> None:
    ended = use_action(python_version="", models="nosuchmodel", temporary=tmp_path)
    assert ended.job.names[0] == "Install ttci"
    assert ended.job.steps["install"]["outcome"] == "success"
    assert (tmp_path / "ttci" / "bin" / "python").exists()


@pytest.mark.parametrize(
    ("fail_on", "run_code", "left", "verdict", "exit_code"),
    [
        ("failure", 0, "passed", "passed", 0),
        ("failure", 1, "failed", "failed", 1),
        ("failure", 1, "passed", "failed", 1),  # whatever the report makes of it
        ("failure", 3, "passed", "unavailable", 3),
        ("failure", 4, "passed", "error", 4),
        ("regression", 1, "failed", "failed", 0),
        ("regression", 1, "missed", "failed", 1),
        ("regression", 3, "passed", "unavailable", 3),
        ("regression", 4, "failed", "error", 4),
        ("never", 1, "missed", "failed", 0),
        ("never", 3, "passed", "unavailable", 0),
        ("never", 4, "passed", "error", 0),
        ("never", 2, "passed", "wrong-input", 2),
        ("never", 5, "nothing", "nothing-matched", 5),
        ("failure", 0, "nothing", "nothing-matched", 5),
        ("failure", 1, "error", "failed", 1),
    ],
)
def test_fail_on_decides_the_end_and_not_the_verdict(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fail_on: str,
    run_code: int,
    left: str,
    verdict: str,
    exit_code: int,
) -> None:
    results = {
        "passed": [result_of("a@cpu")],
        "failed": [result_of("a@cpu", outcome=Outcome.FAILED)],
        "error": [result_of("a@cpu", outcome=Outcome.ERROR)],
        "missed": [missed("a@cpu")],
    }
    if left != "nothing":
        leave(tmp_path / "reports", run_of("a@cpu", *results[left]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_OUTPUT", "outputs")
    monkeypatch.setenv("TTCI_INPUT_SUMMARY", "false")
    monkeypatch.setenv("TTCI_INPUT_ANNOTATIONS", "false")
    monkeypatch.setenv("TTCI_INPUT_FAIL_ON", fail_on)
    monkeypatch.setenv("TTCI_RUN_EXIT_CODE", str(run_code))
    assert main(["report"]) == 0
    outputs = read_values(Path("outputs"))
    assert (outputs["verdict"], outputs["exit-code"]) == (verdict, str(exit_code))
    assert outputs["missed"] == ("1" if left == "missed" else "0")


def test_report_of_before_is_not_taken_for_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "report.json").write_text('{"exit_code": 0, "outcomes": {"passed": 7}}')
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    monkeypatch.setenv("TTCI_INPUT_REPORT_DIR", str(tmp_path))
    monkeypatch.setenv("TTCI_INPUT_SUMMARY", "false")
    monkeypatch.setenv("TTCI_INPUT_ANNOTATIONS", "false")
    assert main(["report"]) == 0
    assert read_values(tmp_path / "outputs")["passed"] == "0"


def test_step_outside_of_a_workflow_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    with pytest.raises(InputError, match="this is for a step of a GitHub workflow; use ttci run"):
        write_outputs({"a": 1})


def test_outputs_keep_any_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    values = {"a": "one\ntwo\nEOF\nverdict=passed\n", "b": "", "c": "x<<y", "d": "a=b %0A"}
    write_outputs(values)
    write_outputs({"e": "appended"})
    assert read_values(tmp_path / "outputs") == values | {"e": "appended"}
