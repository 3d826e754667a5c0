"""What a merge request of GitLab reads beside JUnit: a code quality report, and metrics.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
https://docs.gitlab.com/ci/testing/metrics_reports/

GitLab compares both with those of the target branch. Two findings with one fingerprint
are one to it, and it reads no further than a finding without a place, so that each has
a fingerprint of its own and a place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any

from ttci.export.points import Point
from ttci.report import FAIL_ON_SLOWER
from ttci.report.finding import Finding, Place
from ttci.report.ranking import Rank
from ttci.text.one_line import one_line

_MOST_CHARACTERS = 1000  # of a description: a traceback is for JUnit
_SEVERITIES = {  # GitLab's words; every other rank is "info"
    Rank.INCOMPLETE: "blocker",
    Rank.ERROR: "critical",
    Rank.WRONG: "critical",
    Rank.MISSED: "major",
    Rank.SLOWER: "minor",
    Rank.UNAVAILABLE: "minor",
}
_UNFIT_FOR_A_METRIC = re.compile(r"[^a-zA-Z0-9_]")


def code_quality(findings: Sequence[Finding], elsewhere: Place, fail_on: str) -> list[dict[str, Any]]:
    """An entry a finding.

    Args:
        findings: what hurts most first.
        elsewhere: the place of what has none of its own.
        fail_on: one of `ttci.report.FAIL_ON`.
    """
    severities = _SEVERITIES | ({Rank.SLOWER: "major"} if fail_on in FAIL_ON_SLOWER else {})
    met: Counter[tuple[str, str]] = Counter()
    entries = []
    for finding in findings:
        rule = f"ttci/{finding.rank.name.lower()}"
        place = finding.place or elsewhere
        entries.append(
            {
                "description": one_line(f"{finding.identity}: {finding.text}", _MOST_CHARACTERS),
                "check_name": rule,
                "fingerprint": _fingerprint(finding.identity, rule, met[finding.identity, rule]),
                "severity": severities.get(finding.rank, "info"),
                "location": {"path": place.file, "lines": {"begin": max(place.line, 1)}},
            }
        )
        met[finding.identity, rule] += 1
    return entries


def _fingerprint(identity: str, rule: str, count: int) -> str:
    """The same in every run: neither what was measured nor the line has a part in it."""
    return sha256(f"{identity}\0{rule}\0{count}".encode(errors="backslashreplace")).hexdigest()


def metric_lines(points: Iterable[Point]) -> Iterator[str]:
    """OpenMetrics: a gauge a metric, labelled with the identity of its check.

    https://prometheus.io/docs/specs/om/open_metrics_spec/
    """
    samples: dict[str, dict[str, float]] = {}
    for point in points:
        name = f"ttci_{_UNFIT_FOR_A_METRIC.sub('_', point.measurement.name)}"
        samples.setdefault(name, {}).setdefault(point.result.id, point.value)
    for name in sorted(samples):
        yield f"# TYPE {name} gauge\n"
        for identity, value in sorted(samples[name].items()):
            yield f'{name}{{id="{_label(identity)}"}} {value!r}\n'
    yield "# EOF\n"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
