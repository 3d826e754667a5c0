"""The words of a result: what a check came to, and what is said of a measurement."""

from __future__ import annotations

from enum import Enum


class _Word(str, Enum):
    def __str__(self) -> str:
        return str(self.value)


class Fidelity(_Word):
    """How much a device's numbers mean."""

    REFERENCE = "reference"  # torch
    GOLDEN = "golden"  # mock: ttnn's own torch goldens, in float32
    MODELLED = "modelled"  # mock: goldens that multiply and sum as the matrix engine does
    BIT_EXACT = "bit-exact"  # simulator
    SILICON = "silicon"


class Outcome(_Word):
    """Of a check."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"  # could not be judged: crash, hang, exception
    UNAVAILABLE = "unavailable"  # the device or an implementation is not here


class State(_Word):
    """How far a check got before the run ended."""

    WAITING = "waiting"  # it had not begun
    RUNNING = "running"
    LOST = "lost"  # it took its process along: a crash, a hang
    DEBUGGING = "debugging"  # it was judged, and its operations were being recorded
    JUDGED = "judged"


class Verdict(_Word):
    """Of a measurement against its target."""

    MET = "met"
    MISSED = "missed"
    IMPROVED = "improved"  # better than the target by more than the tolerance
    NO_TARGET = "no-target"
    NO_MEASUREMENT = "no-measurement"
    REPORT_ONLY = "report-only"

    @property
    def fails(self) -> bool:
        """Whether a check with this verdict fails."""
        return self in (Verdict.MISSED, Verdict.NO_MEASUREMENT)


class Drift(_Word):
    """Of a measurement against history."""

    SAME = "same"
    SLOWER = "slower"  # worse, whatever is measured
    FASTER = "faster"
    NEW = "new"  # history holds nothing of it
    GONE = "gone"  # history holds it, and the run does not
    INCOMPARABLE = "incomparable"  # measured under other conditions: machine, shape, version
    TOO_FEW = "too-few"  # earlier runs to say anything


class Comparison(_Word):
    """Of a measurement of two commits, side by side on one machine."""

    SAME = "same"  # or changed by less than matters
    SLOWER = "slower"  # worse, whatever is measured
    FASTER = "faster"
    UNSURE = "unsure"
