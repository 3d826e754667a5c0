"""An annotation of a build of Buildkite: the summary, in a style that says how it went.

https://buildkite.com/docs/agent/cli/reference/annotate
"""

from __future__ import annotations

import shlex
from pathlib import Path

from ttci.report.collect import Report
from ttci.report.conclusion import heading

_CONTEXT = "ttci"  # an annotation of the same context is replaced
_STYLES = {"passed": "success", "unavailable": "warning", "nothing-matched": "warning"}  # else "error"


def annotate_command(report: Report, file: Path, fail_on: str) -> str:
    """What a step runs to show `file`; `fail_on` is one of `ttci.report.FAIL_ON`."""
    style = _STYLES.get(heading(report, fail_on), "error")
    command = ["buildkite-agent", "annotate", "--style", style, "--context", _CONTEXT]
    return f"{shlex.join(command)} < {shlex.quote(str(file))}"
