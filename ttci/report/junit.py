"""JUnit files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def merge_junit(parts: Sequence[Path], path: Path) -> None:
    """Write the cases of `parts` as one ``<testsuite name="pytest">``, as pytest would have."""
    from junitparser import JUnitXml, TestSuite

    if not parts:
        return
    merged = TestSuite("pytest")
    for part in parts:
        for suite in JUnitXml.fromfile(str(part)):
            merged.timestamp = merged.timestamp or suite.timestamp
            merged.hostname = merged.hostname or suite.hostname
            for case in suite:
                merged.add_testcase(case)
    merged.update_statistics()  # type: ignore[no-untyped-call]
    document = JUnitXml()
    document.add_testsuite(merged)
    document.write(str(path))
