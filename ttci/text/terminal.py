"""What the output is: a terminal, and how wide; a log that keeps every stroke."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

_CI_VARIABLES = ("CI", "GITHUB_ACTIONS")
_OFF = ("", "0", "false")


def can_be_redrawn() -> bool:
    """Whether lines may be drawn over: in a terminal, and never in CI, whose log keeps every stroke."""
    return sys.stdout.isatty() and not is_ci(os.environ)


def terminal_width() -> int | None:
    """Characters on a line of the terminal that is printed to; None where it is none, or in CI."""
    if not can_be_redrawn():
        return None
    from shutil import get_terminal_size  # a twentieth of a short command

    return get_terminal_size().columns


def is_ci(environ: Mapping[str, str]) -> bool:
    """Whether a CI service runs this: one of its variables is set, and not to 0 or false."""
    return any(environ.get(name, "").strip().lower() not in _OFF for name in _CI_VARIABLES)
