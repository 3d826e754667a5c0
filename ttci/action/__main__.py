"""``python -m ttci.action plan|test|compare|report|history|site``: a step; the environment has its inputs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ttci.action import compare, history, steps
from ttci.action.files import print_error, write_outputs
from ttci.action.inputs import read_inputs
from ttci.errors import VERDICTS, ExitCode, TtciError, worst
from ttci.files import print_any_text

_WITHOUT_A_VERDICT = ("plan", "history", "site")


def main(arguments: Sequence[str]) -> int:
    """Do one step; returns its exit code, which is 0 wherever a later step has the verdict."""
    print_any_text()
    [step] = arguments
    ended = (os.environ.get(f"TTCI_{name}_EXIT_CODE") for name in ("RUN", "COMPARE"))
    run_code = worst(ExitCode(int(code or ExitCode.OK)) for code in ended)
    try:
        inputs = read_inputs(os.environ)
        if step == "plan":
            seconds = os.environ.get("TTCI_SECONDS")
            steps.plan_jobs(inputs, Path(seconds) if seconds else None)
        elif step == "test":
            steps.test(inputs)
        elif step == "compare":
            compare.compare(inputs, run_code, os.environ)
        elif step == "history":
            history.keep_runs(inputs, os.environ)
        elif step == "site":
            write_outputs({"is-made": str(history.make_site(inputs, os.environ)).lower()})
        else:
            steps.report(inputs, run_code)
    except TtciError as error:
        if run_code != error.exit_code:  # else the step before has said it
            print_error(str(error))
        if step in _WITHOUT_A_VERDICT:
            return error.exit_code
        write_outputs({"exit-code": int(error.exit_code), "verdict": VERDICTS[error.exit_code]})
    return ExitCode.OK


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
