"""The comparison.json files below folders of reports."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ttci.artifacts.bounded import read_bounded
from ttci.artifacts.find import look_below
from ttci.errors import MachineryError
from ttci.results.comparison import ComparisonRun, parse_comparison


def comparisons_below(roots: Iterable[Path]) -> tuple[list[ComparisonRun], list[str]]:
    """Each comparison once, and why others cannot be read."""
    return read_comparisons((path, root) for root in roots for path in look_below(root).comparisons)


def read_comparisons(places: Iterable[tuple[Path, Path]]) -> tuple[list[ComparisonRun], list[str]]:
    """The same of these files, each with the root that it was found below."""
    read: list[ComparisonRun] = []
    problems: list[str] = []
    for path, root in {path.resolve(): root for path, root in places}.items():
        try:
            read.append(parse_comparison(read_bounded(path, root), str(path)))
        except MachineryError as error:
            problems.append(str(error))
    return read, problems
