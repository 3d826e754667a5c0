"""The workflows: what they may do, and the fan-out, its jobs run as GitHub's runner runs them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from tests.action.action_runner import Job, Outputs, read_yaml
from tests.action.github_expressions import Expressions
from tests.conftest import clean_environment
from tests.pair_folders import latency, leave, result_of, run_of
from tests.repositories import GIT, Repository, event, pull_request
from tests.root import ROOT
from ttci.results import Run

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MODELS = read_yaml(ROOT / ".github" / "workflows" / "models.yml")
ACTION = read_yaml(ROOT / "action.yml")
EVERY_FILE = [ROOT / "action.yml", *WORKFLOWS]
MANIFEST = """
[devices.cpu]
backend = "torch"
[devices.n150]
backend = "ttnn"
target = "silicon"
board = "n150"
runs-on = ["self-hosted", "N150"]
timeout-minutes = 30
[models.a]
source = "m.py"
devices = ["cpu", "n150"]
[models.b]
source = "m.py"
devices = ["n150"]
"""
# Checkouts of jobs that fetch or push the history, and run nothing of what is checked out.
KNOWING_COMMITS = "Check out the manifest, and what git knows of earlier commits"
LEAVING_A_TOKEN = {
    "models": [KNOWING_COMMITS],
    "history": ["Check out the manifest, with what a push takes"],
    "pages": [KNOWING_COMMITS],
}
# What a job may do that is more than reading: each in a workflow that a user calls by itself, for GitHub
# refuses a call whose token may not do what any of its jobs asks for, whether or not that job runs.
MORE_THAN_READING = {
    ("nightly", "history"): {"contents": "write"},
    ("history", "add"): {"contents": "write"},
    ("pages", "deploy"): {"pages": "write", "id-token": "write"},
    ("release", "publish"): {"id-token": "write"},
    ("release", "release"): {"contents": "write"},
}
PIN = re.compile(r"uses: (?P<action>[\w-]+/[\w/-]+)@(?P<commit>[0-9a-f]{40}) # (?P<version>v\d+\.\d+\.\d+)\n")


def steps_of(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from document.get("runs", {}).get("steps", [])
    for job in document.get("jobs", {}).values():
        yield from job.get("steps", [])


@pytest.mark.parametrize("path", EVERY_FILE, ids=lambda path: path.name)
class TestEveryFile:
    def test_actions_of_others_are_pinned_by_commit_with_the_version_beside(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        own = re.findall(r"uses: \./", text)
        assert len(PIN.findall(text)) + len(own) == len(re.findall(r"^ +(?:- )?uses: ", text, re.MULTILINE))

    def test_no_value_reaches_a_script_but_through_its_environment(self, path: Path) -> None:
        scripts = [step["run"] for step in steps_of(read_yaml(path)) if "run" in step]
        assert not any("${{" in script for script in scripts)

    def test_scripts_are_a_line_or_two(self, path: Path) -> None:
        scripts = [step["run"] for step in steps_of(read_yaml(path)) if "run" in step]
        assert all(script.count("\n") < 3 for script in scripts)

    def test_checkout_leaves_no_token_behind_where_code_of_the_models_runs(self, path: Path) -> None:
        checkouts = [s for s in steps_of(read_yaml(path)) if s.get("uses", "").startswith("actions/checkout")]
        leaving = [s["name"] for s in checkouts if s["with"]["persist-credentials"] is not False]
        assert leaving == LEAVING_A_TOKEN.get(path.stem, [])

    def test_inputs_of_our_own_action_are_those_that_it_has(self, path: Path) -> None:
        own = [s for s in steps_of(read_yaml(path)) if s.get("uses", "").startswith("./")]
        assert all(set(step["with"]) <= set(ACTION["inputs"]) for step in own)


def test_one_commit_a_version_in_all_files() -> None:
    pins = {match for path in EVERY_FILE for match in PIN.findall(path.read_text(encoding="utf-8"))}
    assert len({action for action, _, _ in pins}) == len(pins)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_may_read_and_nothing_else_but_add_to_the_history_and_publish_it(path: Path) -> None:
    workflow = read_yaml(path)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert job["permissions"] == MORE_THAN_READING.get((path.stem, name), {"contents": "read"})


@pytest.mark.parametrize("name", ["history", "pages"])
def test_workflow_says_how_it_is_called_with_the_permissions_it_takes(name: str) -> None:
    path = ROOT / ".github" / "workflows" / f"{name}.yml"
    comment = re.findall("^#   (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    example = yaml.safe_load("\n".join(comment))[name]
    asked: dict[str, str] = {}
    for job in read_yaml(path)["jobs"].values():
        asked |= job["permissions"]
    assert example["permissions"] == asked
    assert example["uses"].startswith(f"OWNER/ttci/.github/workflows/{name}.yml@")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_job_has_a_time_out(path: Path) -> None:
    jobs = read_yaml(path)["jobs"].values()
    assert all("timeout-minutes" in job or "uses" in job for job in jobs)


def test_ci_tests_every_python_that_is_promised() -> None:
    matrix = read_yaml(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["tests"]["strategy"]["matrix"]
    promised = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert matrix["python-version"] == promised


def test_a_nightly_run_calls_the_fan_out_with_inputs_that_it_has() -> None:
    jobs = read_yaml(ROOT / ".github" / "workflows" / "nightly.yml")["jobs"]
    assert jobs["models"]["uses"] == "./.github/workflows/models.yml"
    for job in jobs.values():
        called = read_yaml(ROOT / job["uses"])
        assert set(job["with"]) <= set(called["on"]["workflow_call"]["inputs"])


class FanOut:
    """The jobs of models.yml in a repository of a user."""

    def __init__(self, expressions: Expressions, runner_temp: Path, workspace: Path) -> None:
        self.expressions = expressions
        self.runner_temp = runner_temp
        self.workspace = workspace
        self.artifacts: dict[str, Path] = {}
        self.said: dict[str, str] = {}  # of the event, by GitHub's runner
        self.needs: dict[str, Any] = {}
        declared = MODELS["on"]["workflow_call"]["inputs"]
        self.inputs = {name: entry["default"] for name, entry in declared.items()}
        (workspace / ".ttci").symlink_to(ROOT)  # what the second checkout leaves

    def job(self, name: str, workflow: Any = MODELS) -> tuple[Job, Outputs]:
        """Run the steps of a job; how it ended, and its outputs."""
        declared = workflow["jobs"][name]
        stand_ins = {
            "actions/checkout": nothing,
            "actions/setup-python": lambda _: {"python-path": sys.executable},
            "actions/cache/restore": nothing,
            "actions/cache/save": nothing,
            "actions/upload-artifact": nothing,
            "actions/download-artifact": self._download,
            "actions/upload-pages-artifact": nothing,
        }
        environment = clean_environment() | {"GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(self.runner_temp)}
        environment |= {"TTCI_CACHE": str(self.workspace / ".cache")} | self.said
        github = {"run_id": "7", "run_attempt": "1", "event_name": "pull_request"}
        job = Job(
            *(self.expressions, self.workspace, self.runner_temp, environment),
            {"github": github, "inputs": self.inputs, "needs": self.needs},
            stand_ins,
            {"workflow_repository": "owner/ttci", "workflow_sha": "0" * 40},
        )
        job.run(declared["steps"])
        outputs = job.texts(declared.get("outputs", {}))
        self.needs[name] = {"result": job.status, "outputs": outputs}
        return job, outputs

    def matrix(self) -> list[dict[str, Any]]:
        """The entries that the plan comes to."""
        job, outputs = self.job("plan")
        assert job.status == "success", job.log
        self.artifacts["ttci-pairs plan"] = self.workspace / "ttci-plan"
        entries: list[dict[str, Any]] = json.loads(outputs["matrix"])["include"]
        return entries

    def evaluated(self, key: str, entry: Mapping[str, Any], index: int = 0) -> str:
        """What a key of the job `run` is for an entry of the matrix."""
        value = MODELS["jobs"]["run"]
        for part in key.split("."):
            value = value[part]
        context = {
            "matrix": entry,
            "inputs": self.inputs,
            "github": {"run_id": "7", "run_attempt": "1"},
            "strategy": {"job-index": index},
        }
        return self.expressions.texts({key: value}, context, "success")[key]

    def evaluated_artifact(self, entry: Mapping[str, Any]) -> str:
        """What the artifact of an entry of the matrix is called."""
        [test] = [step for step in MODELS["jobs"]["run"]["steps"] if step["uses"] == "./.ttci"]
        name = {"name": test["with"]["artifact-name"]}
        return self.expressions.texts(name, {"matrix": entry}, "success")["name"]

    def leave(self, *runs: Run) -> None:
        """What the jobs of these runs upload."""
        for run in runs:
            name = self.evaluated_artifact({"name": run.pair})
            self.artifacts[name] = self.workspace / "uploaded" / name
            leave(self.artifacts[name], run)

    def _download(self, inputs: Mapping[str, str]) -> Outputs:
        target = self.workspace / inputs["path"]
        if "name" in inputs:
            assert inputs["name"] == "ttci-report"
            assert target.is_dir(), "the report's job has left it there"
            return {}
        prefix = inputs["pattern"].removesuffix("*")
        target.mkdir()
        for name, folder in self.artifacts.items():
            if name.startswith(prefix):
                folder.rename(target / name)
        return {}


def nothing(_: Mapping[str, str]) -> Outputs:
    return {}


@pytest.fixture
def fan_out(expressions: Expressions, runner_temp: Path, tmp_path: Path) -> FanOut:
    (tmp_path / "m.py").touch()
    (tmp_path / "models_manifest.toml").write_text(dedent(MANIFEST))
    return FanOut(expressions, runner_temp, tmp_path)


def test_plan_has_a_job_for_each_pair_on_its_own_runner_with_its_own_time(fan_out: FanOut) -> None:
    a_cpu, a_n150, b_n150 = fan_out.matrix()
    assert [a_cpu["pairs"], a_n150["pairs"], b_n150["pairs"]] == [["a@cpu"], ["a@n150"], ["b@n150"]]
    assert json.loads(fan_out.evaluated("runs-on", a_cpu)) == ["ubuntu-latest"]
    assert json.loads(fan_out.evaluated("runs-on", a_n150)) == ["self-hosted", "N150"]
    assert int(fan_out.evaluated("timeout-minutes", a_n150)) > 30
    assert MODELS["jobs"]["run"]["strategy"]["fail-fast"] is False


@pytest.mark.parametrize(("compare", "depth"), [("", "1"), ("base", "0")])
def test_jobs_of_pairs_fetch_the_base_where_they_compare_with_it(
    fan_out: FanOut, compare: str, depth: str
) -> None:
    checkout, _, test = MODELS["jobs"]["run"]["steps"]
    context = {"inputs": fan_out.inputs | {"compare": compare}}
    texts = {"depth": checkout["with"]["fetch-depth"], "compare": test["with"]["compare"]}
    assert fan_out.expressions.texts(texts, context, "success") == {"depth": depth, "compare": compare}


def test_more_pairs_than_github_has_jobs_share_them(fan_out: FanOut) -> None:
    model = '[models.{}]\nsource = "m.py"\ndevices = ["cpu"]\n'
    with (fan_out.workspace / "models_manifest.toml").open("a") as file:
        file.writelines(model.format(f"m{number}") for number in range(400))
    entries = fan_out.matrix()
    assert len(entries) == 256
    assert len({pair for entry in entries for pair in entry["pairs"]}) == 403


def test_pair_that_is_chosen_twice_has_one_job(fan_out: FanOut) -> None:
    fan_out.inputs |= {"models": "a a@cpu b@n150"}
    assert [entry["pairs"] for entry in fan_out.matrix()] == [["a@cpu"], ["a@n150"], ["b@n150"]]


def test_jobs_of_one_board_wait_for_each_other_and_the_others_do_not(fan_out: FanOut) -> None:
    groups = [fan_out.evaluated("concurrency.group", entry, n) for n, entry in enumerate(fan_out.matrix())]
    assert groups == ["ttci-7-1-0", "ttci-board-self-hosted-N150-0", "ttci-board-self-hosted-N150-0"]
    assert MODELS["jobs"]["run"]["concurrency"]["queue"] == "max"  # none that waits is dropped


def test_only_a_job_with_a_board_is_in_the_container_and_has_the_python_that_is_there(
    fan_out: FanOut,
) -> None:
    fan_out.inputs |= {"board-container": "ghcr.io/owner/image:1"}
    a_cpu, a_n150, _ = fan_out.matrix()
    assert fan_out.evaluated("container.image", a_cpu) == ""
    assert fan_out.evaluated("container.image", a_n150) == "ghcr.io/owner/image:1"
    assert "--device /dev/tenstorrent" in fan_out.evaluated("container.options", a_n150)
    assert (a_cpu["python-version"], a_n150["python-version"]) == ("3.12", "")


def test_wrong_choice_ends_the_plan_with_one_annotation(fan_out: FanOut) -> None:
    fan_out.inputs |= {"models": "a $(touch pwned)", "devices": "n15O"}
    job, outputs = fan_out.job("plan")
    assert (job.status, outputs["matrix"]) == ("failure", "")
    assert job.log.count("::error title=ttci::") == 1
    assert not (fan_out.workspace / "pwned").exists()


def test_report_of_all_pairs_is_one_verdict(fan_out: FanOut) -> None:
    fan_out.matrix()
    fan_out.leave(*map(run_of, ("a@cpu", "a@n150", "b@n150")))
    job, outputs = fan_out.job("report")
    assert (job.status, outputs["verdict"]) == ("success", "passed"), job.log
    assert "a@n150" in job.summary


def test_pair_whose_job_was_lost_makes_the_report_red(fan_out: FanOut) -> None:
    fan_out.matrix()
    fan_out.leave(run_of("a@cpu"), run_of("a@n150"))
    job, outputs = fan_out.job("report")
    assert (job.status, outputs["verdict"]) == ("failure", "error")
    assert re.search(r"^::error .*b@n150", job.log, re.MULTILINE)
    assert [used.action for used in job.used].count("actions/upload-artifact") == 1


def test_report_runs_whatever_the_pairs_came_to(expressions: Expressions) -> None:
    condition = MODELS["jobs"]["report"]["if"]
    for planned, runs in (("success", True), ("failure", False)):
        context = {"needs": {"plan": {"result": planned}, "run": {"result": "failure"}}}
        assert expressions.condition(condition, context, "failure") is runs


def test_seconds_of_a_torn_report_do_not_stop_a_plan(fan_out: FanOut) -> None:
    folder = fan_out.workspace / "ttci-report"
    folder.mkdir()
    (folder / "report.json").write_text("{")
    assert len(fan_out.matrix()) == 3


HISTORY = read_yaml(ROOT / ".github" / "workflows" / "history.yml")
PAGES = read_yaml(ROOT / ".github" / "workflows" / "pages.yml")


@pytest.fixture
def repository(fan_out: FanOut, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The repository of the user, of which the workspace is a clone."""
    made = Repository.make(tmp_path_factory.mktemp("repository"))
    (made.clone / ".git").rename(fan_out.workspace / ".git")
    return Repository(fan_out.workspace, made.remote)


def reported(fan_out: FanOut, value: float = 5.0) -> tuple[Job, Outputs]:
    """The report of a run of every pair."""
    fan_out.matrix()
    figures = [latency(value, None)]
    pairs = ("a@cpu", "a@n150", "b@n150")
    fan_out.leave(
        *(run_of(pair, result_of(pair, check="performance", measurements=figures)) for pair in pairs)
    )
    return fan_out.job("report")


def test_push_to_the_default_branch_is_added_by_a_workflow_of_its_own(
    fan_out: FanOut, repository: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    fan_out.inputs |= {"history": "branch"}
    fan_out.said = GIT | event(tmp_path_factory.mktemp("event"))
    job, outputs = reported(fan_out)
    assert (job.status, outputs["verdict"], outputs["history"]) == ("success", "passed", "write"), job.log
    assert "no history yet" in job.summary
    [checkout, *_] = [used for used in job.used if used.action == "actions/checkout"]
    assert checkout.inputs == {"fetch-depth": "0", "persist-credentials": "true"}
    added, _ = fan_out.job("add", HISTORY)
    assert added.status == "success", added.log
    assert len(repository.kept()) == 3, added.log
    site, made = fan_out.job("site", PAGES)
    assert (site.status, made["is-made"]) == ("success", "true"), site.log
    assert [used.inputs for used in site.used if used.action == "actions/upload-pages-artifact"] == [
        {"path": "ttci-site"}
    ]
    assert (fan_out.workspace / "ttci-site" / "index.html").is_file()


def test_pull_request_of_a_fork_only_reads(
    fan_out: FanOut, repository: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    fan_out.inputs |= {"history": "branch"}
    fan_out.said = GIT | pull_request(tmp_path_factory.mktemp("event"))
    job, outputs = reported(fan_out)
    assert (job.status, outputs["history"], outputs["slower"]) == ("success", "read", "0"), job.log
    added, _ = fan_out.job("add", HISTORY)
    assert added.status == "success"
    assert "not kept" in added.log
    _, made = fan_out.job("site", PAGES)
    assert made["is-made"] == "false"
    assert repository.kept() == []


def test_without_a_history_nothing_of_it_is_done(fan_out: FanOut) -> None:
    job, outputs = reported(fan_out)
    assert (outputs["history"], outputs["slower"]) == ("off", "")
    [checkout, *_] = [used for used in job.used if used.action == "actions/checkout"]
    assert checkout.inputs == {"fetch-depth": "1", "persist-credentials": "false"}


@pytest.mark.parametrize(
    ("inputs", "history"),
    [
        ({}, "off"),
        ({"history": "branch"}, "off"),
        ({"history": "branch", "confirm": True}, "branch"),
        ({"confirm": True}, ""),  # as the manifest says
    ],
)
def test_jobs_of_pairs_read_the_history_only_to_confirm(
    fan_out: FanOut, inputs: dict[str, Any], history: str
) -> None:
    [test] = [step for step in MODELS["jobs"]["run"]["steps"] if step["uses"] == "./.ttci"]
    context = {"inputs": fan_out.inputs | inputs}
    given = {name: str(test["with"][name]) for name in ("history", "history-add")}
    assert fan_out.expressions.texts(given, context, "success") == {
        "history": history,
        "history-add": "false",
    }
