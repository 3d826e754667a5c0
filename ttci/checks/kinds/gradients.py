"""Do the gradients hold?"""

from __future__ import annotations

from ttci.checks.protocol import Capability, Check, Findings, Subject


class Gradients(Check):
    """Autograd against finite differences."""

    title = "do the gradients of input and parameters hold?"
    advice = (
        "Look at the backward pass of what the named tensor goes through; see docs/explanation/gradients.md."
    )
    needs = Capability.AUTOGRAD
    of_modules_only = True  # a decode step has none, and a kernel's would be torch's own
    on_few_tokens = True

    def findings(self, subject: Subject) -> Findings:
        """Judge the gradient of every input and parameter."""
        from ttci.checks.gradients import check_gradients

        problem = subject.differentiable()
        with problem.entered():
            return check_gradients(problem.forward, problem.wanted)
