"""ttci report --format buildkite: the annotation of a build, and the command that shows it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.pair_folders import leave, missed, result_of, run_of
from ttci.cli.main import main
from ttci.results import Outcome, Result

PAIR = "llama3@n150"
ABSENT = result_of(PAIR, outcome=Outcome.UNAVAILABLE, message="no implementation")


@pytest.fixture(autouse=True)
def _no_github(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("result", "code", "style"),
    [(result_of(PAIR), 0, "success"), (missed(PAIR), 1, "error"), (ABSENT, 3, "warning")],
)
def test_a_line_shows_the_annotation_in_the_style_of_the_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], result: Result, code: int, style: str
) -> None:
    folder = tmp_path / "my reports"
    leave(folder, run_of(PAIR, result))
    assert main(["report", str(folder), "--format", "buildkite"]) == code
    file = folder / "buildkite-annotation.md"
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("buildkite-agent")]
    command = shlex.split(line)
    shown = ["buildkite-agent", "annotate", "--style", style, "--context", "ttci", "<", str(file)]
    assert command == shown
    assert file.read_text("utf-8") == (folder / "summary.md").read_text("utf-8")


def test_large_annotation_keeps_to_the_limit_of_buildkite(tmp_path: Path) -> None:
    leave(tmp_path, run_of(PAIR, *(missed(PAIR, test=f"🐍{index}") for index in range(6000))))
    assert main(["report", str(tmp_path), "--format", "buildkite"]) == 1
    assert 2**19 < (tmp_path / "buildkite-annotation.md").stat().st_size <= 2**20


def test_json_on_standard_output_stays_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(tmp_path, run_of(PAIR))
    assert main(["report", str(tmp_path), "--format", "buildkite", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["verdict"] == "passed"
    assert printed.err.startswith("buildkite-agent annotate --style success ")
