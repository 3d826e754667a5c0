"""A measurement against its target, and what a run ends with."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ttci.errors import ExitCode
from ttci.results.models import Measurement, Result
from ttci.results.vocabulary import Outcome, Verdict

_ROUNDING = 1e-9  # of a limit: 5.355 meets a target of 5.1 at 5 %, though 5.1 * 1.05 < 5.355 in binary


def judge(measurement: Measurement, *, binds: bool) -> Measurement:
    """Give `measurement` its verdict; a target that does not bind here is report-only."""
    return measurement.model_copy(update={"verdict": _verdict(measurement, binds)})


def _verdict(measurement: Measurement, binds: bool) -> Verdict:
    value, target, limit = measurement.value, measurement.target, measurement.limit
    if target is None or limit is None:
        return Verdict.NO_TARGET
    if not binds:
        return Verdict.REPORT_ONLY
    if value is None or math.isnan(value):
        return Verdict.NO_MEASUREMENT
    sign = 1 if measurement.direction == "lower" else -1
    slack = _ROUNDING * abs(limit)
    if sign * (value - limit) > slack:
        return Verdict.MISSED
    better_by = sign * (target - value)
    return Verdict.IMPROVED if better_by > measurement.tolerance * target + slack else Verdict.MET


def exit_code(results: Iterable[Result]) -> ExitCode:
    """What a run with these results ends with; a check that took its process along is the machinery's.

    A check that its device cannot do is `unavailable`: counted and shown, and no
    failure while another check of its test could be judged. A test of which none
    could be (no implementation is here, say) never looks well.
    """
    outcomes_by_test: dict[str, set[Outcome]] = {}
    is_any_lost = False
    for result in results:
        is_any_lost |= result.is_lost
        outcomes_by_test.setdefault(result.test, set()).add(result.outcome)
    if not outcomes_by_test:
        return ExitCode.NOTHING_MATCHED
    if is_any_lost:
        return ExitCode.MACHINERY
    if any(outcomes & {Outcome.FAILED, Outcome.ERROR} for outcomes in outcomes_by_test.values()):
        return ExitCode.FAILED
    if {Outcome.UNAVAILABLE} in outcomes_by_test.values():
        return ExitCode.UNAVAILABLE
    return ExitCode.OK
