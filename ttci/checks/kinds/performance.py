"""Is it fast enough?"""

from __future__ import annotations

from ttci.checks.performance import check_performance
from ttci.checks.protocol import Capability, Check, Findings, Subject


class Performance(Check):
    """The latency of a forward pass."""

    title = "is it fast enough?"
    advice = "Look at what has changed since the last run that met the target, or adapt the target."
    needs = Capability.TIMING

    def findings(self, subject: Subject) -> Findings:
        """Measure the latency; of a decode step also how many tokens each user gets."""
        return check_performance(subject.time_forward(), is_decode_step=subject.is_decode_step)
