"""The input compare of action.yml: a pull request is measured beside its base, in real repositories."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.action.steps import Steps
from tests.repositories import MODEL, event, git
from ttci.artifacts import names

LARGER = dedent(MODEL).replace("nn.Linear(8, 8)", "nn.Linear(8, 64)")
pytestmark = pytest.mark.usefixtures("_needs_torch")


@dataclass
class Change:
    """A pull request in the clone of the steps, and what GitHub's runner says of it."""

    steps: Steps
    folder: Path

    def make(self, **files: str) -> dict[str, str]:
        """Commit these files to a branch, and check out what GitHub's merge of it is, one commit deep."""
        clone, remote = self.steps.repository.clone, self.steps.repository.remote
        base = git(clone, "rev-parse", "main")
        git(clone, "checkout", "-q", "-b", "change")
        for name, text in files.items():
            (clone / name).write_text(text)
        git(clone, "add", ".")
        git(clone, "commit", "-q", "-m", "change")
        head = git(clone, "rev-parse", "HEAD")
        git(clone, "checkout", "-q", "--detach", "main")
        git(clone, "merge", "-q", "--no-ff", "-m", "merge", "change")
        git(clone, "push", "-q", "origin", "HEAD:refs/pull/7/merge")
        self._check_out_shallow(clone, remote)
        asked = {"base": {"sha": base}, "head": {"sha": head}}
        return event(self.folder, "pull_request", "refs/pull/7/merge", pull_request=asked)

    @staticmethod
    def _check_out_shallow(clone: Path, remote: Path) -> None:
        shutil.rmtree(clone)
        clone.mkdir()
        git(clone, "init", "-q")
        git(clone, "remote", "add", "origin", remote.as_uri())
        git(clone, "fetch", "-q", "--depth=1", "origin", "+refs/pull/7/merge:refs/remotes/pull/7/merge")
        git(clone, "checkout", "-q", "--detach", "refs/remotes/pull/7/merge")

    def run(self, said: dict[str, str], **inputs: str) -> tuple[dict[str, str], str]:
        """Test, compare and report; the outputs of the last and the log of all."""
        told = {"history": "off", "compare": "base", "summary": "true", "annotations": "true"} | inputs
        said = said | {"GITHUB_STEP_SUMMARY": str(self.summary)}
        self.summary.write_text("")
        tested, log = self.steps.run("test", said, **told)
        said = said | {"TTCI_RUN_EXIT_CODE": tested["exit-code"]}
        compared, more = self.steps.run("compare", said, **told)
        said = said | {"TTCI_COMPARE_EXIT_CODE": compared.get("exit-code", "")}
        outputs, last = self.steps.run("report", said, **told)
        return outputs, log + more + last

    @property
    def summary(self) -> Path:
        """Of the job."""
        return self.folder / "summary.md"

    def comparison(self) -> Any:
        """What comparison.json holds; None where there is none."""
        path = self.steps.repository.clone / "reports" / names.COMPARISON
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


@pytest.fixture
def change(steps: Steps, tmp_path: Path) -> Change:
    return Change(steps, tmp_path)


def marks(log: str) -> list[str]:
    """The lines that GitHub turns into marks."""
    return [line for line in log.splitlines() if line.startswith(("::error", "::warning", "::notice"))]


@pytest.mark.parametrize(("fail_on", "code", "level"), [("drift", "1", "error"), ("failure", "0", "warning")])
def test_a_pull_request_that_is_worse_than_its_base_is_marked_and_fails_where_asked(
    change: Change, fail_on: str, code: str, level: str
) -> None:
    outputs, log = change.run(change.make(**{"model.py": LARGER}), fail_on=fail_on)
    assert outputs["exit-code"] == code, log
    assert (outputs["verdict"], outputs["slower-than-base"], outputs["slower"]) == ("passed", "1", "")
    [mark] = marks(log)
    assert mark.startswith(f"::{level} file=model.py,line=8,title=green@cpu/layer[memory]::")
    assert "memory_mb is slower than " in mark
    summary = change.summary.read_text(encoding="utf-8")
    assert "### Measured beside " in summary
    assert "🐢 slower" in summary
    assert (change.steps.repository.clone / "reports" / names.COMPARISON_PAGE).is_file()


def test_a_pull_request_that_changes_nothing_that_is_measured_ends_well(change: Change) -> None:
    said = change.make(**{"model.py": dedent(MODEL) + "# a remark\n"})
    outputs, log = change.run(said, fail_on="drift")
    assert (outputs["exit-code"], outputs["slower-than-base"]) == ("0", "0"), log
    assert [figure["comparison"] for figure in change.comparison()["figures"]] == ["same"]
    assert marks(log) == []


def test_what_concerns_no_pair_is_not_compared_and_that_is_said(change: Change) -> None:
    outputs, log = change.run(change.make(**{"README.md": "new\n"}), fail_on="drift")
    assert (outputs["exit-code"], outputs["slower-than-base"]) == ("0", ""), log
    assert change.comparison() is None
    said = "the change concerns no pair that was tested here"
    assert log.count(f"not compared: {said}") == 1
    assert f"Not compared with the base: {said}." in change.summary.read_text(encoding="utf-8")


def test_a_push_is_not_compared_and_that_is_said_once(change: Change, tmp_path: Path) -> None:
    outputs, log = change.run(event(tmp_path))
    assert outputs["exit-code"] == "0", log
    assert log.count("not compared: this run has no base (push)") == 1
    assert log.count("not compared") == 1
    assert "ot compared" not in change.summary.read_text(encoding="utf-8")
    assert change.comparison() is None


def pushed(change: Change, text: str) -> dict[str, str]:
    """A push of a model file to the default branch."""
    clone = change.steps.repository.clone
    before = git(clone, "rev-parse", "main")
    (clone / "model.py").write_text(text)
    git(clone, "commit", "-q", "-a", "-m", "change")
    git(clone, "push", "-q", "origin", "main")
    return event(change.folder, before=before, after=git(clone, "rev-parse", "HEAD"))


def test_a_push_is_compared_with_the_commit_before_where_that_is_asked_for(change: Change) -> None:
    outputs, log = change.run(pushed(change, LARGER), compare="push", fail_on="drift")
    assert (outputs["exit-code"], outputs["slower-than-base"]) == ("1", "1"), log
    assert "memory_mb is slower than " in marks(log)[0]


def test_the_first_push_of_a_branch_has_nothing_to_be_compared_with(change: Change) -> None:
    said = event(
        change.folder, before="0" * 40, after=git(change.steps.repository.clone, "rev-parse", "HEAD")
    )
    outputs, log = change.run(said, compare="push")
    assert outputs["exit-code"] == "0", log
    assert log.count("not compared: this run has no base (push)") == 1


def test_a_base_that_cannot_be_fetched_is_an_error_that_says_what_to_write(change: Change) -> None:
    said = change.make(**{"model.py": LARGER})
    git(change.steps.repository.clone, "remote", "set-url", "origin", "/nowhere.git")
    outputs, log = change.run(said, fail_on="never")
    assert (outputs["exit-code"], outputs["verdict"]) == ("2", "wrong-input")
    [mark] = marks(log)
    assert mark.startswith("::error title=ttci::compare: ")
    assert mark.endswith("give actions/checkout the input fetch-depth: 0")


def test_a_base_that_does_not_run_is_said_and_no_failure_of_the_pull_request(change: Change) -> None:
    clone = change.steps.repository.clone
    (clone / "model.py").write_text("raise RuntimeError('broken before')\n")
    git(clone, "commit", "-q", "-a", "-m", "break")
    git(clone, "push", "-q", "origin", "main")
    outputs, log = change.run(change.make(**{"model.py": dedent(MODEL)}), fail_on="drift")
    assert (outputs["exit-code"], outputs["slower-than-base"]) == ("0", "0"), log
    [mark] = marks(log)
    assert mark.startswith("::warning title=green@cpu::fails in the base: ")
    assert "broken before" in change.summary.read_text(encoding="utf-8")


def test_tests_that_could_not_be_run_are_not_compared(change: Change) -> None:
    said = change.make(**{"models_manifest.toml": "no toml"})
    outputs, log = change.run(said)
    assert (outputs["exit-code"], outputs["verdict"]) == ("2", "wrong-input")
    assert "not compared: the tests could not be run" in log
    assert len(marks(log)) == 1


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"compare": "bsae"}, 'compare: unknown value "bsae"; did you mean "base"?'),
        ({"compare_seconds": "a minute"}, 'compare-seconds: "a minute" is not a whole number'),
    ],
)
def test_wrong_inputs_are_said_once(
    change: Change, tmp_path: Path, inputs: dict[str, str], message: str
) -> None:
    outputs, log = change.run(event(tmp_path), **inputs)
    assert (outputs["exit-code"], outputs["verdict"]) == ("2", "wrong-input")
    [mark] = marks(log)
    assert message in mark
