"""ttci export: what other tools read, with their units and directions."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from tests.pair_folders import latency, leave, missed, result_of, run_of, throughput
from tests.root import ROOT
from ttci.cli.main import main
from ttci.export import FORMATS
from ttci.export.tt_benchmark_run import BenchmarkRun, schema_text
from ttci.results import Measurement, Outcome

SCHEMA = ROOT / "tt_benchmark_run.schema.json"
REGENERATE = "python -m ttci.export.tt_benchmark_run > tt_benchmark_run.schema.json"
PAIR = "llama3@n150"
ROUNDS = (4.0, 4.5, 5.0, 4.5, 9.0)
FIELDS = (
    *("run_start_ts", "run_end_ts", "run_type", "git_repo_name"),
    *("git_commit_hash", "git_commit_ts", "git_branch_name", "github_pipeline_id"),
    *("github_pipeline_link", "github_job_id", "user_name", "docker_image"),
    *("device_hostname", "device_ip", "device_info", "ml_model_name"),
    *("ml_model_type", "num_layers", "batch_size", "config_params"),
    *("precision", "dataset_name", "profiler_name", "input_sequence_length"),
    *("output_sequence_length", "image_dimension", "perf_analysis", "training"),
    *("measurements",),
)
MEASUREMENT_FIELDS = (
    *("step_start_ts", "step_end_ts", "iteration", "step_name"),
    *("step_warm_up_num_iterations", "name", "value", "target"),
    *("device_power", "device_temperature"),
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pair with a latency, a throughput, a memory and a correlation; the working directory above it."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_SERVER_URL", "GITHUB_ACTOR"):
        monkeypatch.delenv(name, raising=False)
    memory = Measurement(name="memory_mb", value=90.8, unit="MB", statistic="peak")
    unmeasured = Measurement(name="dram_mb", value=None, unit="MB")
    correlation = Measurement(name="correlation", value=0.9999, unit="1", direction="higher", target=0.999)
    timed = [latency(4.5, samples=ROUNDS), throughput(30.0)]
    run = run_of(
        PAIR,
        result_of(PAIR, measurements=[correlation]),
        result_of(PAIR, check="performance", measurements=timed),
        result_of(PAIR, check="memory", measurements=[memory, unmeasured]),
    )
    return leave(tmp_path / "reports", run)


def exported(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert main(["export", "--format", *arguments]) == code
    return json.loads(capsys.readouterr().out)


def test_benchmark_run_has_every_field_that_tenstorrent_reads(capsys: pytest.CaptureFixture[str]) -> None:
    run = exported(capsys, "tt-benchmark-run")
    assert tuple(run) == FIELDS
    assert all(tuple(measurement) == MEASUREMENT_FIELDS for measurement in run["measurements"])


def test_benchmark_run_says_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    run = exported(capsys, "tt-benchmark-run")
    known = {
        "run_start_ts": "2026-11-22T10:00:00Z",
        "run_end_ts": "2026-11-22T10:02:00Z",
        "run_type": "ttci_silicon",
        "git_commit_hash": "abc123",
        "git_branch_name": "main",
        "device_hostname": "rack7",
        "ml_model_name": "llama3",
        "precision": "bfloat16",
        "training": False,
        "github_pipeline_id": None,
    }
    assert {name: run[name] for name in known} == known
    assert run["device_info"]["device"] == "n150"
    figures = {(m["step_name"], m["name"]): (m["value"], m["target"]) for m in run["measurements"]}
    assert figures == {
        ("attention[correctness]", "correlation"): (0.9999, 0.999),
        ("attention[performance]", "latency_ms"): (4.5, 5.0),
        ("attention[performance]", "tokens_per_s_per_user"): (30.0, 20.0),
        ("attention[memory]", "memory_mb"): (90.8, None),
    }


def test_benchmark_run_names_the_workflow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/models")
    monkeypatch.setenv("GITHUB_RUN_ID", "12345")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    run = exported(capsys, "tt-benchmark-run")
    assert run["git_repo_name"] == "models"
    assert run["github_pipeline_id"] == 12345
    assert run["github_pipeline_link"] == "https://github.com/acme/models/actions/runs/12345"


def test_benchmark_run_is_valid_by_the_published_schema(capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    run = exported(capsys, "tt-benchmark-run")
    validator.validate(run)
    for name, wrong in (("run_type", None), ("measurements", [{}]), ("new", 1), ("batch_size", "many")):
        assert not validator.is_valid(run | {name: wrong}), name


def test_published_schema_is_current() -> None:
    assert SCHEMA.read_text() == schema_text(), f"run: {REGENERATE}"
    command = [sys.executable, "-W", "error", "-m", *REGENERATE.split()[2:3]]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stdout == schema_text()


def test_figure_that_stands_twice_in_a_step_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    run = exported(capsys, "tt-benchmark-run")
    with pytest.raises(ValidationError, match="is not unique"):
        BenchmarkRun.model_validate(run | {"measurements": run["measurements"][:1] * 2})


def test_benchmark_runs_of_several_pairs_are_a_file_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path / "reports", run_of("bert@cpu"))
    assert main(["export", "--format", "tt-benchmark-run"]) == 2
    assert capsys.readouterr().err == "2 pairs make a file each; name a folder for them with -o\n"
    assert main(["export", "--format", "tt-benchmark-run", "-o", "out/runs"]) == 0
    names = {path.name for path in (tmp_path / "out/runs").iterdir()}
    assert names == {"benchmark_run_bert@cpu.json", "benchmark_run_llama3@n150.json"}


def test_unfinished_run_ends_after_what_it_did(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(folder.parent, run_of(PAIR, is_finished=False))
    assert exported(capsys, "tt-benchmark-run", code=4)["run_end_ts"] == "2026-11-22T10:00:01.500000Z"


def test_github_action_benchmark_has_one_direction_a_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    smaller = exported(capsys, "github-action-benchmark")
    assert [(entry["name"], entry["value"], entry["unit"]) for entry in smaller] == [
        (f"{PAIR}/attention[performance] latency_ms", 4.5, "ms"),
        (f"{PAIR}/attention[memory] memory_mb", 90.8, "MB"),
    ]
    assert smaller[0]["range"] == "± 2.043"
    assert "fidelity: silicon" in smaller[0]["extra"]
    bigger = exported(capsys, "github-action-benchmark", "--better", "higher")
    assert [(entry["name"], entry["value"], entry["unit"]) for entry in bigger] == [
        (f"{PAIR}/attention[correctness] correlation", 0.9999, "1"),
        (f"{PAIR}/attention[performance] tokens_per_s_per_user", 30.0, "tokens/s/user"),
    ]


def test_what_the_other_direction_holds_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    main(["export", "--format", "github-action-benchmark"])
    said = capsys.readouterr().err
    assert said == "2 measurements where higher is better are left out: --better higher\n"


def test_bencher_takes_latency_in_nanoseconds_and_the_rest_in_the_unit_of_its_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert exported(capsys, "bencher") == {
        f"{PAIR}/attention[correctness]": {"correlation": {"value": 0.9999}},
        f"{PAIR}/attention[performance]": {
            "latency": {"value": 4.5e6, "lower_value": 4.375e6, "upper_value": 6.0e6},
            "tokens-per-s-per-user": {"value": 30.0},
        },
        f"{PAIR}/attention[memory]": {"memory-mb": {"value": 90.8}},
    }


def test_csv_has_a_line_a_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["name"] for row in rows] == [
        *("correlation", "latency_ms", "tokens_per_s_per_user", "memory_mb")
    ]
    timed = rows[1]
    expected = {
        "pair": PAIR,
        "model": "llama3",
        "device": "n150",
        "fidelity": "silicon",
        "verdict": "improved",
    }
    expected |= {"value": "4.5", "unit": "ms", "direction": "lower", "statistic": "median", "rounds": "5"}
    expected |= {"target": "5.0", "limit": "5.25", "git_commit": "abc123", "check": "performance"}
    assert {name: timed[name] for name in expected} == expected
    assert rows[2]["direction"] == "higher"
    assert rows[2]["limit"] == "19.0"


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "@x", "+1", 'a,"b"\nc'])
def test_names_in_csv_are_neither_formulas_nor_columns(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    leave(folder.parent, run_of(PAIR, result_of(PAIR, name, measurements=[latency(4.0)])))
    assert main(["export", "--format", "csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))
    assert row["test"].removeprefix("'") == name
    assert row["test"][0] not in "=+-@"
    assert row["check"] == "correctness"


@pytest.mark.parametrize("format_name", FORMATS)
def test_figures_of_failed_checks_are_exported_too(
    folder: Path, capsys: pytest.CaptureFixture[str], format_name: str
) -> None:
    leave(folder.parent, run_of(PAIR, missed(PAIR, 6.125), result_of(PAIR, outcome=Outcome.ERROR)))
    assert main(["export", "--format", format_name]) == 0
    assert "6.125" in capsys.readouterr().out.replace("6125000", "6.125")


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_is_missing_is_said_and_the_rest_exported(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], format_name: str
) -> None:
    (folder.parent / "bert@cpu").mkdir()
    assert main(["export", "--format", format_name, "-o", "out.json"]) == 4
    assert "reports/bert@cpu: the run left no run.json" in capsys.readouterr().err
    assert "90.8" in (tmp_path / "out.json").read_text()


def test_output_that_cannot_be_written_is_a_mistake_of_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--format", "csv", "-o", "no/where.csv"]) == 2
    assert capsys.readouterr().err == "--output no/where.csv: No such file or directory\n"
    assert main(["export", "nowhere", "--format", "csv"]) == 5
