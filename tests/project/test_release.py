"""A release: what is published is what was checked, and a tag that is not the version's is refused."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import ttci
from tests.root import ROOT

PROJECT = 'urls = { Homepage = "https://github.com/somebody/ttci" }\n'
CHANGES = """# Changelog

## 0.10.0 (2027-02-03)

- New things,
  on two lines.

### Details

- More.

## 0.1.0 (2026-11-27)

- Old things.
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree that may be released as v0.10.0."""
    (tmp_path / "ttci").mkdir()
    (tmp_path / "ttci" / "__init__.py").write_text('"""ttci."""\n\n__version__ = "0.10.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGES)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    return tmp_path


def checked(tree: Path, tag: str) -> tuple[int, str, str]:
    """How the check of a tag ends, its notes, and what it finds wrong."""
    script = ROOT / "tests" / "github" / "check_release.py"
    done = subprocess.run(
        [sys.executable, script, tag], cwd=tree, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_notes_are_what_the_changelog_says_of_the_version(tree: Path) -> None:
    notes = "- New things,\n  on two lines.\n\n### Details\n\n- More.\n"
    assert checked(tree, "v0.10.0") == (0, notes, "")


@pytest.mark.parametrize("tag", ["v0.1.0", "0.10.0", "v0.10.0.1", "v0", "v0.10.0rc1"])
def test_tag_that_is_not_the_version_is_refused(tree: Path, tag: str) -> None:
    said = f"ttci/__init__.py: the version is 0.10.0, and the tag {tag}; the tag is to be v0.10.0\n"
    assert checked(tree, tag) == (1, "", said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ("## 0.1.0\n\n- Old.\n", "nothing is said of 0.10.0; give it a heading, ## 0.10.0"),
        ("## 0.10.0\n\n## 0.1.0\n\n- Old.\n", "nothing is said of 0.10.0; give it a heading, ## 0.10.0"),
        ("## 0.10.0 (unreleased)\n\n- New.\n", "0.10.0 is called (unreleased); put the date there"),
    ],
)
def test_version_of_which_the_changelog_does_not_tell_is_refused(tree: Path, changes: str, said: str) -> None:
    (tree / "CHANGELOG.md").write_text(changes)
    assert checked(tree, "v0.10.0") == (1, "", f"CHANGELOG.md: {said}\n")


def test_everything_that_is_wrong_is_said_at_once(tree: Path) -> None:
    (tree / "CHANGELOG.md").write_text("")
    (tree / "pyproject.toml").write_text(PROJECT.replace("somebody", "OWNER"))
    code, notes, said = checked(tree, "v1.0.0")
    assert (code, notes, len(said.splitlines())) == (1, "", 3)
    assert said.splitlines()[2] == (
        "pyproject.toml: links lead to github.com/OWNER; put the owner of the repository there"
    )


def test_it_reads_the_files_of_this_tree(tmp_path: Path) -> None:
    (tmp_path / "ttci").mkdir()
    for name in ("ttci/__init__.py", "CHANGELOG.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    changes = (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8").replace("(unreleased)", "(2026-12-01)")
    (tmp_path / "CHANGELOG.md").write_text(changes, encoding="utf-8")
    project = (tmp_path / "pyproject.toml").read_text(encoding="utf-8").replace("OWNER", "somebody")
    (tmp_path / "pyproject.toml").write_text(project, encoding="utf-8")
    code, notes, said = checked(tmp_path, f"v{ttci.__version__}")
    assert (code, said) == (0, "")
    [first] = re.findall(r"^## .*\n\n(.+)$", changes, re.MULTILINE)[:1]
    assert notes.startswith(first)


class TestWorkflow:
    workflow: Any = yaml.load(
        (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8"), yaml.BaseLoader
    )

    def steps(self, job: str) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = self.workflow["jobs"][job]["steps"]
        return steps

    def test_only_a_tag_of_a_version_starts_it(self) -> None:
        assert self.workflow["on"] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}

    def test_tag_is_checked_before_anything_else_is_done(self) -> None:
        runs = [step["run"] for step in self.steps("build") if "run" in step]
        assert 'tests/github/check_release.py "$GITHUB_REF_NAME"' in runs[0]
        assert runs[-1] == "nox -s tests_quick dist"

    def test_job_that_publishes_runs_nothing_else_and_holds_no_secret(self) -> None:
        job = self.workflow["jobs"]["publish"]
        assert (job["needs"], job["environment"]["name"]) == ("build", "pypi")
        used = [step["uses"].partition("@")[0] for step in job["steps"]]
        assert used == ["actions/download-artifact", "pypa/gh-action-pypi-publish"]
        assert job["steps"][-1]["with"] == {"attestations": "true"}
        assert "secrets" not in str(self.workflow)

    def test_release_on_github_follows_what_is_published(self) -> None:
        job = self.workflow["jobs"]["release"]
        assert job["needs"] == "publish"
        release, move = (step["run"] for step in job["steps"] if "run" in step)
        assert release.startswith('gh release create "$GITHUB_REF_NAME" artifacts/dist/* --verify-tag')
        assert "gh api" in move


GH = """#!/bin/sh
echo "$@" >> "$CALLS"
[ "$3" != PATCH ] || exit "$PATCH_ENDS_WITH"
"""


@pytest.mark.parametrize("is_there", [True, False])
def test_tag_of_the_major_version_is_moved_or_made(tmp_path: Path, is_there: bool) -> None:
    script = TestWorkflow().steps("release")[-1]["run"]
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "CALLS": str(tmp_path / "calls"),
        "PATCH_ENDS_WITH": "0" if is_there else "1",
        "GITHUB_REF_NAME": "v0.10.0",
        "GITHUB_SHA": "abc",
        "GH_REPO": "somebody/ttci",
    }
    subprocess.run(["bash", "-e", "-c", script], env=environment, check=True)
    refs = "repos/somebody/ttci/git/refs"
    moved = f"api --method PATCH {refs}/tags/v0 -f sha=abc -F force=true"
    made = f"api {refs} -f ref=refs/tags/v0 -f sha=abc"
    assert (tmp_path / "calls").read_text().splitlines() == ([moved] if is_there else [moved, made])
