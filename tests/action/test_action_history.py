"""The history in action.yml: the default branch adds its runs, pull requests only read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.action.action_runner import Job, Outputs, run_action
from tests.action.github_expressions import Expressions
from tests.action.steps import Steps
from tests.conftest import clean_environment
from tests.histories import kept
from tests.pair_folders import latency, leave, result_of, run_of
from tests.repositories import GIT, MANIFEST, Repository, event, git, pull_request
from tests.root import ROOT
from ttci.action.history import is_trusted
from ttci.results import Run, read_run


@pytest.mark.parametrize(
    ("name", "ref", "payload", "trusted"),
    [
        ("push", "refs/heads/main", {}, True),
        ("schedule", "refs/heads/main", {}, True),
        ("schedule", "refs/heads/main", {"repository": None}, True),
        ("workflow_dispatch", "refs/heads/main", {}, True),
        ("workflow_dispatch", "refs/heads/topic", {}, False),
        ("push", "refs/heads/topic", {}, False),
        ("push", "refs/heads/topic/main", {}, False),
        ("push", "refs/tags/main", {}, False),
        ("push", "refs/heads/main", {"repository": None}, False),
        ("push", "refs/heads/main", {"repository": {"full_name": "a/b", "default_branch": "main"}}, False),
        ("push", "refs/heads/None", {"repository": {"full_name": "owner/models"}}, False),
        ("pull_request", "refs/pull/7/merge", {}, False),
        ("pull_request", "refs/heads/main", {}, False),
        ("pull_request_target", "refs/heads/main", {}, False),
        ("workflow_run", "refs/heads/main", {}, False),
        ("issue_comment", "refs/heads/main", {}, False),
        ("", "refs/heads/main", {}, False),
    ],
)
def test_only_runs_of_the_repositorys_own_default_branch_are_trusted(
    tmp_path: Path, name: str, ref: str, payload: dict[str, Any], trusted: bool
) -> None:
    assert is_trusted(event(tmp_path, name, ref, **payload)) is trusted


@pytest.mark.parametrize("content", ["", "{", "[]", '{"repository": []}', "[" * 100_000])
def test_event_that_cannot_be_read_is_not_trusted(tmp_path: Path, content: str) -> None:
    said = event(tmp_path)
    Path(said["GITHUB_EVENT_PATH"]).write_text(content)
    assert not is_trusted(said)
    assert not is_trusted(said | {"GITHUB_EVENT_PATH": str(tmp_path / "nowhere")})


def measured(value: float = 5.0, minutes: int = 0, reruns: tuple[float, ...] = ()) -> Run:
    """A run of one figure."""
    figure = latency(value, None).model_copy(update={"reruns": reruns})
    run = run_of("green@cpu", result_of("green@cpu", check="performance", measurements=[figure]))
    started = run.started + timedelta(days=-30, minutes=minutes)
    return run.model_copy(update={"started": started, "finished": started + timedelta(minutes=1)})


def test_push_to_the_default_branch_adds_and_pull_requests_only_read(steps: Steps, tmp_path: Path) -> None:
    leave(steps.repository.clone / "reports", measured())
    outputs, log = steps.run("report", event(tmp_path))
    assert (outputs["verdict"], outputs["history"], outputs["slower"]) == ("passed", "write", "0")
    assert "no history yet" in log
    _, log = steps.run("history", event(tmp_path))
    assert len(steps.repository.kept()) == 1, log
    leave(steps.repository.clone / "reports", measured(minutes=10))
    outputs, log = steps.run("report", pull_request(tmp_path))
    assert (outputs["verdict"], outputs["history"]) == ("passed", "read")
    assert "no history yet" not in log
    before = steps.repository.kept()
    _, log = steps.run("history", pull_request(tmp_path))
    assert "not kept" in log
    assert steps.repository.kept() == before


def test_refused_push_is_a_warning_and_the_verdict_stays(steps: Steps, tmp_path: Path) -> None:
    hook = steps.repository.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho '::error::this branch is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    leave(steps.repository.clone / "reports", measured())
    outputs, _ = steps.run("report", event(tmp_path))
    assert (outputs["verdict"], outputs["exit-code"]) == ("passed", "0")
    outputs, log = steps.run("history", event(tmp_path))
    assert outputs == {}
    [warning] = [line for line in log.splitlines() if line.startswith("::warning title=ttci::")]
    assert "not all runs were kept in the history" in warning
    assert "protected" in warning
    assert not [line for line in log.splitlines() if line.startswith("::error")]
    assert steps.repository.kept() == []


def test_history_that_cannot_be_read_leaves_the_verdict(steps: Steps, tmp_path: Path) -> None:
    git(steps.repository.clone, "remote", "set-url", "origin", str(tmp_path / "nowhere.git"))
    leave(steps.repository.clone / "reports", measured())
    outputs, log = steps.run("report", event(tmp_path))
    assert (outputs["verdict"], outputs["exit-code"], outputs["slower"]) == ("passed", "0", "0"), log


@pytest.mark.parametrize(("fail_on", "code"), [("failure", "0"), ("drift", "1"), ("regression", "1")])
def test_slower_run_is_counted_and_fails_only_where_asked(
    steps: Steps, tmp_path: Path, fail_on: str, code: str
) -> None:
    steps.inputs = {"history": f"folder:{tmp_path / 'kept'}"}
    values = 2 * [5.0, 5.01, 4.99, 5.02, 5.0, 4.98, 5.01, 5.0, 4.99, 5.0, 5.01, 5.0]
    kept(tmp_path / "kept", *(measured(value, minutes) for minutes, value in enumerate(values)))
    leave(steps.repository.clone / "reports", measured(9.0, 100, (9.01, 8.99)))
    outputs, log = steps.run("report", event(tmp_path), fail_on=fail_on)
    assert (outputs["slower"], outputs["verdict"], outputs["exit-code"]) == ("1", "passed", code), log


def test_manifest_says_where_the_history_is_and_the_input_turns_it_off(steps: Steps, tmp_path: Path) -> None:
    manifest = steps.repository.clone / "models_manifest.toml"
    manifest.write_text(f'{dedent(MANIFEST)}[history]\nstore = "folder:kept"\n')
    leave(steps.repository.clone / "reports", measured())
    outputs, _ = steps.run("report", event(tmp_path), history="")
    assert outputs["history"] == "write"
    outputs, _ = steps.run("report", event(tmp_path), history="off")
    assert (outputs["history"], outputs["slower"]) == ("off", "")
    steps.run("history", event(tmp_path), history="")
    assert len([*(manifest.parent / "kept" / "runs").rglob("*.json")]) == 1


def test_history_that_is_only_read_is_not_written(steps: Steps, tmp_path: Path) -> None:
    leave(steps.repository.clone / "reports", measured())
    outputs, _ = steps.run("report", event(tmp_path), history_add="false")
    assert outputs["history"] == "read"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"history": "brunch"}, 'history: "brunch" is no place for a history; write branch'),
        ({"history": "branch:"}, '"branch:" is no place for a history'),
        ({"history": "off", "confirm": "true"}, "confirm: there is no history to compare with"),
        ({"confirm": "maybe"}, 'confirm: "maybe" is neither true nor false'),
    ],
)
def test_wrong_inputs_are_said(steps: Steps, tmp_path: Path, inputs: dict[str, str], message: str) -> None:
    outputs, log = steps.run("test", event(tmp_path), **inputs)
    assert outputs["exit-code"] == "2"
    assert message in log


def test_site_is_made_of_the_default_branch_alone(steps: Steps, tmp_path: Path) -> None:
    leave(steps.repository.clone / "reports", measured())
    steps.run("history", event(tmp_path))
    outputs, log = steps.run("site", event(tmp_path), report_dir="site")
    assert outputs == {"is-made": "true"}, log
    assert (steps.repository.clone / "site" / "index.html").is_file()
    outputs, _ = steps.run("site", pull_request(tmp_path), report_dir="other")
    assert outputs == {"is-made": "false"}
    assert not (steps.repository.clone / "other").exists()


@dataclass(frozen=True)
class Ended:
    """A job that used the action."""

    job: Job
    outputs: Outputs


@pytest.fixture(scope="module")
def use_action(expressions: Expressions, runner_temp: Path) -> Callable[..., Ended]:
    """Uses the action in jobs of one repository."""

    def use(repository: Repository, said: dict[str, str], **inputs: str) -> Ended:
        environment = clean_environment() | GIT | said | {"RUNNER_TEMP": str(runner_temp)}
        environment |= {"GITHUB_ACTIONS": "true", "TTCI_CACHE": str(repository.clone.parent / "cache")}
        context = {"github": {"token": "secret"}, "strategy": {"job-index": 0, "job-total": 1}}
        stand_ins = {
            "actions/setup-python": lambda _: {"python-path": sys.executable},
            "actions/upload-artifact": lambda _: {},
        }
        job = Job(expressions, repository.clone, runner_temp, environment, context, stand_ins)
        return Ended(job, run_action(job, ROOT, inputs))

    return use


def test_action_adds_after_the_report_on_the_default_branch_and_not_for_a_pull_request(
    use_action: Callable[..., Ended], tmp_path: Path
) -> None:
    repository = Repository.make(tmp_path)
    pushed = use_action(repository, event(tmp_path), history="branch")
    assert pushed.job.status == "success", pushed.job.log
    assert pushed.job.names[-4:] == [
        *("Report", "Add to the history", "Upload the report", "End with the verdict"),
    ]
    assert (pushed.outputs["history"], pushed.outputs["slower"]) == ("write", "0")
    assert "no history yet" in pushed.job.log + pushed.job.summary
    assert len(repository.kept()) == 1, pushed.job.log
    proposed = use_action(repository, pull_request(tmp_path), history="branch")
    assert proposed.job.status == "success", proposed.job.log
    assert "Add to the history" not in proposed.job.names
    assert proposed.outputs["history"] == "read"
    assert len(repository.kept()) == 1
    run = read_run(repository.clone / "reports" / "green@cpu" / "run.json")
    assert run.environment["git_branch"] == "main"  # as the fork's branch is called; it is not added
