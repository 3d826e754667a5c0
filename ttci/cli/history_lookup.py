"""A check or a run that ``ttci history`` is asked for: found, and judged."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from ttci.artifacts import names
from ttci.artifacts.comparison_files import comparisons_below
from ttci.artifacts.find import pair_folders
from ttci.drift.judgement import SeriesDrift
from ttci.errors import InputError, NothingMatchedError, did_you_mean, quoted
from ttci.history import record
from ttci.history.beside_base import with_base
from ttci.history.index.index import Index
from ttci.history.index.stored_run import StoredRun
from ttci.history.series import Series
from ttci.history.stores.protocol import Store
from ttci.manifest.identity import pair_of
from ttci.manifest.schema import HistoryEntry
from ttci.results import Outcome, Run, read_run

_MOST_NAMED = 3  # checks, as an example
_ENDED = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "failed",
    Outcome.ERROR: "ended in an error",
    Outcome.UNAVAILABLE: "was unavailable",
}


@dataclass(frozen=True)
class Lookup:
    """What a history holds of a name.

    Attributes:
        name: a check's identity, or the begin of a run's id.
        settings: what the manifest says of histories.
        branch: whose runs are compared with; None where it is not known.
    """

    store: Store
    index: Index
    name: str
    settings: HistoryEntry
    branch: str | None

    @property
    def _pair(self) -> str:
        return pair_of(self.name)

    def series(self) -> list[Series]:
        """Those of the check; none where the name is no check's."""
        return [series for series in self.index.series([self._pair]) if series.identity == self.name]

    def run(self, prefix: str | None = None) -> StoredRun:
        """The run whose id begins with the name, or with `prefix`.

        Raises:
            InputError: there are several.
            NothingMatchedError: there is none.
        """
        prefix = self.name if prefix is None else prefix
        runs = self.index.runs_with_id(prefix)
        if len(runs) > 1:
            ids = ", ".join(run.run_id for run in runs)
            raise InputError(f"{quoted(prefix)} is the begin of several runs: {ids} …; write more of it")
        if not runs:
            raise self._unknown()
        return runs[0]

    def newest_runs(self) -> list[Run]:
        """The pair's newest run on the default branch, which may lack the check, and the newest that has it.

        Raises:
            NothingMatchedError: there is no run of such a pair.
        """
        from ttci.report.whole_history import newest_run

        if self._pair not in self.index.pairs():
            raise self._unknown()
        names = [newest_run(self.index, self._pair, self.branch).file]
        points = [point for series in self.series() for point in self.index.points(series)]
        if points:
            of_check = max(points, key=lambda point: (point.branch == self.branch, point.started))
            names = list(dict.fromkeys((*names, self.run(of_check.run_id).file)))
        return [record.decode(content, name) for name, content in self.store.read(names)]

    def judged(self, runs: Iterable[Run]) -> tuple[SeriesDrift, ...]:
        """The check's figures, judged in the first of `runs` that is compared with any of them."""
        from ttci.drift.compare import view_of

        smallest, only = self.settings.smallest_change, [self.name]
        views = (view_of([run], self.index, Path.cwd(), self.branch, smallest, only=only) for run in runs)
        return next((view.series for view in views if view.series), ())

    def change_points(self) -> dict[Series, set[str]]:
        """By series, the ids of the runs at which the judge sees another level begin.

        Raises:
            MachineryError: the judge is not installed, or a run cannot be read.
        """
        return {
            entry.series: {entry.window[position].run_id for position in entry.judgement.change_points}
            for entry in self.judged(self.newest_runs())
        }

    def refuse_a_run(self) -> None:
        """Raise InputError with checks that a run has, where it is a run that is named."""
        runs = self.index.runs_with_id(self.name) if self.name else []
        if not runs:
            return
        checks = list(dict.fromkeys(series.identity for series, _ in self.index.figures(runs[0])))
        named = " or ".join(map(quoted, checks[:_MOST_NAMED])) or "none, as that run measured nothing"
        raise InputError(
            f"{quoted(self.name)} is a run; explain takes the identity of a check, of that run {named}"
        )

    def not_measured(self, runs: Iterable[Run]) -> NothingMatchedError:
        """That the check has no figure in `runs`, or that there is no such check."""
        for run in map(record.recorded, runs):
            result = next((result for result in run.results if result.id == self.name), None)
            if result and not result.measurements:
                which = f"in the run of {run.started:%Y-%m-%d %H:%M} UTC it {_ENDED[result.outcome]}"
                return NothingMatchedError(
                    f"{quoted(self.name)} measures nothing that a history compares; {which}"
                )
        return self._unknown()

    def _unknown(self) -> NothingMatchedError:
        if self.index.is_empty():
            return NothingMatchedError(f"no history yet: {self.index.source} holds no run")
        known = {series.identity for series in self.index.series(self.index.pairs())}
        what = f"{quoted(self.name)}: {self.index.source} holds no such check, and no run of that id"
        return NothingMatchedError(
            f"{what}; {_near(self.name, known) or '`ttci history log` lists the runs'}"
        )


def run_in_reports(folder: Path, identity: str) -> Run:
    """The run of a check's pair below `folder`, with what it was beside its base.

    Raises:
        NothingMatchedError: there is none.
    """
    pair = pair_of(identity)
    folders = [found for found in pair_folders(folder) if (found / names.RUN).exists()]
    runs = [read_run(found / names.RUN) for found in folders]
    of_pair = [run for run in runs if run.pair == pair]
    if not of_pair:
        advice = did_you_mean(pair, {run.pair for run in runs})
        raise NothingMatchedError(f"{folder}: no run of {quoted(pair)} there; {advice}")
    comparisons, _ = comparisons_below([folder])  # what is wrong with one, the report says
    return with_base(of_pair[0], comparisons)


def _near(identity: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(identity, sorted(known), n=3)
    near = near or sorted(name for name in known if identity and identity in name)[:3]
    return f"did you mean {' or '.join(map(quoted, near))}?" if near else ""
