"""After how many failures a user wants a run to stop: pytest's -x, --exitfirst and --maxfail."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence

from ttci.results import Outcome, Run


def failures_left(run: Run, pytest_args: Sequence[str]) -> int | None:
    """How many more failures end the run; None where there is no limit."""
    limit = failure_limit([*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *pytest_args])
    if limit is None:
        return None
    failed = [result for result in run.results if result.outcome in (Outcome.FAILED, Outcome.ERROR)]
    return max(0, limit - sum(not result.is_unfinished for result in failed))


def failure_limit(pytest_args: Sequence[str]) -> int | None:
    """The failures that stop a run with these arguments; None where none do."""
    limit = None
    for argument, following in zip(pytest_args, [*pytest_args, ""][1:], strict=True):
        name, _, value = argument.partition("=")
        if argument == "--exitfirst" or re.fullmatch(r"-[hlqsvV]*x[hlqsvxV]*", argument):
            limit = 1
        elif name == "--maxfail" and (value or following).isdecimal():
            limit = int(value or following) or None  # 0 is no limit
    return limit
