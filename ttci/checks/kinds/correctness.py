"""Is the output right?"""

from __future__ import annotations

from dataclasses import replace

from ttci.checks.protocol import Capability, Check, Findings, Subject


class Correctness(Check):
    """The outputs against a float32 reference."""

    title = "is the output right?"
    advice = "Compare with the reference at the row, column or element that the message names."
    needs = Capability.NUMBERS
    by_tolerance = True

    def findings(self, subject: Subject) -> Findings:
        """Judge the outputs of two forward passes; where they are wrong, say which mistake explains it."""
        from ttci.checks.correctness import call_problems, check_correctness
        from ttci.checks.logits import check_logits

        observed = subject.observe()
        if subject.is_language_model:
            findings = check_logits(observed, subject.tolerance)
        else:
            findings = check_correctness(
                observed,
                subject.tolerance,
                subject.expected_shape,
                exact=subject.dtype_name == "float32",
                rounded=subject.rounded_references,
            )
        if not findings.problems:
            return findings
        problems = [*findings.problems]
        found = None if subject.is_language_model else subject.explanation(observed)
        if found is not None:
            causes = len([*call_problems(observed)])
            problems = [*problems[:causes], found.brief, *problems[causes:], *found.sentences]
        problems += filter(None, [subject.kept(observed)])
        return replace(findings, problems=tuple(problems), error_map=subject.error_map(observed))
