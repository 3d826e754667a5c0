"""ttci from any folder of a repository, and what ran last."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import Done, Project, clean_environment

MANIFEST = """\
[devices.cpu]
backend = "torch"

[models.good]
source = "model.py::Tiny"
devices = ["cpu"]

[models.bad]
source = "model.py::OneBad"
devices = ["cpu"]
"""


def ttci(project: Project, folder: str, *arguments: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "ttci", *arguments],
        cwd=project.path / folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout)


def test_manifest_is_looked_for_upwards_and_paths_are_relative_to_where_one_stands(project: Project) -> None:
    project.write("nets/deep/empty.py", "")
    assert ttci(project, "nets/deep", "plan", "tiny").lines[1].startswith("tiny@cpu")
    project.write("models_manifest.toml", "[devices.cpu]\nbackend = 'torhc'\n")
    done = ttci(project, "nets/deep", "list")
    assert done.code == 2
    assert done.output.startswith(
        '../../models_manifest.toml:2: devices.cpu.backend: unknown backend "torhc"'
    )


def test_nearest_manifest_wins_and_one_that_is_named_is_taken(project: Project) -> None:
    project.write("nets/models_manifest.toml", MANIFEST.replace("model.py", "../model.py"))
    assert "good@cpu" in ttci(project, "nets", "plan").output
    assert "tiny@cpu" in ttci(project, "nets", "plan", "--manifest", "../models_manifest.toml").output


def test_reports_lie_beside_the_manifest_and_are_read_there(project: Project) -> None:
    project.write("nets/empty.py", "")
    run = ttci(project, "nets", "run", "tiny", "--device", "cpu", "--", "-k", "correctness")
    assert run.code == 0, run.output
    assert (project.path / "reports" / "tiny@cpu" / "run.json").is_file()
    assert not (project.path / "nets" / "reports").exists()
    report = ttci(project, "nets", "report")
    assert report.code == 0, report.output
    assert "tiny@cpu" in report.output


def test_no_manifest_anywhere_is_said_with_what_writes_one(project: Project) -> None:
    (project.path / "models_manifest.toml").unlink()
    done = ttci(project, ".", "list")
    assert done.code == 2
    advice = "name one with --manifest PATH, or write one: ttci init"
    assert done.output == f"models_manifest.toml: No such file or directory; {advice}\n"


@pytest.fixture
def two_models(project: Project) -> Project:
    project.write("models_manifest.toml", MANIFEST)
    return project


def test_failed_runs_what_was_not_well_last_time_and_nothing_else(two_models: Project) -> None:
    chosen = ("--", "-k", "correctness")
    assert two_models.ttci("run", "--failed").code == 2
    assert two_models.ttci("run", *chosen).code == 1
    again = two_models.ttci("run", "--failed", *chosen)
    assert again.code == 1
    assert "good@cpu is not run: well when it ran last" in again.lines
    assert again.output.count("bad@cpu/bad[correctness]") > 0
    assert "good@cpu/lin" not in again.output
    model = (two_models.path / "model.py").read_text(encoding="utf-8")
    two_models.write("model.py", model.replace('x * float("nan")', "x * 2.0"))
    assert two_models.ttci("run", "--failed", *chosen).code == 0
    last = two_models.ttci("run", "--failed", *chosen)
    assert (last.code, last.lines[-1]) == (
        0,
        "nothing is run: every chosen pair is unchanged, or was well when it ran last",
    )
