"""A duration in words, as precisely as a person reads it."""

from __future__ import annotations

_LONGEST = 99.5  # of a unit, before the next larger one is taken


def duration_text(seconds: float) -> str:
    """Two digits and a unit: 0.25 s, 41 s, 3.5 min, 2 h."""
    minutes, hours = seconds / 60, seconds / 3600
    if seconds < _LONGEST:
        return f"{seconds:.2g} s"
    return f"{minutes:.2g} min" if minutes < _LONGEST else f"{hours:.3g} h"
