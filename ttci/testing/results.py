"""What running a model's tests gave, for a person and for a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ttci.errors import ExitCode
from ttci.results import Outcome, Result, exit_code
from ttci.text.measurement import describe_figures
from ttci.text.table import align


class TestResults:
    """The result of every check of every test; print it for a table."""

    __test__ = False

    def __init__(self) -> None:
        self._results: dict[str, dict[str, Result]] = {}

    def add(self, test: str, check: str, result: Result) -> None:
        """Keep the result of one check."""
        self._results.setdefault(test, {})[check] = result

    @property
    def ok(self) -> bool:
        """Whether there are results, none failed, and not all of them are unavailable."""
        return exit_code(self) is ExitCode.OK

    def __getitem__(self, test: str) -> dict[str, Result]:
        """The results of one test, by check."""
        return self._results[test]

    def __iter__(self) -> Iterator[Result]:
        return (result for checks in self._results.values() for result in checks.values())

    def __len__(self) -> int:
        return sum(map(len, self._results.values()))

    def __str__(self) -> str:
        rows = [line_of(result) for result in self]
        counts = Counter(str(result.outcome) for result in self)
        summary = ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "no tests"
        failures = [f"\n{r.id}\n{_indented(r.message)}" for r in self if r.outcome is not Outcome.PASSED]
        table = align([("test", "check", "outcome", "measured"), *rows])
        return "\n".join([table, *failures, "", summary])


def line_of(result: Result) -> tuple[str, str, str, str]:
    """A result as a row: test, check, outcome, what was measured with its verdict."""
    return result.test, result.check, str(result.outcome), describe_figures(result)


def verdict_counts(results: Iterable[Result]) -> str:
    """How many measurements have which verdict."""
    counts = Counter(str(m.verdict) for result in results for m in result.measurements)
    return "targets: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
