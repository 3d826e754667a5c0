"""Outputs that are the reference times a constant, plus a constant."""

from __future__ import annotations

from torch import Tensor

from ttci.diagnosis.agreement import Diagnosis, Evidence

_LEAST = 0.02  # of a scale from 1, or of a shift in standard deviations: less is a matter of precision


def scaled_or_shifted(evidence: Evidence) -> Diagnosis | None:
    """Divided by a constant, or less one, or both: one or two fitted numbers."""
    if evidence.output.shape != evidence.reference.shape or evidence.reference.numel() < 16:
        return None
    y, x = evidence.output.double(), evidence.reference.double()
    spread = x.std().item()
    for scale, shift in _fits(y, x):
        is_scaled, is_shifted = abs(scale - 1) > _LEAST, abs(shift) > _LEAST * spread
        if scale == 0 or not (is_scaled or is_shifted):
            continue
        after = evidence.confirmed((y - shift) / scale)
        if after is not None:
            repaired = f"once it is {_repair(scale, shift)}"
            text = f"the output agrees with the reference {repaired} {evidence.then(after)}"
            return Diagnosis(text, f"right {repaired}", after.error)
    return None


def _fits(y: Tensor, x: Tensor) -> list[tuple[float, float]]:
    """Scale and shift: one alone before both."""
    size = x.square().sum().item()
    mean_x, mean_y = x.mean().item(), y.mean().item()
    variance = (x - mean_x).square().sum().item()
    if not size or not variance:
        return []
    slope = ((x - mean_x) * (y - mean_y)).sum().item() / variance
    return [((x * y).sum().item() / size, 0.0), (1.0, mean_y - mean_x), (slope, mean_y - slope * mean_x)]


def _repair(scale: float, shift: float) -> str:
    parts = []
    if shift:
        parts.append(f"{'lowered' if shift > 0 else 'raised'} by {abs(shift):.4g}")
    if scale == -1 or abs(scale + 1) < 0.01:
        parts.append("negated")
    elif scale != 1:
        parts.append(f"divided by {scale:.4g}")
    return " and ".join(parts)
