"""Outputs of a coarser type than was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ttci.checks.number_types import Precision, rounded_weight
from ttci.diagnosis.agreement import Diagnosis, Evidence, agreement, shown

_TYPES = ("bfloat16", "float8_e4m3fn", "bfloat8_b", "bfloat4_b")  # from finer to coarser
_HELD = 0.999  # of the values
_ALIKE = 2.0  # times smaller or larger the error may be than what the type itself makes

RoundedReference = Callable[[Precision], Tensor | None]


def coarser_type(
    evidence: Evidence, precision: Precision | None, rounded: RoundedReference
) -> Diagnosis | None:
    """The type of output or weights, where a coarser one than the device's fits.

    Args:
        evidence: the output and its reference.
        precision: of the device; None where it computes in float32.
        rounded: the reference with the rounding of a device of some precision; None where it does not run so.
    """
    if evidence.output.shape != evidence.reference.shape or not evidence.output.isfinite().all():
        return None
    own = "float32" if precision is None else precision.dtype_name
    return _of_output(evidence, own) or _of_weights(evidence, precision, rounded)


def _of_output(evidence: Evidence, own: str) -> Diagnosis | None:
    """Every value is one of the coarser type's, whose rounding makes about as large an error as is seen."""
    y, x = evidence.output.float(), evidence.reference.float()
    for name in _coarser_than(own):
        held = (rounded_weight(y, name) == y).double().mean().item()
        by_type = agreement(rounded_weight(x, name), x)
        ratio = evidence.before.error / by_type.error if by_type.error else 0.0
        if held >= _HELD and 1 / _ALIKE <= ratio <= _ALIKE and by_type.error > evidence.bound.error:
            text = (
                f"the output's values are all of {name}, coarser than {own}: rounding the reference to it "
                f"makes as large an error (correlation {shown(by_type.correlation)}, the output's "
                f"{shown(evidence.before.correlation)})"
            )
            return Diagnosis(text, f"its values are all of {name}, coarser than {own}", 0.0)
    return None


def _of_weights(
    evidence: Evidence, precision: Precision | None, rounded: RoundedReference
) -> Diagnosis | None:
    own = "float32" if precision is None else precision.weight_dtype
    dtype = torch.bfloat16 if precision is None else precision.dtype
    for name in _coarser_than(own):
        reference = rounded(Precision(dtype, name))
        after = None if reference is None else evidence.confirmed(evidence.output, reference)
        if after is not None:
            brief = f"what the reference gives with weights of {name}, coarser than {own}"
            return Diagnosis(f"the output is {brief} {evidence.then(after)}", brief, after.error)
    return None


def _coarser_than(own: str) -> Sequence[str]:
    return _TYPES[_TYPES.index(own) + 1 :] if own in _TYPES else _TYPES
