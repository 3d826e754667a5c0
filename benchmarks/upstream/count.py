"""How much of ttnn ttci's mock follows: upstream's own tests on a mock board, counted by folder.

    nox -s upstream -- CHECKOUT [--board n150] [--most 30] [--json FILE] [PATHS]

CHECKOUT is a folder of tenstorrent/tt-metal, of which no file is kept here. A test counts as one that
could run unless upstream itself skips it, its file does not import, it uses what the installed ttnn
does not have, or ttnn itself refuses it: the last line says how many, each by its reason.
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
from pathlib import Path

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase

from ttci.text.table import align

DEFAULT_PATHS = ("tests/ttnn/unit_tests/operations", "tests/ttnn/nightly/unit_tests/operations")
_PLUGIN = "at_most"
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
}
FOLLOWS = "GoldenError"


def reason(case: TestCase) -> str:
    """``passed``, ``failed``, ``not followed``, or why the test says nothing of ttci."""
    results = case.result
    if not results:
        return "passed"
    if any(isinstance(result, Skipped) for result in results):
        return "skipped by upstream"
    told = "\n".join(
        f"{result.message}\n{result.text}" for result in results if isinstance(result, Failure | Error)
    )
    last = last_exception(told)
    if FOLLOWS in last:
        return "not followed"
    return next((kind for kind, pattern in _NOT_TTCI.items() if pattern.search(last)), "failed")


def last_exception(told: str) -> str:
    """The first line of what pytest says of a failure, which is its exception."""
    lines = [line for line in told.splitlines() if line.strip()]
    return lines[0] if lines else ""


def run(checkout: Path, board: str, most: int, workers: int, paths: Iterable[str]) -> list[TestCase]:
    """Run upstream's tests, each of the first `most` parametrizations of a function."""
    with tempfile.TemporaryDirectory() as folder:
        junit = Path(folder, "junit.xml")
        command = [
            *(sys.executable, "-m", "pytest", "--ttnn-mock", board, "-p", _PLUGIN, "--most", str(most)),
            *("-n", str(workers), "-q", "--no-header", "--import-mode=importlib", "--tb=short"),
            *("-o", "addopts=", "-o", "junit_logging=no", "-p", "no:cacheprovider", "-p", "no:benchmark"),
            *("--max-worker-restart=1000", "--continue-on-collection-errors", f"--junit-xml={junit}", *paths),
        ]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join((str(checkout), str(Path(__file__).parent))),
            "OMP_NUM_THREADS": "1",
            "CI": "",
        }
        subprocess.run(command, cwd=checkout, env=environment, check=False, stderr=subprocess.DEVNULL)
        return [case for suite in JUnitXml.fromfile(str(junit)) for case in suite]


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
    cases = run(
        arguments.checkout.resolve(), arguments.board, arguments.most, arguments.workers, arguments.paths
    )
    by_folder: dict[str, Counter[str]] = defaultdict(Counter)
    others: Counter[str] = Counter()
    for case in cases:
        kind = reason(case)
        by_folder[folder_of(case)][kind] += 1
        if kind not in ("passed", "failed", "not followed"):
            others[kind] += 1
    if arguments.json:
        told = [
            [
                case.classname,
                case.name,
                reason(case),
                "".join(str(result.message) for result in case.result)[:600],
            ]
            for case in cases
        ]
        arguments.json.write_text(json.dumps(told))
    rows: list[tuple[str, ...]] = [("folder", "passed", "of", "share", "not followed")]
    total: Counter[str] = Counter()
    for folder, counts in sorted(by_folder.items()):
        rows.append(_row(folder, counts))
        total += counts
    rows.append(_row("all", total))
    print(align(rows))
    print("could not run: " + "; ".join(f"{count} {kind}" for kind, count in others.most_common()))


def _row(folder: str, counts: Counter[str]) -> tuple[str, ...]:
    ran = counts["passed"] + counts["failed"] + counts["not followed"]
    share = f"{100 * counts['passed'] / ran:.1f} %" if ran else "-"
    return folder, str(counts["passed"]), str(ran), share, str(counts["not followed"])


if __name__ == "__main__":
    main()
