"""Run one check of one test and judge it: the step that every route shares."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttci.catalog.checks import check_class, needs_timer
from ttci.catalog.metrics import WITH_TARGETS
from ttci.checks.outcome import NotJudgedError
from ttci.checks.protocol import make_check
from ttci.devices.protocol import NoImplementationError
from ttci.errors import describe, encodable, text_of
from ttci.manifest import Identity
from ttci.results import Config, Limit, Measurement, Outcome, Result, Verdict, encodable_in
from ttci.runner.handshake import add_to_log
from ttci.testing.debug import Debugging, StoppedError
from ttci.testing.input_trial import origin_of_input
from ttci.testing.places import Place, place_text, user_frames
from ttci.testing.prepared import PreparedTest
from ttci.testing.subject import TestSubject, Timer
from ttci.testing.targets import BoundTargets
from ttci.text.measurement import describe_failure, describe_improvement


@dataclass(frozen=True)
class Case:
    """One check of a prepared test, with its targets."""

    identity: Identity
    prepared: PreparedTest
    targets: BoundTargets
    model_code: Callable[[], AbstractContextManager[None]] = nullcontext  # entered while its code runs
    keep_in: Path | None = None  # the folder for the tensors of a wrong output
    debugging: Debugging | None = None  # whether the operations of a wrong output are written down

    @property
    def check(self) -> str:
        """Which check this is."""
        return self.identity.check

    @property
    def tolerance(self) -> float:
        """The test's own, or its target `accuracy`."""
        return self.targets.accuracy(self.prepared.test.tolerance)


def judge_case(case: Case, timer: Timer) -> Result:
    """Run the check; whatever the user's module raises becomes the outcome `error`."""
    result = _judged(case, timer)
    if case.debugging is not None:
        result = _debugged(case, case.debugging, result)
    if not needs_timer(case.check) or result.outcome is Outcome.ERROR:
        return result
    return result.model_copy(update={"limit": _limit(case)})


def _debugged(case: Case, debugging: Debugging, result: Result) -> Result:
    """The same with what its operations show; whatever goes wrong meanwhile must not hide the result."""
    try:
        with case.model_code():
            said = debugging.said_of(result, case.prepared)
    except StoppedError as error:
        return result.without_operations(text_of(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the user's module may raise anything
        add_to_log(f"{case.identity}: no table of operations: {traceback.format_exc()}")
        return result.without_operations(describe(error))
    return result.model_copy(update={"message": encodable("\n".join(filter(None, [result.message, said])))})


def _limit(case: Case) -> Limit | None:
    """The shortest time that the board allows; None of a module that does not run: other checks say why."""
    try:
        with case.model_code():
            return case.prepared.limit()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the user's module may raise anything
        add_to_log(f"{case.identity}: its limit is not known: {describe(error)}")
        return None


def _judged(case: Case, timer: Timer) -> Result:
    start = time.perf_counter()
    check = make_check(case.check)
    needed = check.needs
    if needed and needed not in case.prepared.device.capabilities:
        return unavailable(case, f"{case.prepared.device.name} has no {needed.name.lower()}", start)
    try:
        with case.model_code():
            findings = check.findings(TestSubject(case.prepared, case.tolerance, timer, case.keep_in))
    except (NoImplementationError, NotJudgedError) as error:
        return unavailable(case, text_of(error), start)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the user's module may raise anything
        refusal = case.prepared.device.refusal(error) if isinstance(error, Exception) else None
        if refusal is not None:
            add_to_log(f"{case.identity}: {text_of(error)}")  # with its backtrace
            return _result(case, Outcome.FAILED, start, refusal)
        return _result(case, Outcome.ERROR, start, _described(error, case.prepared))
    if findings.unjudged:
        return unavailable(case, findings.unjudged, start)
    measurements = case.targets.judge(case.check, findings.measurements)
    problems = [*findings.problems, *map(describe_failure, _failing(measurements))]
    outcome = Outcome.FAILED if problems else Outcome.PASSED
    notes = [note for note in (findings.note, _note_on_size(case)) if note]
    notes += [describe_improvement(m) for m in measurements if m.verdict is Verdict.IMPROVED]
    result = _result(case, outcome, start, "\n".join(problems or notes), measurements)
    return result.model_copy(update={"error_map": findings.error_map if problems else None})


def unavailable(case: Case, reason: str, start: float | None = None) -> Result:
    """It is not judged, for this reason; a target that binds here then fails.

    Args:
        case: the check.
        reason: why it is not judged.
        start: when the check began, by the performance counter; now where None.
    """
    unmet = case.targets.judge(case.check, ())
    problems = [describe_failure(measurement) for measurement in _failing(unmet)]
    outcome = Outcome.FAILED if problems else Outcome.UNAVAILABLE
    start = time.perf_counter() if start is None else start
    return _result(case, outcome, start, "\n".join([reason, *problems]), unmet)


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
        message=encodable(message),
        config=Config.model_validate(encodable_in(_config(case, outcome))),
        measurements=tuple(measurements),
    )


def _config(case: Case, outcome: Outcome) -> dict[str, Any]:
    prepared, check = case.prepared, check_class(case.check)
    chosen = prepared.chosen_for_gradients if check.on_few_tokens else prepared.chosen
    shape = chosen.shape
    config: dict[str, Any] = {
        "module": type(prepared.test.module).__name__,
        "input_shape": list(shape),
        "dtype": prepared.gradient_dtype if check.on_few_tokens else prepared.device.dtype_name,
    }
    if shape != prepared.full_shape:
        config["cut_from"] = list(prepared.full_shape)
    elif chosen.not_cut and outcome is not Outcome.ERROR:  # the error is then its own
        config["not_cut"] = f"it takes no shorter sequence: {chosen.not_cut}"
    if prepared.test.kernel:
        config["kernel"] = prepared.test.kernel.described(shape)
    if prepared.cache_length is not None:
        config["decode_cache_length"] = prepared.cache_length
        if prepared.cache_length != prepared.test.decode_cache_length:
            config["cache_cut_from"] = prepared.test.decode_cache_length
    if check.by_tolerance:
        config["tolerance"] = case.tolerance
    if prepared.test.declared_at:
        config["declared_at"] = place_text(prepared.test.declared_at)
    places = {n: place for n, place in case.targets.places.items() if WITH_TARGETS[n].check == case.check}
    if places:
        config["targets_at"] = places
    return config


def _note_on_size(case: Case) -> str | None:
    """That the device's bound on the size was not held."""
    chosen, most = case.prepared.chosen, case.prepared.device.max_tokens
    if check_class(case.check).on_few_tokens or chosen.not_cut is None:
        return None
    size = " x ".join(map(str, chosen.shape))
    return f"run whole, {size}, not within max-tokens = {most}: {chosen.not_cut}"


def _described(error: BaseException, prepared: PreparedTest) -> str:
    """The exception, where it comes from, and what the input was worked out from."""
    lines = [describe_exception(error, prepared.test.declared_at)]
    origin = origin_of_input(prepared.test, prepared.form)
    return "\n".join([*lines, *([origin] if origin else [])])


def describe_exception(error: BaseException, declared_at: Place | None = None) -> str:
    """The exception, with its frames in the user's own code; the declaration's place where there are none."""
    lines = [describe(error)]
    frames = user_frames(error)
    if frames:
        lines += ["in your code (most recent call last):", *traceback.format_list(frames)]
    elif declared_at:
        lines += [f"declared at {place_text(declared_at)}"]
    return "\n".join(line.rstrip("\n") for line in lines)
