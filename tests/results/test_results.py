"""Verdicts, exit codes and run.json."""

import json
import math
import os
import stat
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import pytest

from ttci.errors import ExitCode, MachineryError
from ttci.report.collect import report_of
from ttci.report.pairs import report_table
from ttci.results import (
    Config,
    Environment,
    Fidelity,
    Measurement,
    Outcome,
    Result,
    Run,
    Verdict,
    exit_code,
    judge,
    read_run,
    write_run,
)

Direction = Literal["lower", "higher"]


def measured(
    value: float | None, target: float | None, direction: Direction = "lower", tolerance: float = 0.05
) -> Measurement:
    return Measurement(
        name="latency_ms", value=value, unit="ms", direction=direction, target=target, tolerance=tolerance
    )


def result(outcome: Outcome = Outcome.PASSED, *measurements: Measurement) -> Result:
    return Result(
        id="m@cpu/t[memory]",
        test="t",
        check="memory",
        outcome=outcome,
        seconds=1.25,
        measurements=measurements,
    )


def run_of(*results: Result) -> Run:
    return Run(
        pair="m@cpu",
        model="m",
        device="cpu",
        fidelity=Fidelity.REFERENCE,
        started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
        finished=None,
        environment=Environment(host="h", torch=None),
        results=results,
    )


@pytest.mark.parametrize(
    ("value", "target", "direction", "tolerance", "verdict"),
    [
        (5.0, 5.0, "lower", 0.05, Verdict.MET),
        (5.25, 5.0, "lower", 0.05, Verdict.MET),  # exactly at the limit
        (5.2501, 5.0, "lower", 0.05, Verdict.MISSED),
        (4.75, 5.0, "lower", 0.05, Verdict.MET),  # better by exactly the tolerance
        (4.7499, 5.0, "lower", 0.05, Verdict.IMPROVED),
        (100.0, 100.0, "higher", 0.1, Verdict.MET),
        (90.0, 100.0, "higher", 0.1, Verdict.MET),
        (89.99, 100.0, "higher", 0.1, Verdict.MISSED),
        (110.0, 100.0, "higher", 0.1, Verdict.MET),
        (110.01, 100.0, "higher", 0.1, Verdict.IMPROVED),
        (5.0, 5.0, "lower", 0.0, Verdict.MET),
        (5.0001, 5.0, "lower", 0.0, Verdict.MISSED),
        (4.9999, 5.0, "lower", 0.0, Verdict.IMPROVED),
        (math.nan, 5.0, "lower", 0.05, Verdict.NO_MEASUREMENT),
        (None, 5.0, "lower", 0.05, Verdict.NO_MEASUREMENT),
        (5.0, None, "lower", 0.05, Verdict.NO_TARGET),
        (None, None, "higher", 0.05, Verdict.NO_TARGET),
    ],
)
def test_verdict_of_a_target_that_binds(
    value: float | None, target: float | None, direction: Direction, tolerance: float, verdict: Verdict
) -> None:
    measurement = measured(1.0, target, direction, tolerance).model_copy(update={"value": value})
    judged = judge(measurement, binds=True)
    assert judged.verdict is verdict
    assert judged.model_copy(update={"verdict": Verdict.NO_TARGET}) == measurement or value != value


@pytest.mark.parametrize("tenths", range(1, 120))
def test_limit_is_met_as_it_is_written_in_decimals(tenths: int) -> None:
    # 5.1 * 1.05 is a little below 5.355 in binary.
    target, limit, improved = tenths / 10, round(tenths * 105) / 1000, round(tenths * 95) / 1000
    assert judge(measured(limit, target), binds=True).verdict is Verdict.MET
    assert judge(measured(improved, target), binds=True).verdict is Verdict.MET


@pytest.mark.parametrize("value", [1.0, 100.0, None])
def test_target_that_does_not_bind_is_report_only(value: float | None) -> None:
    assert judge(measured(value, 5.0), binds=False).verdict is Verdict.REPORT_ONLY
    assert judge(measured(value, None), binds=False).verdict is Verdict.NO_TARGET


def test_only_a_missed_target_and_a_missing_measurement_fail() -> None:
    assert {verdict for verdict in Verdict if verdict.fails} == {Verdict.MISSED, Verdict.NO_MEASUREMENT}


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], ExitCode.NOTHING_MATCHED),
        ([Outcome.PASSED], ExitCode.OK),
        ([Outcome.UNAVAILABLE, Outcome.UNAVAILABLE], ExitCode.UNAVAILABLE),
        ([Outcome.PASSED, Outcome.UNAVAILABLE], ExitCode.OK),
        ([Outcome.UNAVAILABLE, Outcome.FAILED], ExitCode.FAILED),
        ([Outcome.PASSED, Outcome.ERROR], ExitCode.FAILED),
    ],
)
def test_exit_code_of_outcomes(outcomes: list[Outcome], code: ExitCode) -> None:
    assert exit_code(map(result, outcomes)) is code


def test_a_test_of_which_nothing_could_be_judged_never_looks_well() -> None:
    unavailable = result(Outcome.UNAVAILABLE).model_copy(update={"test": "another"})
    assert exit_code([result(), unavailable]) is ExitCode.UNAVAILABLE
    assert exit_code([result(Outcome.FAILED), unavailable]) is ExitCode.FAILED


def test_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = run_of(result(Outcome.FAILED, measured(6.0, 5.0)), result())
    write_run(tmp_path / "new" / "folder" / "run.json", run)
    assert read_run(tmp_path / "new" / "folder" / "run.json") == run


def test_a_run_that_knows_nothing_of_steadiness_is_read_and_not_marked(
    tmp_path: Path,
) -> None:
    write_run(tmp_path / "run.json", run_of(result(Outcome.PASSED, measured(5.0, None))))
    text = (tmp_path / "run.json").read_text()
    older = text.replace(',"steady":null,"seconds":null', "")
    assert older != text
    (tmp_path / "run.json").write_text(older)
    (figure,) = read_run(tmp_path / "run.json").results[0].measurements
    assert (figure.steady, figure.seconds) == (None, None)


@pytest.mark.parametrize("part", ["environment", "config"])
def test_a_field_that_this_ttci_does_not_know_is_kept(tmp_path: Path, part: str) -> None:
    data = json.loads(run_of(result()).model_dump_json(by_alias=True))
    known: dict[str, Any] = {"environment": data["environment"], "config": data["results"][0]["config"]}
    known[part] |= {"rig": {"slot": [3, None]}, "celsius": 21.5}
    path = tmp_path / "run.json"
    path.write_text(json.dumps(data))
    write_run(path, read_run(path))
    assert json.loads(path.read_bytes()) == data


def test_what_nobody_gave_is_not_written_and_what_is_not_there_is() -> None:
    assert Environment(host="h", torch=None).model_dump() == {"host": "h", "torch": None}
    assert result().model_dump()["config"] == {}


def test_a_fact_is_found_by_its_name_in_the_file() -> None:
    config = Config(dtype="bfloat16", input_shape=[1, 2]) | {"rig": "b"}
    assert (config.dtype, config["input_shape"], config["rig"]) == ("bfloat16", [1, 2], "b")
    assert ("rig" in config, "kernel" in config, config.get("kernel", 0)) == (True, False, 0)
    assert config.without("rig", "dtype") == Config(input_shape=[1, 2])


def test_a_known_fact_of_another_type_is_said_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(_broken(environment={"cores": "many"}))
    with pytest.raises(MachineryError, match=r"not a run\.json: environment\.cores: .* valid integer"):
        read_run(path)


def test_file_has_the_published_keys(tmp_path: Path) -> None:
    write_run(tmp_path / "run.json", run_of(result(Outcome.PASSED, judge(measured(5.0, 5.0), binds=True))))
    data = json.loads((tmp_path / "run.json").read_text())
    assert set(data) == {
        *("schema", "pair", "model", "device", "fidelity", "started", "finished", "environment"),
        *("base", "results"),
    }
    assert (data["schema"], data["fidelity"], data["finished"]) == (1, "reference", None)
    assert data["started"] == "2026-01-02T03:04:05Z"
    [entry] = data["results"]
    assert set(entry) == {
        *("id", "test", "check", "outcome", "seconds", "message", "config", "measurements", "state"),
        "limit",
        "error_map",
    }
    assert (entry["state"], entry["limit"], entry["error_map"]) == ("judged", None, None)
    assert entry["measurements"] == [
        {
            "name": "latency_ms",
            "value": 5.0,
            "unit": "ms",
            "direction": "lower",
            "statistic": "value",
            "samples": [],
            "target": 5.0,
            "tolerance": 0.05,
            "verdict": "met",
            "capacity": None,
            "reruns": [],
            "quantiles": [],
            "steady": None,
            "seconds": None,
            "beside_base": None,
        }
    ]


def test_file_may_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        write_run(tmp_path / "run.json", run_of())
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "run.json").stat().st_mode) == 0o644


def test_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    runs = [run_of(*[result()] * count) for count in (1, 400)]
    write_run(path, runs[0])
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not done.is_set():
            seen.append(len(json.loads(path.read_bytes())["results"]))

    reader = threading.Thread(target=read)
    reader.start()
    for index in range(60):
        write_run(path, runs[index % 2])
    done.set()
    reader.join()
    assert set(seen) <= {1, 400}
    assert seen, "a reader that met half a file has died"
    assert len(json.loads(path.read_bytes())["results"]) == 400


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_run(path, run_of())
    unwritable = run_of(result()).model_copy(update={"environment": Environment() | {"rig": object()}})
    with pytest.raises(ValueError, match="serialize"):
        write_run(path, unwritable)
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]
    assert read_run(path) == run_of()


def test_failed_rename_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        write_run(path, run_of())
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


def test_newer_schema_is_said(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"schema": 2, "pairs": []}))
    with pytest.raises(MachineryError) as caught:
        read_run(path)
    assert str(caught.value) == f"{path}: written by a newer ttci (schema 2, this one reads 1); upgrade ttci"
    assert caught.value.exit_code is ExitCode.MACHINERY


def _broken(**changes: Any) -> bytes:
    data = json.loads(run_of(result()).model_dump_json(by_alias=True))
    return json.dumps({key: value for key, value in (data | changes).items() if value != "absent"}).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (_broken()[:-20], "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"[" * 200_000, "cannot be read"),
        (b"[]", 'not a run.json: it has no "schema"'),
        (b"{}", 'not a run.json: it has no "schema"'),
        (_broken(schema="absent"), 'not a run.json: it has no "schema"'),
        (_broken(schema=0), "not a run.json: schema:"),
        (_broken(pair="absent"), "not a run.json: pair:"),
        (_broken(more=1), "not a run.json: more:"),
        (_broken(results=[{"id": "x"}]), "not a run.json: results.0.test:"),
    ],
)
def test_torn_or_foreign_file_is_said(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(MachineryError) as caught:
        read_run(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(MachineryError, match=r"run\.json: cannot be read: No such file or directory$"):
        read_run(tmp_path / "run.json")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_figure_that_is_no_number_is_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        measured(value, 5.0)
    path = tmp_path / "run.json"
    path.write_bytes(_broken(results=[result().model_dump(mode="json") | {"seconds": value}]))
    with pytest.raises(MachineryError, match=r"results\.0\.seconds"):
        read_run(path)


def test_direction_is_one_of_two() -> None:
    with pytest.raises(ValueError, match="direction"):
        Measurement.model_validate({"name": "n", "value": 1.0, "unit": "ms", "direction": "sideways"})


def test_table_counts_every_outcome_and_verdict() -> None:
    missed, unbound = judge(measured(9.0, 5.0), binds=True), judge(measured(9.0, 5.0), binds=False)
    run = run_of(
        result(Outcome.FAILED, missed, measured(1.0, None)),
        result(Outcome.UNAVAILABLE),
        result(Outcome.ERROR),
    )
    header, row = report_table(report_of([run])).splitlines()
    counts = dict(zip(header.split(), row.split(), strict=True))
    assert counts == {
        "pair": "m@cpu",
        "fidelity": "reference",
        "passed": "0",
        "failed": "1",
        "error": "1",
        "unavailable": "1",
        "missed": "1",
        "improved": "0",
        "no-target": "1",
        "seconds": "3.8",
    }
    header, row = report_table(report_of([run_of(result(Outcome.PASSED, unbound))])).splitlines()
    assert dict(zip(header.split(), row.split(), strict=True))["report-only"] == "1"
