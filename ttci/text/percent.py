"""A fraction as a percentage, with the digits that somebody gave it."""

from __future__ import annotations


def percent_text(fraction: float) -> str:
    """``0.5%`` of 0.005, ``10%`` of 0.1: four digits at most, and no zeros at the end."""
    return f"{100 * fraction:.4g}%"
