"""The names of the files that runs and reports leave: nothing else of ttci spells them."""

from __future__ import annotations

# Of a pair, in reports/<model>@<device>/.
RUN, JUNIT, BENCHMARK, LOG, ENDED = "run.json", "junit.xml", "benchmark.json", "log.txt", "ended.json"
PAIR_FILES = (RUN, JUNIT, BENCHMARK, LOG, ENDED)
TENSORS = "tensors"  # the folder of those of failed checks, where they are kept
PARTS = ("spread", "alone")  # folders of a pair with workers, while it runs
DEBUG = "debug"  # the folder of what debug runs found
AGAIN = "again"  # the folder of what is measured once more
# Of many pairs: what was planned, beside their folders; and what a report says of them.
PLAN = "plan.json"
COMPARISON, COMPARISON_PAGE = "comparison.json", "compare.html"  # of two commits
REPORT, PAGE, SUMMARY = "report.json", "report.html", "summary.md"
# Of a report for GitLab, which suggests these names, and for Buildkite.
CODE_QUALITY, METRICS = "gl-code-quality-report.json", "metrics.txt"
BUILDKITE = "buildkite-annotation.md"
# The file of every check in node ids of pytest and class names of JUnit, wherever ttci is installed.
SUITE = "ttci/tests/test_checks.py"
SUITE_MODULE = "ttci.tests.test_checks"
