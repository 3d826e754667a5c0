"""The step that measures a change beside its base, on the machine that has just run its tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ttci.action import history
from ttci.action.files import commands_stopped
from ttci.action.inputs import PUSHES, Inputs
from ttci.action.merge_base import Change, change_of, merge_base, pull_request_of
from ttci.artifacts import names
from ttci.errors import ExitCode, TtciError
from ttci.manifest import load_manifest
from ttci.planning.choice import choose, together
from ttci.planning.plan import Job

_COULD_RUN = (ExitCode.OK, ExitCode.FAILED, ExitCode.UNAVAILABLE)
_MOST_OF_A_REASON = 2000  # characters


class _CompareError(TtciError):
    """`ttci compare` ended with something that is not its verdict; the log says more."""

    def __init__(self, said: str, code: int) -> None:
        super().__init__(f"compare: {said[-_MOST_OF_A_REASON:]}")
        self.exit_code = ExitCode(code) if code in [*ExitCode] else ExitCode.MACHINERY


def compare(inputs: Inputs, run_code: ExitCode, environ: Mapping[str, str]) -> None:
    """Compare the pairs that a change concerns; comparison.json says what came of it.

    Where there is nothing to compare, that is said once, and nothing else happens.

    Args:
        inputs: of the action.
        run_code: what the tests ended with.
        environ: of the step.

    Raises:
        TtciError: it was to be compared, and could not be.
    """
    for name in (names.COMPARISON, names.COMPARISON_PAGE):
        (inputs.report_dir / name).unlink(missing_ok=True)
    asked = change_of(environ, pushes=inputs.compare == PUSHES)
    why_not = _why_not(asked, run_code, environ)
    if why_not:
        _say(inputs, environ, why_not)
        return
    jobs = together(choose(load_manifest(inputs.manifest), inputs.models, inputs.devices)).here
    if asked and jobs:
        base = merge_base(inputs.manifest.parent, asked)
        history.install_statistics()
        _run(inputs, base, jobs, environ)


def _why_not(asked: Change | None, run_code: ExitCode, environ: Mapping[str, str]) -> str | None:
    """Why nothing is compared here; None where it is."""
    if asked is None:
        return f"this run has no base ({environ.get('GITHUB_EVENT_NAME') or 'no event'})"
    return None if run_code in _COULD_RUN else "the tests could not be run"


def _run(inputs: Inputs, base: str, jobs: Sequence[Job], environ: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "ttci", "compare", base, "--changed", "--no-annotations"]
    command += ["--manifest", str(inputs.manifest), "--report-dir", str(inputs.report_dir)]
    command += ["--seconds", str(inputs.compare_seconds), *(f"--model={job.pair}" for job in jobs)]
    with commands_stopped():
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
        print(done.stderr, flush=True)
    if (inputs.report_dir / names.COMPARISON).is_file():
        return  # the report says what came of it, whatever it was
    said = done.stderr.strip()
    if done.returncode != ExitCode.NOTHING_MATCHED:
        raise _CompareError(said, done.returncode)
    _say(inputs, environ, "the change concerns no pair that was tested here")


def _say(inputs: Inputs, environ: Mapping[str, str], why: str) -> None:
    """That something is not compared: in the log, and in the summary of a pull request."""
    print(f"not compared: {why}", flush=True)
    summary = environ.get("GITHUB_STEP_SUMMARY")
    if inputs.summary and summary and pull_request_of(environ):
        with Path(summary).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"Not compared with the base: {why}.\n\n")
