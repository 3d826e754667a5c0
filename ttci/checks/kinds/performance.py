"""Is it fast enough?"""

from __future__ import annotations

from ttci.checks.performance import check_language_model, check_performance
from ttci.checks.protocol import Capability, Check, Findings, Subject


class Performance(Check):
    """The latency of a forward pass."""

    title = "is it fast enough?"
    advice = "Look at what has changed since the last run that met the target, or adapt the target."
    needs = Capability.TIMING

    def findings(self, subject: Subject) -> Findings:
        """Measure the latency; of decoding also how many tokens each user gets."""
        if subject.is_language_model:
            whole, prompt = subject.time_forward(), subject.time_prompt()
            return check_language_model(whole, prompt, subject.decode_steps)
        return check_performance(subject.time_forward(), is_decode_step=subject.is_decode_step)
