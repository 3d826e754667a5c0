"""The candidates of ``ttci targets``: read from reports, or from a history."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ttci.drift.judgement import SeriesDrift
from ttci.errors import ExitCode, InputError, NothingMatchedError
from ttci.history.commits import Commits
from ttci.history.index.index import Index, updated_index
from ttci.history.record import decode
from ttci.history.stores import history_settings, open_store
from ttci.history.stores.protocol import Store
from ttci.manifest.schema import HistoryEntry
from ttci.report.collect import Problem, collect
from ttci.results import Run
from ttci.targets.candidates import Candidate, LevelOf, candidates
from ttci.targets.choice import Choice
from ttci.targets.levels import Level, level_of_history
from ttci.text.one_line import one_line


@dataclass(frozen=True)
class Found:
    """What the chosen checks suggest.

    Attributes:
        candidates: in the order of pairs and their checks.
        exit_code: of what could not be read, which is said already.
    """

    candidates: tuple[Candidate, ...]
    exit_code: ExitCode = ExitCode.OK


def chosen_by(options: Namespace) -> Choice:
    """What the words of the command line name.

    Raises:
        InputError: a folder is not there, or there is a history too.
    """
    choice = Choice.of(options.words)
    if choice.folders and options.history is not None:
        what = f"{choice.folders[0]}: a folder beside --history; name one of the two"
        raise InputError(f"{what}. A pair is written model@device")
    absent = [folder for folder in choice.folders if not folder.is_dir()]
    if absent:
        what = "there is no such folder; a pair is written model@device, a check model@device/test[check]"
        raise InputError("\n".join(f"{folder}: {what}" for folder in absent))
    return choice


def find_candidates(options: Namespace, choice: Choice) -> Found:
    """The candidates of what is chosen.

    Raises:
        InputError: a pair or a check that is named is not there, or the history is none.
        NothingMatchedError: there is nothing at all.
    """
    if options.history is not None:
        return _in_history(options, choice)
    return _in_reports(options, choice)


def _in_reports(options: Namespace, choice: Choice) -> Found:
    folders = choice.folders or (options.default_reports,)
    runs, problems = _runs_below(folders, choice)
    _say(problem.text for problem in problems)
    source = ", ".join(map(str, folders))
    if not runs:
        what = f"there is no run.json in {source}; `ttci run` leaves some, or name the folder that has them"
        raise NothingMatchedError(what)
    smallest = history_settings(options.manifest).smallest_change
    chosen = (of_pair for pair, of_pair in runs.items() if choice.has_pair(pair))
    found = [entry for of_pair in chosen for entry in candidates(of_pair, smallest)]
    is_whole = all(problem.exit_code is not ExitCode.MACHINERY for problem in problems)
    return Found(_chosen(found, choice, runs, source), ExitCode.OK if is_whole else ExitCode.MACHINERY)


def _runs_below(folders: Sequence[Path], choice: Choice) -> tuple[dict[str, list[Run]], list[Problem]]:
    """The runs of each pair, and what is wrong with those chosen; each folder is a report of its own."""
    runs: dict[str, list[Run]] = {}
    problems: list[Problem] = []
    for folder in filter(Path.is_dir, folders):
        report = collect([folder])
        problems += report.problems
        for entry in report.pairs:
            problems += entry.problems if choice.has_pair(entry.pair) else ()
            if entry.run:
                runs.setdefault(entry.pair, []).append(entry.run)
    return runs, problems


def _in_history(options: Namespace, choice: Choice) -> Found:
    store = open_store(options.history, Path.cwd())
    if store is None:
        raise InputError("the history is off; name one with --history SOURCE")
    settings = history_settings(options.manifest)
    branch = options.default_branch or settings.default_branch or Commits(Path.cwd()).default_branch()
    with updated_index(store) as index:
        _say(index.notes())
        if index.is_empty():
            raise NothingMatchedError(f"no history yet: {index.source} holds no run")
        pairs = [pair for pair in index.pairs() if choice.has_pair(pair)]
        found = [entry for pair in pairs for entry in _of_pair(pair, store, index, settings, branch)]
        return Found(_chosen(found, choice, index.pairs(), index.source))


def _of_pair(
    pair: str, store: Store, index: Index, settings: HistoryEntry, branch: str | None
) -> Iterator[Candidate]:
    """Of the newest run of a pair, beside those before it."""
    from ttci.drift.compare import view_of
    from ttci.report.whole_history import newest_run

    newest = newest_run(index, pair, branch)
    for name, content in store.read([newest.file]):
        run = decode(content, name)
        view = view_of([run], index, Path.cwd(), branch, settings.smallest_change)
        yield from candidates([run], settings.smallest_change, _levels(view.series))


def _levels(series: Sequence[SeriesDrift]) -> LevelOf:
    by_name = {(entry.series.identity, entry.series.metric): entry for entry in series}

    def level_of(identity: str, metric: str, rounds: Sequence[float]) -> Level | None:
        entry = by_name.get((identity, metric))
        return level_of_history(entry, rounds) if entry else None

    return level_of


def _chosen(
    found: Collection[Candidate], choice: Choice, pairs: Collection[str], source: str
) -> tuple[Candidate, ...]:
    choice.refuse_unknown({entry.identity for entry in found}, pairs, source)
    return tuple(entry for entry in found if choice.has_check(entry.identity))


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        print(one_line(line), file=sys.stderr)
