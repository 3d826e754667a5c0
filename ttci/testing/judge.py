"""Run one check of one test and judge it: the step that every route shares."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ttci.checks.correctness import check_correctness
from ttci.checks.findings import Findings
from ttci.checks.gradients import check_gradients
from ttci.checks.memory import check_memory
from ttci.checks.performance import check_performance
from ttci.devices import Capability, NoImplementationError
from ttci.manifest import Identity
from ttci.report.verdicts import describe_failure, describe_improvement
from ttci.results import Measurement, Outcome, Result, Verdict
from ttci.testing.places import user_frames
from ttci.testing.prepared import PreparedTest
from ttci.testing.targets import BoundTargets

Timer = Callable[[Callable[[], object]], Sequence[float]]  # a call to the seconds of its rounds


@dataclass(frozen=True)
class Case:
    """One check of a prepared test, with its targets."""

    identity: Identity
    prepared: PreparedTest
    targets: BoundTargets

    @property
    def check(self) -> str:
        """Which check this is."""
        return self.identity.check


def judge_case(case: Case, timer: Timer) -> Result:
    """Run the check; whatever the user's module raises becomes the outcome `error`."""
    start = time.perf_counter()
    needed = _NEEDS[case.check]
    if needed not in case.prepared.device.capabilities:
        reason = f"{case.prepared.device.name} has no {needed.name.lower()}"
        unmet = case.targets.judge(case.check, ())
        problems = [describe_failure(measurement) for measurement in _failing(unmet)]
        outcome = Outcome.FAILED if problems else Outcome.UNAVAILABLE
        return _result(case, outcome, start, "\n".join([reason, *problems]), unmet)
    try:
        findings = _findings(case, timer)
    except NoImplementationError as error:
        return _result(case, Outcome.FAILED, start, str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the user's module may raise anything
        refusal = case.prepared.device.refusal(error) if isinstance(error, Exception) else None
        if refusal is not None:
            return _result(case, Outcome.FAILED, start, refusal)
        return _result(case, Outcome.ERROR, start, describe_exception(error))
    measurements = case.targets.judge(case.check, findings.measurements)
    problems = [*findings.complaints, *map(describe_failure, _failing(measurements))]
    outcome = Outcome.FAILED if problems else Outcome.PASSED
    notes = [findings.note] if findings.note else []
    notes += [describe_improvement(m) for m in measurements if m.verdict is Verdict.IMPROVED]
    return _result(case, outcome, start, "\n".join(problems or notes), measurements)


def _findings(case: Case, timer: Timer) -> Findings:
    match case.check:
        case "correctness":
            return _correctness(case)
        case "gradients":
            return check_gradients(*case.prepared.gradient_problem())
        case "performance":
            return check_performance(timer(case.prepared.forward))
        case _:
            return _memory(case)


def _correctness(case: Case) -> Findings:
    prepared = case.prepared
    return check_correctness(
        prepared.observe(),
        case.targets.accuracy(prepared.test.tolerance),
        prepared.expected_shape,
        exact=prepared.device.dtype_name == "float32",
    )


def _memory(case: Case) -> Findings:
    prepared = case.prepared
    inputs = prepared.device_inputs
    peak = prepared.device.peak_memory_bytes(
        prepared.run_on_device, [inputs.positional, inputs.keyword], prepared.forward
    )
    return check_memory(peak)


_NEEDS = {
    "correctness": Capability.NUMBERS,
    "gradients": Capability.AUTOGRAD,
    "performance": Capability.TIMING,
    "memory": Capability.MEMORY,
}


def _failing(measurements: Sequence[Measurement]) -> list[Measurement]:
    return [m for m in measurements if m.verdict.fails and m.name != "correlation"]


def _result(
    case: Case, outcome: Outcome, start: float, message: str, measurements: Sequence[Measurement] = ()
) -> Result:
    return Result(
        id=str(case.identity),
        test=case.identity.test,
        check=case.check,
        outcome=outcome,
        seconds=time.perf_counter() - start,
        message=message,
        config=_config(case),
        measurements=tuple(measurements),
    )


def _config(case: Case) -> dict[str, Any]:
    prepared = case.prepared
    shape = prepared.gradient_shape if case.check == "gradients" else prepared.shape
    config: dict[str, Any] = {
        "module": type(prepared.test.module).__name__,
        "input_shape": list(shape),
        "dtype": "float64" if case.check == "gradients" else prepared.device.dtype_name,
    }
    if shape != prepared.full_shape:
        config["cut_from"] = list(prepared.full_shape)
    if case.check == "correctness":
        config["tolerance"] = case.targets.accuracy(prepared.test.tolerance)
    return config


def describe_exception(error: BaseException) -> str:
    """The exception, with the frames of its traceback that are the user's own."""
    lines = [f"{type(error).__name__}: {error}"]
    frames = user_frames(error)
    if frames:
        lines += ["in your code (most recent call last):", *traceback.format_list(frames)]
    return "\n".join(line.rstrip("\n") for line in lines)
