"""The sessions that a user's noxfile gets: two lines, and the environments that pairs run in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Project, clean_environment

NOXFILE = "from ttci.nox import model_sessions\n\nmodel_sessions()\n"
MANIFEST = """\
[devices.cpu]
backend = "torch"

[devices.gpu]
backend = "torch"
on-demand = true

[models.tiny]
source = "model.py"
devices = ["cpu", "gpu"]
"""


def nox(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nox", *arguments]
    return subprocess.run(
        command, cwd=folder, env=clean_environment(), capture_output=True, text=True, check=False
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "noxfile.py").write_text(NOXFILE, encoding="utf-8")
    (tmp_path / "models_manifest.toml").write_text(MANIFEST, encoding="utf-8")
    (tmp_path / "model.py").write_text("", encoding="utf-8")
    return tmp_path


def test_two_lines_give_a_session_for_all_models_and_one_for_each_pair_which_nox_alone_leaves_out(
    repository: Path,
) -> None:
    listed = nox(repository, "-l").stdout
    assert "* models ->" in listed
    assert "- pair(tiny@cpu) ->" in listed
    assert "- pair(tiny@gpu) ->" in listed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tony"], 'unknown model "tony"; did you mean "tiny"?'),
        (["tiny", "--device", "gpu0"], 'unknown device "gpu0"; did you mean "gpu"?'),
    ],
)
def test_unknown_name_ends_the_session_with_what_there_is(
    repository: Path, arguments: list[str], said: str
) -> None:
    done = nox(repository, "-s", "models", "--", *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_noxfile_without_a_manifest_says_what_writes_one(repository: Path) -> None:
    (repository / "models_manifest.toml").unlink()
    done = nox(repository, "-s", "models", "--", "tiny")
    assert done.returncode == 1
    assert "models_manifest.toml: No such file or directory" in done.stderr
    assert "ttci init" in done.stderr
    assert "Traceback" not in done.stderr


def test_requirements_that_do_not_resolve_are_said_at_their_line_and_leave_no_environment(
    project: Project,
) -> None:
    requirement = '\n[environment]\nrequirements = ["no-such-package-of-anybody==1.0"]\n'
    manifest = project.path / "models_manifest.toml"
    manifest.write_text(manifest.read_text(encoding="utf-8") + requirement, encoding="utf-8")
    line = len(manifest.read_text(encoding="utf-8").splitlines())
    done = project.ttci("run", "tiny", "--isolated", PIP_NO_INDEX="1")
    assert done.code == 2
    assert f"models_manifest.toml:{line}: environment.requirements: pip could not install" in done.output
    assert "no-such-package-of-anybody" in done.output
    assert "Traceback" not in done.output
    assert not (project.path / ".nox" / "pair-torch" / "installed.txt").exists()
