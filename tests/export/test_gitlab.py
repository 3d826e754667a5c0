"""ttci report --format gitlab: what merge requests read, by the rules of GitLab's own readers."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.pair_folders import latency, leave, missed, result_of, run_of, throughput
from ttci.cli.main import main
from ttci.export.gitlab import code_quality
from ttci.report import FAIL_ON
from ttci.report.finding import Finding, Place
from ttci.report.ranking import Rank
from ttci.results import Outcome, Result

PAIR = "llama3@n150"
ELSEWHERE = Place("models_manifest.toml", 1)
# What https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format asks for; GitLab's reader
# (app/validators/json_schemas/codeclimate.json of its source) is content with less.
CODE_QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^(?!/|\\./|\\.\\./).+$"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}


@pytest.fixture(autouse=True)
def _no_github(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def reported(folder: Path, *results: Result, code: int = 1) -> Path:
    """The folder of a report for GitLab."""
    leave(folder, run_of(PAIR, *results))
    assert main(["report", str(folder), "--format", "gitlab"]) == code
    return folder


def quality_in(folder: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((folder / "gl-code-quality-report.json").read_text("utf-8"))
    jsonschema.validate(entries, CODE_QUALITY)
    return entries


def places_of(entries: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(entry["location"]["path"], entry["location"]["lines"]["begin"]) for entry in entries]


class TestCodeQuality:
    def test_each_finding_has_its_severity_rule_and_place(self, tmp_path: Path) -> None:
        folder = reported(
            tmp_path,
            missed(PAIR, value=6.0, target=5.0),
            result_of(PAIR, "wrong", outcome=Outcome.FAILED, message="correlation 0.3"),
            result_of(PAIR, "absent", outcome=Outcome.UNAVAILABLE, message="no implementation"),
            result_of(PAIR, "better", measurements=[latency(3.0)]),
            result_of(PAIR, "well"),
        )
        entries = quality_in(folder)
        said = [(entry["severity"], entry["check_name"]) for entry in entries]
        assert said == [
            ("critical", "ttci/wrong"),
            ("major", "ttci/missed"),
            ("minor", "ttci/unavailable"),
            ("info", "ttci/improved"),
        ]
        assert places_of(entries)[:2] == [("models/llama3/model.py", 63), ("models_manifest.toml", 88)]
        assert entries[1]["description"].startswith(
            f"{PAIR}/attention[performance]: latency_ms missed its target"
        )

    def test_nothing_found_is_an_empty_list(self, tmp_path: Path) -> None:
        assert quality_in(reported(tmp_path, result_of(PAIR), code=0)) == []

    def test_fingerprint_is_that_of_the_check_whatever_was_measured_and_wherever_it_stands(
        self, tmp_path: Path
    ) -> None:
        moved = missed(PAIR, 60.0).model_copy(update={"config": result_of(PAIR, declared_at="a.py:1").config})
        before, after = (
            quality_in(reported(tmp_path / str(index), result, missed(PAIR, test=f"other{index}")))
            for index, result in enumerate((missed(PAIR, 6.0), moved))
        )
        prints = [{e["fingerprint"] for e in entries} for entries in (before, after)]
        assert len(prints[0] & prints[1]) == 1
        assert len(prints[0] | prints[1]) == 3

    def test_no_two_findings_share_a_fingerprint(self, tmp_path: Path) -> None:
        folder = reported(
            tmp_path,
            result_of(PAIR, measurements=[latency(3.0), throughput(90.0)]),
            code=0,
        )
        entries = quality_in(folder)
        assert len(entries) == 2
        assert len({entry["fingerprint"] for entry in entries}) == 2

    def test_what_has_no_place_of_its_own_points_at_the_manifest(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
        (tmp_path / "inner").mkdir()
        monkeypatch.chdir(tmp_path / "inner")
        leave(Path("reports"), run_of(PAIR, is_finished=False))
        for manifest in ("my.toml", str(tmp_path / "inner" / "my.toml")):
            assert main(["report", "reports", "--format", "gitlab", "--manifest", manifest]) == 4
            entries = quality_in(Path("reports"))
            assert places_of(entries) == [("inner/my.toml", 1)]
            assert entries[0]["severity"] == "blocker"

    @pytest.mark.parametrize("fail_on", FAIL_ON)
    def test_slower_weighs_more_where_the_report_fails_on_it(self, fail_on: str) -> None:
        (entry,) = code_quality([Finding(Rank.SLOWER, PAIR, "slower")], ELSEWHERE, fail_on)
        assert entry["severity"] == ("major" if fail_on in ("regression", "drift") else "minor")

    def test_any_text_is_one_short_line(self) -> None:
        text = "a\n::error::forged\r\n\x1b[31m" + "x" * 100_000
        entries = code_quality(
            [Finding(Rank.ERROR, f"{PAIR}/t\udce4[correctness]", text)], ELSEWHERE, "never"
        )
        jsonschema.validate(entries, CODE_QUALITY)
        assert len(entries[0]["description"].splitlines()) == 1
        assert len(entries[0]["description"]) <= 1000


STATUSES = {"failure": "failed", "error": "error", "skipped": "skipped"}


def cases_as_gitlab_reads_them(
    node: ET.Element, suite: str | None = None
) -> Iterator[tuple[str, str, str | None]]:
    """Key, status and output of each case, as GitLab's lib/gitlab/ci/parsers/test/junit.rb has them.

    It looks into one ``<testsuites>``, and any ``<testsuite>`` of it; two cases of one suite, class
    and name are one; of what is inside a case the first of these tags counts.
    """
    for case in node.findall("testcase"):
        found = [(status, element) for tag, status in STATUSES.items() for element in case.findall(tag)]
        status, said = (found[0][0], found[0][1].text) if found else ("success", None)
        yield f"{suite}_{case.get('classname')}_{case.get('name')}", status, said
    for inner in node.findall("testsuite"):
        yield from cases_as_gitlab_reads_them(inner, inner.get("name"))


def test_the_usual_junit_file_is_one_that_gitlab_reads(tmp_path: Path) -> None:
    for pair in (PAIR, "llama3@cpu"):
        results = [
            result_of(pair),
            result_of(pair, "wrong", outcome=Outcome.FAILED, message="correlation 0.3"),
            result_of(pair, "crash", outcome=Outcome.ERROR, message="killed by\nSIGSEGV"),
            result_of(pair, "absent", outcome=Outcome.UNAVAILABLE, message="no implementation"),
        ]
        leave(tmp_path, run_of(pair, *results))
    assert main(["report", str(tmp_path), "--format", "gitlab"]) == 1
    root = ET.parse(tmp_path / "junit.xml").getroot()
    assert root.tag == "testsuites"
    cases = list(cases_as_gitlab_reads_them(root))
    assert len({key for key, _, _ in cases}) == 8
    assert {(status, said) for _, status, said in cases} == {
        ("success", None),
        ("failed", "correlation 0.3"),
        ("error", "killed by\nSIGSEGV"),
        ("skipped", "no implementation"),
    }


class TestMetrics:
    def samples(self, folder: Path) -> dict[tuple[str, str], float]:
        text = (folder / "metrics.txt").read_text("utf-8")
        return {
            (sample.name, sample.labels["id"]): sample.value
            for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
            for sample in family.samples
        }

    def test_they_are_open_metrics_with_a_gauge_for_each_figure(self, tmp_path: Path) -> None:
        folder = reported(
            tmp_path,
            result_of(PAIR, "a", measurements=[latency(4.25), throughput(30.0)]),
            result_of(PAIR, "b", measurements=[latency(1e-7, None)]),
            code=0,
        )
        assert self.samples(folder) == {
            ("ttci_latency_ms", f"{PAIR}/a[correctness]"): 4.25,
            ("ttci_latency_ms", f"{PAIR}/b[correctness]"): 1e-7,
            ("ttci_tokens_per_s_per_user", f"{PAIR}/a[correctness]"): 30.0,
        }

    def test_any_name_is_a_label_and_a_metric(self, tmp_path: Path) -> None:
        name = 'a "b" \\n } 1'
        strange = latency(1.0, None).model_copy(update={"name": "p99 latency/ms"})
        folder = reported(tmp_path, result_of(PAIR, name, measurements=[strange]), code=0)
        assert self.samples(folder) == {("ttci_p99_latency_ms", f"{PAIR}/{name}[correctness]"): 1.0}

    def test_no_figures_are_an_empty_file_of_the_format(self, tmp_path: Path) -> None:
        assert (reported(tmp_path, code=0) / "metrics.txt").read_text("utf-8") == "# EOF\n"


def test_other_formats_leave_none_of_these_files(tmp_path: Path) -> None:
    leave(tmp_path, run_of(PAIR))
    assert main(["report", str(tmp_path)]) == 0
    assert not [
        file.name
        for file in tmp_path.iterdir()
        if file.name in ("gl-code-quality-report.json", "metrics.txt")
    ]


def test_annotations_of_github_are_no_format_of_gitlab(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(tmp_path, run_of(PAIR, missed(PAIR)))
    assert main(["report", str(tmp_path), "--format", "gitlab", "--annotations"]) == 2
    assert capsys.readouterr().err == "--annotations: --format gitlab has none; they are GitHub's\n"
    assert not (tmp_path / "junit.xml").exists()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert main(["report", str(tmp_path), "--format", "gitlab"]) == 1
    assert "::error" not in capsys.readouterr().out


def test_unknown_format_names_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["report", str(tmp_path), "--format", "gitlap"])
    assert ended.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "'gitlap'" in said
    assert all(name in said for name in ("github", "gitlab", "buildkite"))


def test_folder_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path / "reports", run_of(PAIR))
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "out"
    assert main(["report", str(tmp_path / "reports"), "--format", "gitlab", "--out", str(out)]) == 2
    assert capsys.readouterr().err == f"--out {out}: Not a directory\n"
