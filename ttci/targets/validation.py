"""What speaks against a target: asked of each before it is suggested, and before it is written."""

from __future__ import annotations

from collections.abc import Callable

from ttci.catalog.units import is_of_time
from ttci.results import Fidelity, why_impossible
from ttci.targets.candidates import Candidate

MOST_TOLERANCE = 0.5
_UNTIMED = {
    **dict.fromkeys((Fidelity.GOLDEN, Fidelity.MODELLED), "a mock"),
    Fidelity.BIT_EXACT: "a simulator",
}


def reason_against(candidate: Candidate) -> str | None:
    """Why this must be no target, in words that go on after its name; None where nothing is wrong."""
    return next(filter(None, (rule(candidate) for rule in _RULES)), None)


def _of_meaningless_time(candidate: Candidate) -> str | None:
    device = _UNTIMED.get(candidate.fidelity)
    if device and is_of_time(candidate.measurement.unit):
        return f"the time of {device} means nothing, so that it has no target"
    return None


def _of_nothing(candidate: Candidate) -> str | None:
    if candidate.value > 0:
        return None
    return f"a target is above 0, and {candidate.level.value:g} was measured"


def _of_wrong_numbers(candidate: Candidate) -> str | None:
    if candidate.is_computed_right:
        return None
    return "what the test computes was wrong in that run; a target is of a right result: correct it first"


def _of_physics(candidate: Candidate) -> str | None:
    limit = candidate.result.limit
    return why_impossible(candidate.metric, candidate.value, limit) if limit else None


def _of_noise(candidate: Candidate) -> str | None:
    if candidate.tolerance <= MOST_TOLERANCE:
        return None
    noise = 100 * (candidate.level.noise or 0.0)
    return (
        f"its noise of {noise:.3g} % asks for a tolerance of {candidate.tolerance:g}, with which a target "
        "says little; measure it for longer (measure-seconds) or on a quieter machine"
    )


_RULES: tuple[Callable[[Candidate], str | None], ...] = (
    _of_meaningless_time,
    _of_nothing,
    _of_wrong_numbers,
    _of_physics,
    _of_noise,
)
