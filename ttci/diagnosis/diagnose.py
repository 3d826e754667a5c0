"""The mistake that explains a wrong output, if one that people make does; nothing else is claimed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from torch import Tensor

from ttci.checks.number_types import Precision
from ttci.diagnosis.agreement import TIMES_NOISE, Bound, Diagnosis, Evidence, agreement
from ttci.diagnosis.arrangement import rearranged
from ttci.diagnosis.coarser import RoundedReference, coarser_type
from ttci.diagnosis.region import wrong_in_one_place
from ttci.diagnosis.scale import scaled_or_shifted
from ttci.diagnosis.search import Reference, mistake_made

SECONDS = 1.5  # that a search takes, unless a few calls of the reference take longer
_EXACT = 1e-3  # relative error in float32, where another order of sums or a series for a function is right


def bound_of(tolerance: float, reference: Tensor, rounded: Tensor | None, *, exact: bool) -> Bound:
    """What an output that is right keeps to: its tolerance, and what rounding explains.

    Args:
        tolerance: of the correlation.
        reference: the expected output.
        rounded: the same with the device's rounding; None where that is not known.
        exact: the device computes in float32.
    """
    most = math.sqrt(2 * tolerance)  # an error that takes `tolerance` from the correlation
    if exact:
        return Bound(1 - tolerance, min(most, _EXACT))
    if rounded is None or rounded.shape != reference.shape:
        return Bound(1 - tolerance, most)
    noise = agreement(rounded, reference).error
    return Bound(1 - tolerance, min(most, max(_EXACT, TIMES_NOISE * noise)))


def diagnosed(
    evidence: Evidence,
    reference: Reference,
    input_names: Sequence[str],
    precision: Precision | None,
    rounded: RoundedReference,
) -> Diagnosis | None:
    """The simplest explanation that is confirmed; None where there is none, or the output is right.

    Args:
        evidence: the output and what was expected.
        reference: computes what was expected, and with a mistake what the output may be.
        input_names: what a message calls the tensors of its arguments.
        precision: of the device; None where it computes in float32.
        rounded: the reference with the rounding of a device of some precision.
    """
    if not evidence.reference.is_floating_point() or not evidence.reference.isfinite().all():
        return None
    deadline = time.thread_time() + SECONDS
    place = wrong_in_one_place(evidence)
    if evidence.before.error <= evidence.bound.error:  # what stands out of it is wrong, or nothing
        return place
    tries: list[Callable[[], Diagnosis | None]] = [
        lambda: rearranged(evidence),
        lambda: scaled_or_shifted(evidence),
        lambda: place if place is not None and place.is_whole else None,
        lambda: coarser_type(evidence, precision, rounded),
        lambda: mistake_made(evidence, reference, input_names, deadline),
        lambda: place,
    ]
    for attempt in tries:
        found = attempt()
        if found is not None:
            return found
    return None
