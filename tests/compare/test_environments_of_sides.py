"""Which environment each side is measured in."""

from __future__ import annotations

import sys
from pathlib import Path

from ttci.compare.environments import base_environment, pythons
from ttci.manifest import Manifest, load_manifest
from ttci.planning.plan import Job, plan
from ttci.runner.environments import PairEnvironment

MANIFEST = """
[environment]
requirements = ["einops==VERSION"]
[devices.cpu]
backend = "torch"
[models.tiny]
source = "model.py::Tiny"
devices = ["cpu"]
"""


def manifest_in(folder: Path, version: str) -> Manifest:
    folder.mkdir()
    (folder / "model.py").touch()
    path = folder / "models_manifest.toml"
    path.write_text(MANIFEST.replace("VERSION", version))
    return load_manifest(path)


def job_of(manifest: Manifest) -> Job:
    return plan(manifest, []).jobs[0]


def test_one_python_serves_both_where_both_require_the_same(tmp_path: Path) -> None:
    head, base = manifest_in(tmp_path / "head", "0.8.0"), manifest_in(tmp_path / "base", "0.8.0")
    kept = tmp_path / "head" / ".nox"
    own = pythons(head, base, job_of(head), kept, is_isolated=False)
    assert own == (Path(sys.executable), Path(sys.executable))
    assert pythons(head, None, job_of(head), kept, is_isolated=False) == own


def test_a_base_that_requires_others_has_an_environment_of_its_own_that_outlives_its_checkout(
    tmp_path: Path,
) -> None:
    head, base = manifest_in(tmp_path / "head", "0.8.0"), manifest_in(tmp_path / "base", "0.7.0")
    kept = tmp_path / "head" / ".nox"
    own = PairEnvironment.of(head, job_of(head))
    other = base_environment(own, base, job_of(head), kept)
    assert other is not None
    assert other.requirements == ("einops==0.7.0",)
    assert other.folder.parent == kept
    assert other.folder != own.folder
    assert other.folder.name.startswith("compare-torch-")
