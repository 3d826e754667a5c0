"""Does it fit?"""

from __future__ import annotations

from ttci.checks.memory import check_memory
from ttci.checks.protocol import Capability, Check, Findings, Subject


class Memory(Check):
    """The most bytes alive in a forward pass."""

    title = "does it fit?"
    advice = "Hold weights in a smaller type, or free what is not used any more before the peak."
    needs = Capability.MEMORY
    comes_with = "performance"  # a memory target is judged along with a latency target

    def findings(self, subject: Subject) -> Findings:
        """Measure the peak."""
        return check_memory(subject.peak_memory())
