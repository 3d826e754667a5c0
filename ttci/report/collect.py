"""A report: what many pairs left, from their folders and the plan they came from.

Nothing that is wrong with the input is raised, and nothing that was added to it can
make the report look better: what cannot be read, what is missing and what is there
twice stand in the report as problems beside the rest.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ttci.artifacts import ended, names
from ttci.artifacts.bounded import check_readable
from ttci.artifacts.comparison_files import read_comparisons
from ttci.artifacts.find import Found, look_below, pair_named
from ttci.artifacts.plan_file import LeftOut, Planned, read_planned
from ttci.errors import ExitCode, InputError, MachineryError, quoted, worst
from ttci.manifest import Manifest, Pair
from ttci.report.limits import KnownLimits
from ttci.results import Outcome, Result, Run, Verdict, exit_code, read_run
from ttci.results.comparison import ComparisonRun
from ttci.text.one_line import one_line

if TYPE_CHECKING:
    from ttci.drift.judgement import HistoryView

MOST_BYTES = 256 * 2**20  # of every run.json together; they take a few times that in memory


@dataclass(frozen=True)
class Problem:
    """Why a pair, or the report, is incomplete: shown, counted, and never well."""

    text: str
    exit_code: ExitCode = ExitCode.MACHINERY

    @property
    def outcome(self) -> Outcome:
        """As which outcome it counts."""
        is_absent = self.exit_code in (ExitCode.UNAVAILABLE, ExitCode.NOTHING_MATCHED)
        return Outcome.UNAVAILABLE if is_absent else Outcome.ERROR


@dataclass(frozen=True)
class PairReport:
    """What one folder of a pair holds; folder is None where a planned pair left none."""

    pair: str
    folder: Path | None = None
    run: Run | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def problem(self) -> str | None:
        """Why it is incomplete; None where it is not."""
        return "; ".join(problem.text for problem in self.problems) or None

    @property
    def results(self) -> tuple[Result, ...]:
        """Of its checks; none where no run.json could be read."""
        return self.run.results if self.run else ()

    @property
    def is_cached(self) -> bool:
        """Whether its results are copies of an earlier run's."""
        return self.run is not None and self.run.environment.cached is not None

    @cached_property
    def outcomes(self) -> Counter[Outcome]:
        """How often each outcome was reached, its problems included."""
        return Counter([*(result.outcome for result in self.results), *(p.outcome for p in self.problems)])

    @cached_property
    def exit_code(self) -> ExitCode:
        """What it ends with."""
        return worst(
            [*(p.exit_code for p in self.problems), *([exit_code(self.results)] if self.run else [])]
        )

    def having(self, *problems: Problem) -> PairReport:
        """With these problems beside its own."""
        return replace(self, problems=self.problems + problems)


@dataclass(frozen=True)
class Report:
    """Many pairs.

    Attributes:
        pairs: an entry a folder, and one for each planned pair that left none.
        left_out: pairs that were not to run, and why.
        problems: of no pair, such as a torn plan.
        comparisons: of two commits, measured beside each other: the newer is that of the runs.
        history: its figures beside what earlier runs measured; None where nobody asked for it.
        manifest: says which devices have the same limits, and which targets there are; None where
            it is not at hand.
    """

    pairs: tuple[PairReport, ...]
    left_out: tuple[LeftOut, ...] = ()
    problems: tuple[Problem, ...] = ()
    comparisons: tuple[ComparisonRun, ...] = ()
    history: HistoryView | None = None
    manifest: Manifest | None = None

    @cached_property
    def limits(self) -> KnownLimits:
        """What its runs tell of the limits of tests."""
        return KnownLimits((entry.run for entry in self.pairs if entry.run), self.manifest)

    @cached_property
    def outcomes(self) -> Counter[Outcome]:
        """How often each outcome was reached, every problem included."""
        own = Counter(problem.outcome for problem in self.problems)
        return sum((entry.outcomes for entry in self.pairs), start=own)

    @cached_property
    def verdicts(self) -> Counter[Verdict]:
        """How often each verdict was reached."""
        return Counter(m.verdict for entry in self.pairs for r in entry.results for m in r.measurements)

    @cached_property
    def exit_code(self) -> ExitCode:
        """What it ends with: the code that most needs a person."""
        codes = [problem.exit_code for problem in self.problems]
        return worst([*codes, *(entry.exit_code for entry in self.pairs)])

    def having(self, problems: Mapping[Path, Problem]) -> Report:
        """With these problems at the pairs of these folders."""
        pairs = tuple(
            entry.having(problems[entry.folder]) if entry.folder and entry.folder in problems else entry
            for entry in self.pairs
        )
        return replace(self, pairs=pairs)


def report_of(runs: Iterable[Run], manifest: Manifest | None = None) -> Report:
    """A report of nothing but these runs."""
    return Report(tuple(PairReport(run.pair, run=run) for run in runs), manifest=manifest)


def collect(folders: Sequence[Path], plan: Path | None = None) -> Report:
    """Everything that the pairs below `folders` left, and what `plan` and their plan.json miss.

    Raises:
        InputError: there is no plan where `plan` says.
    """
    if plan is not None and not plan.is_file():
        raise InputError(f"--plan {plan}: there is no such file")
    problems = [Problem(f"{folder}: there is no such folder") for folder in folders if not folder.is_dir()]
    below = {folder: look_below(folder) for folder in folders}
    problems += [Problem(reason) for found in below.values() for reason in found.unread]
    plans = [path for found in below.values() for path in found.plans] + ([plan] if plan else [])
    planned = Planned()
    for path in plans:
        try:
            planned |= read_planned(path)
        except MachineryError as error:
            problems.append(Problem(str(error)))
    comparisons, torn = read_comparisons(
        (path, root) for root, inside in below.items() for path in inside.comparisons
    )
    problems += map(Problem, torn)
    found = _without_doubles(_read_all(_folders_of_pairs(below)))
    names = {entry.pair for entry in found}
    missing = [
        PairReport(
            pair, problems=(Problem("planned, and it left nothing: its job did not run, or was lost"),)
        )
        for pair in planned.pairs
        if pair not in names
    ]
    left_out = tuple(entry for entry in planned.left_out if entry.pair not in names)
    pairs = sorted([*found, *missing], key=lambda entry: (entry.pair, str(entry.folder)))
    return Report(tuple(pairs), left_out, tuple(problems), tuple(comparisons))


def _folders_of_pairs(below: Mapping[Path, Found]) -> dict[Path, Path]:
    """Each folder of a pair once, with the root it was found below."""
    found: dict[str, tuple[Path, Path]] = {}
    for root, inside in below.items():
        for folder in inside.pairs:
            found.setdefault(os.path.abspath(folder), (folder, root))  # noqa: PTH100  # a link is another
    return dict(found.values())


def _read_all(roots: Mapping[Path, Path]) -> Iterator[PairReport]:
    left_bytes = MOST_BYTES
    for folder, root in roots.items():
        entry, size = _read(root, folder, left_bytes)
        left_bytes -= size
        yield entry


def _read(root: Path, folder: Path, left_bytes: int) -> tuple[PairReport, int]:
    """One folder, and how many bytes its run.json has."""
    entry = PairReport(pair_named(folder) or one_line(quoted(folder.name)), folder)
    if not folder.resolve().is_relative_to(root.resolve()):
        return entry.having(Problem(f"{folder}: leads out of {quoted(str(root))}; it is not read")), 0
    entry = _with_end(entry, folder)
    path = folder / names.RUN
    if not path.exists() and not path.is_symlink():
        return entry if entry.problems else entry.having(_left_none(folder)), 0
    try:
        size = _checked_size(path, folder, left_bytes)
        return _with_run(entry, folder, read_run(path)), size
    except MachineryError as error:
        return entry.having(Problem(str(error))), 0


def _checked_size(path: Path, folder: Path, left_bytes: int) -> int:
    size = check_readable(path, folder)
    if size > left_bytes:
        raise MachineryError(
            f"{path}: not read: {MOST_BYTES // 2**20} MiB of results are read already; report it by itself"
        )
    return size


def _with_run(entry: PairReport, folder: Path, run: Run) -> PairReport:
    """What is reported of a pair, with its run.

    Raises:
        MachineryError: where it is no run of this pair.
    """
    try:
        pair = str(Pair.parse(run.pair))
    except InputError as error:
        raise MachineryError(f"{folder / names.RUN}: {error}") from None
    if pair_named(folder) not in (None, pair):
        raise MachineryError(f"{folder / names.RUN}: the run of another pair, {pair}")
    entry = replace(entry, pair=pair, run=run)
    if run.finished is None:
        entry = entry.having(Problem(f"{folder}: the run never finished; its log.txt says why"))
    return entry


def _left_none(folder: Path) -> Problem:
    return Problem(f"{folder}: the run left no run.json; its log.txt says why")


def _with_end(entry: PairReport, folder: Path) -> PairReport:
    path = folder / names.ENDED
    if not path.exists():
        return entry
    try:
        end = ended.read_ended(path)
    except MachineryError as error:
        return entry.having(Problem(str(error)))
    if pair_named(folder) not in (None, end.pair):
        return entry.having(Problem(f"{path}: the end of another pair, {quoted(end.pair)}"))
    return entry.having(Problem(end.reason, ExitCode(end.exit_code)))


def _without_doubles(entries: Iterable[PairReport]) -> list[PairReport]:
    """With a problem at the second folder of a pair: which of them counts is not ours to guess."""
    first: dict[str, Path | None] = {}
    found = []
    for entry in entries:
        if entry.pair in first:
            what = f"{entry.folder}: a second folder of this pair, beside {first[entry.pair]}"
            entry = entry.having(Problem(what))
        first.setdefault(entry.pair, entry.folder)
        found.append(entry)
    return found
