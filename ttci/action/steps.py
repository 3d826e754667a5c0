"""The steps: plan the jobs of a fan-out, test pairs, report on what is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ttci.action import history
from ttci.action.files import commands_stopped, print_error, write_outputs
from ttci.action.inputs import Inputs
from ttci.action.install import install_for
from ttci.artifacts import names
from ttci.artifacts.pair_folder import PairFolder
from ttci.artifacts.plan_file import write_planned
from ttci.errors import VERDICTS, ExitCode, InputError, MachineryError, NothingMatchedError, TtciError, worst
from ttci.manifest import load_manifest
from ttci.planning.choice import Choice, choose, here, left_out, together
from ttci.planning.packing import PackedJob, pack
from ttci.planning.plan import Job
from ttci.report.seconds import read_seconds

_MOST_JOBS = 256  # of a matrix, as GitHub has it
# What a report cannot know of the run that it is of; `regression` leaves failed checks to the report.
_COUNTS_WHATEVER_FAILS = {ExitCode.BAD_INPUT, ExitCode.NOTHING_MATCHED}
_COUNTS = {
    "never": _COUNTS_WHATEVER_FAILS,
    "regression": {*_COUNTS_WHATEVER_FAILS, ExitCode.UNAVAILABLE, ExitCode.MACHINERY},
    "failure": {*ExitCode},
    "drift": {*ExitCode},
}


def plan_jobs(inputs: Inputs, seconds: Path | None) -> None:
    """Leave the matrix of a fan-out as an output, and plan.json for its report."""
    chosen = together(choose(load_manifest(inputs.manifest), inputs.models, inputs.devices))
    jobs, left = chosen.jobs, chosen.left_out
    _write_plan(inputs.report_dir, jobs, left)
    packed = pack(jobs, _MOST_JOBS, _known_seconds(seconds), inputs.boards)
    print(f"{len(jobs)} pairs in {len(packed)} jobs")
    for pair, reason in left:
        print(f"{pair} is not run: {reason}")
    matrix = {"include": [_entry(job, inputs) for job in packed]}
    has_history = history.source_of(inputs) != "off"
    write_outputs({"matrix": json.dumps(matrix), "jobs": len(packed), "history": str(has_history).lower()})


def test(inputs: Inputs) -> None:
    """Run the chosen pairs that are here; how that ended is an output, and never this step's own end."""
    try:
        manifest = load_manifest(inputs.manifest)
        choices = choose(manifest, inputs.models, inputs.devices)
        _check_confirm(inputs)
        jobs = here(choices)
        absent = [job for choice in choices for job in choice.absent]
        if not jobs and not absent:
            raise NothingMatchedError(_nothing_here(left_out(choices)))
        _write_plan(inputs.report_dir, [*jobs, *absent], left_out(choices))
        for job in absent:
            PairFolder(inputs.report_dir / str(job.pair)).leave_unavailable(str(job.pair), str(job.missing))
        with commands_stopped():
            install_for(jobs, manifest)
        if inputs.confirm:
            history.install_statistics()
        with commands_stopped():
            codes = [_run(choice, inputs) for choice in choices]
        code = worst(codes)
    except TtciError as error:
        print_error(str(error))
        code = error.exit_code
    write_outputs({"exit-code": int(code)})


def report(inputs: Inputs, run_code: ExitCode) -> None:
    """Report on the folders of pairs; the verdict and the counts are outputs, and never this step's end.

    Args:
        inputs: of the action.
        run_code: what the run ended with, if this is the report of one.
    """
    folder = inputs.report_dir
    made = folder / names.REPORT
    made.unlink(missing_ok=True)
    command = [sys.executable, "-m", "ttci", "report", str(folder), "--out", str(folder)]
    access = history.access(inputs, os.environ)
    if access != "off":
        history.install_statistics()
    command += history.options_of(inputs)
    command += ["--fail-on", inputs.fail_on, "--annotations" if inputs.annotations else "--no-annotations"]
    own = {} if inputs.summary else {"GITHUB_STEP_SUMMARY": ""}
    code = _exit_code(subprocess.run(command, check=False, env=os.environ | own).returncode)
    found = _Report.model_validate_json(made.read_bytes()) if made.is_file() else _Report(exit_code=code)
    ends_with = worst([code, *({run_code} & _COUNTS[inputs.fail_on])])
    write_outputs(
        {
            "verdict": VERDICTS[worst([run_code, found.exit_code])],
            "passed": found.outcomes.get("passed", 0),
            "failed": found.outcomes.get("failed", 0),
            "errors": found.outcomes.get("error", 0),
            "missed": found.verdicts.get("missed", 0),
            "slower": found.history.counts.get("slower", 0) if found.history else "",
            "slower-than-base": found.slower_than_base,
            "history": access,
            "report-dir": folder,
            "junit": _if_there(folder / names.JUNIT),
            "benchmark-json": _if_there(folder / names.BENCHMARK),
            "artifact-name": inputs.artifact_name,
            "exit-code": int(ends_with),
        }
    )


class _Comparison(BaseModel):
    counts: dict[str, int] = {}


class _History(BaseModel):
    counts: dict[str, int] = {}


class _Report(BaseModel):
    """What of a report.json is of interest here."""

    exit_code: ExitCode
    outcomes: dict[str, int] = {}
    verdicts: dict[str, int] = {}
    comparisons: list[_Comparison] = []
    history: _History | None = None

    @property
    def slower_than_base(self) -> int | str:
        """Of what was compared; empty where nothing was."""
        slower = [comparison.counts.get("slower", 0) for comparison in self.comparisons]
        return sum(slower) if slower else ""


def _check_confirm(inputs: Inputs) -> None:
    if inputs.confirm and history.source_of(inputs) == "off":
        what = "there is no history to compare with; name one with the input history, or in the manifest"
        raise InputError(f"confirm: {what}")


def _write_plan(folder: Path, jobs: Sequence[Job], left: Sequence[tuple[object, str | None]]) -> None:
    try:
        write_planned(folder, [job.pair for job in jobs], left)
    except OSError as error:
        raise InputError(f"report-dir: {folder}: {error.strerror}") from None


def _if_there(path: Path) -> str:
    return str(path) if path.is_file() else ""


def _known_seconds(path: Path | None) -> dict[str, float]:
    """What earlier runs took: without it the jobs are only less even."""
    if path is None or not path.exists():
        return {}
    try:
        return read_seconds(path)
    except (InputError, MachineryError) as error:
        print(f"not read: {error}")
        return {}


def _entry(job: PackedJob, inputs: Inputs) -> dict[str, Any]:
    """An entry of the matrix, with where its job runs: boards are in a place of their own."""
    entry = job.as_matrix_entry()
    entry["python-version"] = inputs.board_python_version if job.board else inputs.python_version
    entry["container"] = inputs.container if job.board else ""
    return entry


def _run(choice: Choice, inputs: Inputs) -> ExitCode:
    if not choice.plan.here:
        return ExitCode.UNAVAILABLE if choice.absent else ExitCode.OK
    command = [sys.executable, "-m", "ttci", "run", *choice.models]
    command += [f"--device={device}" for device in choice.devices]
    command += ["--report-dir", str(inputs.report_dir)]
    if inputs.confirm:
        command += ["--confirm", *history.options_of(inputs)]
    else:
        command += ["--manifest", str(inputs.manifest)]
    done = subprocess.run([*command, "--", *inputs.pytest_args], check=False)
    return _exit_code(done.returncode)


def _nothing_here(left: Sequence[tuple[object, str | None]]) -> str:
    return "\n".join(
        ["none of the chosen pairs can run here", *(f"{pair}: {reason}" for pair, reason in left)]
    )


def _exit_code(code: int) -> ExitCode:
    """A process that was killed, or ended in a way of its own, is a failure of the machinery."""
    return ExitCode(code) if code in [*ExitCode] else ExitCode.MACHINERY
