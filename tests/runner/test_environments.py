"""The environments of pairs: which pairs share one, and what makes it be made anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import Project
from ttci.errors import InputError
from ttci.manifest import load_manifest
from ttci.planning.plan import plan
from ttci.runner.environments import PairEnvironment

MANIFEST = """\
[environment]
requirements = [".", "-r requirements.txt", "einops"]

[devices.cpu]
backend = "torch"

[devices.quick]
backend = "torch"

[devices.own]
backend = "torch"
requirements = ["-c constraints.txt"]

[models.tiny]
source = "model.py"
devices = ["cpu", "quick", "own"]
"""
FILES = {
    "model.py": "",
    "pyproject.toml": '[project]\nname = "own"\ndependencies = []\n\n[tool.ruff]\nline-length = 80\n',
    "requirements.txt": "-r more.txt\n",
    "more.txt": "safetensors\n",
    "constraints.txt": "einops<1\n",
    "models_manifest.toml": MANIFEST,
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path)
    for name, text in FILES.items():
        made.write(name, text)
    monkeypatch.delenv("PIP_CONSTRAINT", raising=False)
    return made


def environment(project: Project, device: str = "cpu") -> PairEnvironment:
    manifest = load_manifest(project.path / "models_manifest.toml")
    [job] = plan(manifest, ["tiny"], [device]).jobs
    return PairEnvironment.of(manifest, job)


def change(project: Project, name: str, old: str, new: str) -> None:
    path = project.path / name
    assert old in path.read_text(encoding="utf-8")
    project.write(name, path.read_text(encoding="utf-8").replace(old, new))


def test_devices_of_a_backend_share_one_and_a_device_with_requirements_has_its_own(project: Project) -> None:
    folders = {device: environment(project, device).folder.name for device in ("cpu", "quick", "own")}
    assert folders == {"cpu": "pair-torch", "quick": "pair-torch", "own": "pair-torch-own"}
    assert environment(project, "own").requirements == (
        *(".", "-r requirements.txt", "einops"),
        "-c constraints.txt",
    )


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("models_manifest.toml", '"einops"', '"einops>=0.8"'),
        ("requirements.txt", "-r more.txt", "-r more.txt\ntransformers"),
        ("more.txt", "safetensors", "safetensors==0.5"),
        ("constraints.txt", "einops<1", "einops<2"),
        ("pyproject.toml", "dependencies = []", 'dependencies = ["einops"]'),
    ],
)
def test_it_is_made_anew_when_what_goes_in_changes(project: Project, name: str, old: str, new: str) -> None:
    before = environment(project, "own").fingerprint()
    assert environment(project, "own").fingerprint() == before
    change(project, name, old, new)
    assert environment(project, "own").fingerprint() != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("pyproject.toml", "line-length = 80", "line-length = 90"),
        (
            "models_manifest.toml",
            '[devices.quick]\nbackend = "torch"',
            '[devices.quick]\nbackend = "torch"\nworkers = 2',
        ),
    ],
)
def test_it_is_kept_when_something_else_changes(project: Project, name: str, old: str, new: str) -> None:
    before = environment(project).fingerprint()
    change(project, name, old, new)
    assert environment(project).fingerprint() == before


def test_pyproject_that_is_no_toml_is_left_for_pip_to_explain(project: Project) -> None:
    before = environment(project).fingerprint()
    project.write("pyproject.toml", "not TOML")
    assert environment(project).fingerprint() != before


def test_constraints_of_pip_itself_count(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = environment(project).fingerprint()
    monkeypatch.setenv("PIP_CONSTRAINT", str(project.path / "constraints.txt"))
    constrained = environment(project).fingerprint()
    assert constrained != before
    change(project, "constraints.txt", "einops<1", "einops<2")
    assert environment(project).fingerprint() != constrained


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_that_cannot_be_written_is_said(project: Project) -> None:
    project.path.chmod(0o555)
    try:
        with pytest.raises(InputError, match="Permission denied"):
            environment(project).make()
    finally:
        project.path.chmod(0o755)
