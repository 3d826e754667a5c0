"""Why and where an output is wrong: what `ttci.diagnosis` says of a prepared test that has failed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from ttci.checks.correctness import Observed
from ttci.checks.number_types import Precision
from ttci.checks.outcome import Explanation
from ttci.checks.rounding import Roughness
from ttci.diagnosis.agreement import Bound, Diagnosis, Evidence, shown
from ttci.diagnosis.diagnose import bound_of, diagnosed
from ttci.diagnosis.differences import worst_output
from ttci.diagnosis.error_map import OF_A_RESULT, error_map
from ttci.diagnosis.parts import WrongPart, first_wrong_part, with_output_of
from ttci.diagnosis.search import Reference, itself
from ttci.errors import describe
from ttci.results import ErrorMap
from ttci.runner.handshake import add_to_log
from ttci.testing.prepared import PreparedTest

_EXACT, _ROUNDED = 1e-3, 2e-2  # relative error of a submodule's output, whose own rounding is not measured


def explanation_of(prepared: PreparedTest, observed: Observed, tolerance: float) -> Explanation | None:
    """The mistake that explains the worst output, and the first wrong submodule, in a sentence each.

    None where nothing is confirmed.

    Whatever goes wrong meanwhile is written to the log: it must not hide the failure.
    """
    try:
        return _explanation(prepared, observed, tolerance)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the user's reference may raise anything
        add_to_log(f'test "{prepared.test.name}": no diagnosis: {describe(error)}')
        return None


def error_map_of(prepared: PreparedTest, observed: Observed) -> ErrorMap | None:
    """Where the most wrong output is wrong; None where no output can be compared.

    Whatever goes wrong meanwhile is written to the log: it must not hide the failure.
    """
    try:
        at, off = worst_output(observed.outputs, observed.references)
        return error_map(observed.outputs[at], observed.references[at], OF_A_RESULT) if off else None
    except Exception as error:  # noqa: BLE001  # memory that is not there, say
        add_to_log(f'test "{prepared.test.name}": no map of its error: {describe(error)}')
        return None


def _explanation(prepared: PreparedTest, observed: Observed, tolerance: float) -> Explanation | None:
    evidences = _evidences(prepared, observed, tolerance)
    if not evidences:
        return None
    worst = max(range(len(evidences)), key=lambda index: _times_bound(evidences[index]))
    inputs, own = prepared.inputs, prepared.rounded_references
    precision = None if own is None else own.precision
    as_rounded = None if precision is None else partial(prepared.rounded_reference, precision, Roughness())
    called = Reference(prepared.reference(), inputs.positional, inputs.keyword, worst, as_rounded)
    off = f"output {worst}: " if len(evidences) > 1 else ""
    off += _how_far(evidences[worst])
    part = _wrong_part(prepared, called, evidences[worst], tolerance)
    if part is not None:
        inner = _in_part(part, tolerance, precision)
        if inner is not None:
            sentences = (part.text, f"there, {inner.text}")
            return Explanation(f"{off}{part.brief}, there {inner.brief}", sentences)

    def as_precise(precision: Precision) -> Tensor | None:
        outputs = prepared.rounded_reference(precision, Roughness())
        return None if outputs is None else outputs[worst]

    found = diagnosed(evidences[worst], called, list(inputs.named_tensors), precision, as_precise)
    explained = [one for one in (found, part) if one is not None]
    if not explained:
        return None
    brief = "; ".join(one.brief for one in explained)
    return Explanation(f"{off}{brief}", tuple(one.text for one in explained))


def _how_far(evidence: Evidence) -> str:
    """For the begin of a line: the correlation, and where that is as it must be, how far off it is still."""
    before, least = evidence.before, evidence.bound.correlation
    if not math.isfinite(before.correlation):
        return ""  # what is not finite, or of another shape, is told by what explains it
    if before.correlation < least:
        return f"correlation {shown(before.correlation)} ({least:g} needed): "
    return f"correlation {shown(before.correlation)}, yet off by {before.error:.2g} standard deviations: "


def _evidences(prepared: PreparedTest, observed: Observed, tolerance: float) -> list[Evidence]:
    """Every output with its reference; nothing where they are not all of floating point."""
    if len(observed.outputs) != len(observed.references):
        return []
    exact = prepared.device.dtype_name == "float32"
    rounded = _rounded(prepared)
    pairs = list(zip(observed.outputs, observed.references, strict=True))
    if not all(tensor.is_floating_point() for pair in pairs for tensor in pair):
        return []
    return [
        Evidence(output.cpu(), reference, bound_of(tolerance, reference, rounded[index], exact=exact))
        for index, (output, reference) in enumerate(pairs)
    ]


def _wrong_part(
    prepared: PreparedTest, called: Reference, evidence: Evidence, tolerance: float
) -> WrongPart | None:
    """Where the whole is wrong, the first part that is; its parts cannot be followed where a call fails."""
    if called.module is None or evidence.before.error <= evidence.bound.error:
        return None
    bound = Bound(1 - tolerance, math.sqrt(2 * tolerance))
    implementation = itself(prepared.run_on_device)

    def explains(part: WrongPart) -> bool:
        """An implementation of another kind may have fused what follows into a part."""
        if isinstance(implementation, nn.Module):
            return True
        mistaken = called.outputs(with_output_of(part))[called.output]
        return evidence.confirmed(evidence.output, mistaken) is not None

    try:
        return first_wrong_part(
            called.module,
            called.outputs,
            implementation,
            prepared.forward_anew,
            prepared.read,
            bound,
            explains,
        )
    except Exception as error:  # noqa: BLE001  # an implementation may refuse to be followed in any way
        add_to_log(f'test "{prepared.test.name}": its submodules are not compared: {describe(error)}')
        return None


def _in_part(part: WrongPart, tolerance: float, precision: Precision | None) -> Diagnosis | None:
    """The mistake that explains the part's own output."""
    call = part.call
    bound = Bound(1 - tolerance, _EXACT if precision is None else _ROUNDED)
    evidence = Evidence(part.output, call.outputs[0], bound)
    return diagnosed(
        evidence,
        Reference(part.module, call.args, call.kwargs),
        [f"input {index}" for index in range(len(call.inputs))],
        precision,
        lambda _: None,
    )


def _rounded(prepared: PreparedTest) -> Sequence[Tensor | None]:
    """The references with the device's rounding; nothing of those that cannot be computed so."""
    nothing = [None] * len(prepared.references)
    own = prepared.rounded_references
    outputs = None if own is None else own.compute(Roughness())
    return outputs if outputs is not None and len(outputs) == len(nothing) else nothing


def _times_bound(evidence: Evidence) -> float:
    error = evidence.before.error
    return math.inf if math.isnan(error) else error / evidence.bound.error
