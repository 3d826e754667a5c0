"""How much of ttnn ttci's mock follows: upstream's own tests on a mock board, counted by folder.

    nox -s upstream -- CHECKOUT [--board n150] [--most 30] [--json FILE] [PATHS]

CHECKOUT is a folder of tenstorrent/tt-metal, of which no file is kept here. A test counts as one that
could run unless upstream itself skips it, its file does not import, it uses what the installed ttnn
does not have, ttnn itself refuses it, or the installed torch refuses what the test itself computes: the
last line says how many, each by its reason.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from junitparser import JUnitXml, Skipped, TestCase

from ttci.text.table import align

DEFAULT_PATHS = ("tests/ttnn/unit_tests/operations", "tests/ttnn/nightly/unit_tests/operations")
_PLUGIN = "at_most"
_OWN_ARITHMETIC = "the installed torch does not do the test's own arithmetic"
_FRAME = re.compile(r"^(\S+\.py):\d+: in ", re.MULTILINE)
# Reasons for which a test says nothing of ttci, by what its last exception says.
_NOT_TTCI = {
    "needs a package, a file or the network": re.compile(
        r"ModuleNotFoundError|FileNotFoundError|OSError|LocalEntryNotFound|ConnectionError|collection failure"
        r"|No such file|does not appear to have a file|BackendCompilerFailed|ImportError"
    ),
    "the installed ttnn has another interface": re.compile(
        r"has no attribute|incompatible function arguments|unexpected keyword argument"
        r"|incompatible constructor|fixture '\w+' not found"
    ),
    "ttnn itself refuses it": re.compile(r"TT_FATAL|TT_THROW|Out of Memory"),
    _OWN_ARITHMETIC: re.compile(
        r"not implemented for '(BComplex32|UInt16|UInt32)'|Promotion for uint16, uint32, uint64 types"
        r"|did not match UInt32|but got CPUUInt32Type|isneginf does not support complex"
        r"|running_mean and running_var must either both be None"
    ),
}
_RAN = ("passed", "failed", "not followed")


@dataclass(frozen=True)
class Outcome:
    """Of one test: ``passed``, ``failed``, ``not followed``, or why it says nothing of ttci."""

    folder: str
    name: str
    reason: str
    exception: str


def outcome_of(case: TestCase) -> Outcome:
    """What a test of the report came to; its message begins with its exception."""
    exception = "\n".join(str(result.message) for result in case.result)
    return Outcome(folder_of(case), f"{case.classname}::{case.name}", _reason(case, exception), exception)


def _reason(case: TestCase, exception: str) -> str:
    if not case.result:
        return "passed"
    if any(isinstance(result, Skipped) for result in case.result):
        return "skipped by upstream"
    first_line = exception.strip().partition("\n")[0]
    if "GoldenError" in first_line:
        return "not followed"
    reasons = [reason for reason, pattern in _NOT_TTCI.items() if pattern.search(first_line)]
    if _OWN_ARITHMETIC in reasons and not _raised_by_the_test(case):
        reasons.remove(_OWN_ARITHMETIC)
    return next(iter(reasons), "failed")


def _raised_by_the_test(case: TestCase) -> bool:
    """Whether the last line of ttci's, ttnn's or the checkout's that ran is one of the checkout's."""
    frames = _FRAME.findall("\n".join(str(result.text) for result in case.result))
    own = [path for path in frames if "site-packages/torch/" not in path]
    return bool(own) and own[-1].startswith(("tests/", "models/"))


def run(checkout: Path, board: str, most: int, workers: int, paths: Iterable[str]) -> list[TestCase]:
    """Run upstream's tests, at most `most` parametrizations of a function."""
    with tempfile.TemporaryDirectory() as folder:
        junit = Path(folder, "junit.xml")
        command = [
            *(sys.executable, "-m", "pytest", "--ttnn-mock", board, "-p", _PLUGIN, "--most", str(most)),
            *("-n", str(workers), "-q", "--no-header", "--import-mode=importlib", "--tb=short"),
            *("-o", "addopts=", "-o", "junit_logging=no", "-p", "no:cacheprovider", "-p", "no:benchmark"),
            *("--max-worker-restart=1000", "--continue-on-collection-errors", f"--junit-xml={junit}", *paths),
        ]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(checkout), str(Path(__file__).parent), *_python_path()]),
            "OMP_NUM_THREADS": "1",
            "CI": "",  # upstream's conftest renames the report where it is true
        }
        ran = subprocess.run(
            command, cwd=checkout, env=environment, check=False, stderr=subprocess.PIPE, text=True
        )
        if not junit.exists():
            sys.exit(f"{ran.stderr}\npytest ended with {ran.returncode} before it wrote a report")
        return [case for suite in JUnitXml.fromfile(str(junit)) for case in suite]


def _python_path() -> list[str]:
    """Where the caller has Python look first."""
    return [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]


def folder_of(case: TestCase) -> str:
    """The folder of a test's file."""
    return "/".join((case.classname or "").split(".test_")[0].split("."))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("paths", nargs="*", default=DEFAULT_PATHS)
    parser.add_argument("--board", default="n150")
    parser.add_argument("--most", type=int, default=30, help="parametrizations of one function")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--json", type=Path, help="write each test's outcome to this file")
    arguments = parser.parse_intermixed_args()
    if not arguments.checkout.is_dir():
        parser.error(f"{arguments.checkout} is no folder")
    outcomes = list(map(outcome_of, run(arguments.checkout.resolve(), **_choices(arguments))))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes]))
    by_folder: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        by_folder[outcome.folder][outcome.reason] += 1
    total = sum(by_folder.values(), Counter[str]())
    rows = [_row(folder, counts) for folder, counts in [*sorted(by_folder.items()), ("all", total)]]
    print(align([("folder", "passed", "of", "share", "not followed"), *rows]))
    others = (f"{count} {reason}" for reason, count in total.most_common() if reason not in _RAN)
    print("could not run: " + ("; ".join(others) or "none"))


def _choices(arguments: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in ("board", "most", "workers", "paths")}


def _row(folder: str, counts: Counter[str]) -> tuple[str, ...]:
    ran = sum(counts[reason] for reason in _RAN)
    share = f"{100 * counts['passed'] / ran:.1f} %" if ran else "-"
    return folder, str(counts["passed"]), str(ran), share, str(counts["not followed"])


if __name__ == "__main__":
    main()
