"""The examples of docs/how-to/github.md in a user's repository, run from start to end by act."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.action.act import Act, Ran
from tests.docs.pages import block_with
from tests.repositories import git

PAGE = "how-to/github.md"
MODEL = """
from tiny_parts import DIM
from torch import nn
from ttci.testing import TestableModule, TestConfig


class Tiny(TestableModule):
    def get_test_configs(self):
        config = TestConfig("layer", (1, 4, DIM), test_cases=["memory", "performance"])
        return {"layer": (nn.Linear(DIM, DIM), config)}
"""
# What the model needs: nothing finds it where it is not installed.
PARTS = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "tiny-parts"
version = "1.0"
"""
MANIFEST = """\
[environment]
requirements = ["./parts"]

[devices.cpu]
backend = "torch"
measure-seconds = 0.05

[models.green]
source = "model.py::Tiny"
devices = ["cpu"]

[models.large]
source = "model.py::Tiny"
devices = ["cpu"]

[models.large.targets.cpu.layer]
memory_mb = 1e-6
"""
MISSED = (
    "::error file=models_manifest.toml,line=17,title=large@cpu/layer[memory]::memory_mb missed its target"
)
GREEN = {
    "verdict": "passed",
    "passed": "2",
    "failed": "0",
    "errors": "0",
    "missed": "0",
    "slower": "",
    "slower-than-base": "",
    "history": "off",
    "report-dir": "reports",
    "junit": "reports/junit.xml",
    "benchmark-json": "reports/benchmark.json",
}
# What is added to the example: the user's next step, which prints what it sees of the action.
NEXT_STEP = """\
      - id: say
        if: always()
        env: { SAID: "${{ toJSON(steps.ttci.outputs) }}" }
        run: echo "$SAID"
"""


@pytest.fixture(scope="module")
def act(tmp_path_factory: pytest.TempPathFactory, _needs_torch: None) -> Act:
    """The runner, with ttci's repository and stand-ins for GitHub's actions."""
    return Act.prepare(tmp_path_factory.mktemp("act"))


def changed(text: str, changes: dict[str, str]) -> str:
    """`text` with each of `changes` made once."""
    for old, new in changes.items():
        assert text.count(old) == 1, f"not once in the example: {old}"
        text = text.replace(old, new)
    return text


def one_job(models: str) -> str:
    changes = {
        "- uses: OWNER/ttci@TAG": "- id: ttci\n        uses: OWNER/ttci@v1",
        "models: llama3, devices: cpu n150-mock": f"models: {models}, devices: cpu",
    }
    return changed(block_with(PAGE, "# .github/workflows/models.yml").text, changes) + NEXT_STEP


def fan_out() -> str:
    changes = {"@TAG": "@v1", "models: llama3 bert, devices: cpu n150": "models: green large, devices: cpu"}
    return changed(block_with(PAGE, "# .github/workflows/pairs.yml").text, changes)


def run(act: Act, folder: Path, workflow: str) -> Ran:
    """Run a workflow in a repository of a user."""
    repository = folder / "repository"
    files = {
        "model.py": MODEL,
        "models_manifest.toml": MANIFEST,
        "parts/pyproject.toml": PARTS,
        "parts/src/tiny_parts/__init__.py": "DIM = 8\n",
        ".github/workflows/ci.yml": workflow,
    }
    for name, text in files.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(text, encoding="utf-8")
    git(repository, "init", "-q", "-b", "main")
    git(repository, "remote", "add", "origin", "https://github.com/owner/models.git")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "first")
    return act.pull_request(repository, ".github/workflows/ci.yml")


def said(ran: Ran) -> Any:
    """What the step after the action saw of it."""
    return json.loads(ran.printed("say"))


# Each test is one run of a workflow: tests that shared a run would repeat it in other workers.
def test_one_job_ends_green_with_outputs_summary_and_the_report_uploaded(act: Act, tmp_path: Path) -> None:
    ran = run(act, tmp_path, one_job("green"))
    assert (ran.code, ran.jobs) == (0, {"models": "success"}), ran.log
    assert said(ran) == GREEN
    assert ran.annotations == []
    assert ran.summary.startswith("## ✅ ttci: passed\n")
    assert "green@cpu" in ran.summary
    assert ran.uploaded["ttci-reports"] >= {
        "report.html",
        "summary.md",
        "green@cpu/run.json",
        "green@cpu/log.txt",
    }
    suites = ET.fromstring(ran.artifact("ttci-reports", "junit.xml"))
    tests = {case.get("name") for case in suites.iter("testcase")}
    assert tests == {"green@cpu/layer[memory]", "green@cpu/layer[performance]"}
    [benchmark] = json.loads(ran.artifact("ttci-reports", "benchmark.json"))["benchmarks"]
    assert benchmark["name"] == "green@cpu/layer[performance]"


def test_missed_target_ends_red_marked_at_its_line_of_the_manifest_and_uploaded(
    act: Act, tmp_path: Path
) -> None:
    ran = run(act, tmp_path, one_job("large"))
    assert (ran.code, ran.jobs) == (1, {"models": "failure"}), ran.log
    assert said(ran)["verdict"] == "failed"
    assert said(ran)["missed"] == "1"
    [annotation] = ran.annotations
    assert annotation.startswith(MISSED)
    assert ran.summary.startswith("## ❌ ttci: failed\n")
    assert "large@cpu/layer[memory]" in ran.summary
    assert json.loads(ran.artifact("ttci-reports", "report.json"))["verdict"] == "failed"


def test_fan_out_has_a_job_for_each_pair_and_one_report_of_all_whatever_they_came_to(
    act: Act, tmp_path: Path
) -> None:
    ran = run(act, tmp_path, fan_out())
    assert ran.code == 1, ran.log
    assert {*ran.jobs} == {"Plan", "green@cpu", "large@cpu", "Report"}
    assert ran.outputs("green@cpu", "report")["verdict"] == "passed", ran.log
    assert ran.outputs("large@cpu", "report")["verdict"] == "failed"
    assert ran.jobs["Report"] == "failure"
    counts = {"verdict": "failed", "passed": "3", "failed": "1", "missed": "1"}
    assert ran.outputs("Report", "report").items() >= counts.items()
    [annotation] = ran.annotations
    assert annotation.startswith(MISSED)
    assert ran.summary.count("## ❌ ttci: failed\n") == 1
    pairs = {"ttci-pairs (green@cpu)", "ttci-pairs (large@cpu)"}
    assert {*ran.uploaded} == {*pairs, "ttci-pairs plan", "ttci-report"}
    report = json.loads(ran.artifact("ttci-report", "report.json"))
    assert [pair["pair"] for pair in report["pairs"]] == ["green@cpu", "large@cpu"]
