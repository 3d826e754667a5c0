"""A benchmark run as Tenstorrent's CI collects them: one model on one device, with its figures.

Every field of theirs is written, null where ttci does not know. (iteration, step_name,
name) is unique: a step is a check, and has each figure once. The JSON Schema of it is
``tt_benchmark_run.schema.json``: ``python -m ttci.export.tt_benchmark_run > …``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

from ttci.results import Result, Run


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BenchmarkMeasurement(_Strict):
    """One figure of one step."""

    step_start_ts: AwareDatetime
    step_end_ts: AwareDatetime
    iteration: int
    step_name: str
    step_warm_up_num_iterations: int | None = None
    name: str
    value: float
    target: float | None = None
    device_power: float | None = None
    device_temperature: float | None = None


class BenchmarkRun(_Strict):
    """One run: where it happened, of what model, and its figures."""

    run_start_ts: AwareDatetime
    run_end_ts: AwareDatetime
    run_type: str
    git_repo_name: str | None = None
    git_commit_hash: str | None = None
    git_commit_ts: AwareDatetime | None = None
    git_branch_name: str | None = None
    github_pipeline_id: int | None = None
    github_pipeline_link: str | None = None
    github_job_id: int | None = None
    user_name: str | None = None
    docker_image: str | None = None
    device_hostname: str
    device_ip: str | None = None
    device_info: dict[str, Any] | None = None
    ml_model_name: str
    ml_model_type: str | None = None
    num_layers: int | None = None
    batch_size: int | None = None
    config_params: dict[str, Any] | None = None
    precision: str | None = None
    dataset_name: str | None = None
    profiler_name: str | None = None
    input_sequence_length: int | None = None
    output_sequence_length: int | None = None
    image_dimension: str | None = None
    perf_analysis: bool | None = None
    training: bool | None = None
    measurements: tuple[BenchmarkMeasurement, ...]

    @model_validator(mode="after")
    def _each_figure_once(self) -> BenchmarkRun:
        keys = [(m.iteration, m.step_name, m.name) for m in self.measurements]
        if len(keys) != len(set(keys)):
            raise ValueError("(iteration, step_name, name) is not unique")
        return self


def benchmark_run(run: Run, environ: Mapping[str, str]) -> BenchmarkRun:
    """`run` as a benchmark run; `environ` is the workflow's, for its id and link."""
    end = run.finished or run.started + timedelta(seconds=sum(result.seconds for result in run.results))
    return BenchmarkRun(
        run_start_ts=run.started,
        run_end_ts=end,
        run_type=f"ttci_{run.fidelity}",
        git_repo_name=environ.get("GITHUB_REPOSITORY", "").rpartition("/")[2] or None,
        git_commit_hash=run.environment.git_commit or None,
        git_branch_name=run.environment.git_branch or None,
        github_pipeline_id=_number(environ.get("GITHUB_RUN_ID")),
        github_pipeline_link=_link(environ),
        user_name=environ.get("GITHUB_ACTOR") or None,
        device_hostname=run.environment.host or "unknown",
        device_info={"device": run.device, "fidelity": str(run.fidelity), "cpu": run.environment.cpu or None},
        ml_model_name=run.model,
        config_params={
            "pair": run.pair,
            "tests": {result.id: result.config.as_dict() for result in run.results},
        },
        precision=_common(result.config.dtype for result in _measured(run)),
        training=False,
        measurements=tuple(_measurements(run, run.started, end)),
    )


def schema_text() -> str:
    """The JSON Schema of a benchmark run."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | BenchmarkRun.model_json_schema()
    return json.dumps(schema, indent=2) + "\n"


def _measurements(run: Run, start: datetime, end: datetime) -> list[BenchmarkMeasurement]:
    return [
        BenchmarkMeasurement(
            step_start_ts=start,
            step_end_ts=end,
            iteration=0,
            step_name=f"{result.test}[{result.check}]",
            name=measurement.name,
            value=measurement.value,
            target=measurement.target,
        )
        for result in run.results
        for measurement in result.measurements
        if measurement.value is not None
    ]


def _measured(run: Run) -> list[Result]:
    return [result for result in run.results if result.measurements]


def _common(values: Any) -> str | None:
    """What all of `values` are; None where they differ."""
    found = set(map(str, values))
    return found.pop() if len(found) == 1 else None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _link(environ: Mapping[str, str]) -> str | None:
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run_id = (environ.get(name) for name in names)
    return f"{server}/{repository}/actions/runs/{run_id}" if server and repository and run_id else None


if __name__ == "__main__":
    print(schema_text(), end="")
