"""``ttci history``: what each action reads, prints and writes."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path

from ttci.artifacts import names
from ttci.artifacts.bounded import check_readable
from ttci.artifacts.comparison_files import comparisons_below
from ttci.artifacts.find import pair_folders, pair_named
from ttci.cli import history_text as text
from ttci.cli.history_lookup import Lookup, run_in_reports
from ttci.errors import ExitCode, InputError, MachineryError, NothingMatchedError, did_you_mean
from ttci.history import record
from ttci.history.add import add_runs, reason_against
from ttci.history.baseline import MOST_POINTS
from ttci.history.beside_base import with_base
from ttci.history.commits import Commits
from ttci.history.compact import compact as compact_store
from ttci.history.compact import compact_when_due
from ttci.history.index.index import Index, updated_index
from ttci.history.series import Series
from ttci.history.stores import chosen_store, history_settings
from ttci.history.stores.protocol import Store
from ttci.manifest import Pair
from ttci.results import Run, read_run
from ttci.text.one_line import one_line

_MOST_PROBLEMS = 200  # of a file that is imported: more say nothing new


def store_of(options: Namespace) -> Store:
    """The history that is asked for: the option's, else the manifest's.

    Raises:
        InputError: none is named, it is turned off, or it is no history.
    """
    store = chosen_store(options.history, options.manifest)
    if store is not None:
        return store
    if options.history or history_settings(options.manifest).store:
        raise InputError("the history is off; name one with --history SOURCE")
    raise InputError(
        f'no history is named: write store = "branch" under [history] of {options.manifest}, '
        "or --history SOURCE (branch, branch:NAME, folder:PATH)"
    )


def add(options: Namespace) -> ExitCode:
    """Keep the runs below the given folders, each with what it was beside its base.

    What could not be kept is said, and the others are.
    """
    store = store_of(options)
    folders = [folder for root in options.folders for folder in pair_folders(root)]
    if not folders:
        raise NothingMatchedError(f"there is no run.json in {', '.join(map(str, options.folders))}")
    runs: list[Run] = []
    comparisons, problems = comparisons_below(options.folders)
    for folder in folders:
        try:
            runs += (with_base(run, comparisons) for run in _run_to_keep(folder))
        except MachineryError as error:
            problems.append(str(error))
    _say(problems)
    try:
        found = add_runs(store, runs)
    finally:
        _say(store.notes)
    for name, run in found.added.items():
        print(f"added {run.pair} of {run.started:%Y-%m-%d %H:%M} UTC as {record.id_in(name)}")
    for name, run in found.there.items():
        print(f"{run.pair} of {run.started:%Y-%m-%d %H:%M} UTC is there already as {record.id_in(name)}")
    for name, run in found.repaired.items():
        what = f"repaired {run.pair} of {run.started:%Y-%m-%d %H:%M} UTC"
        print(f"{what}, {record.id_in(name)}: its file held no run any more")
    repaired = f", {len(found.repaired)} repaired" if found.repaired else ""
    print(f"{len(found.added)} added to {store.source}, {len(found.there)} there already{repaired}")
    _keep_small(store, {run.pair for run in found.added.values()})
    return ExitCode.MACHINERY if problems else ExitCode.OK


def _keep_small(store: Store, pairs: Collection[str]) -> None:
    """Older runs give up their samples in time; where that fails, the next run sees to it."""
    try:
        found = compact_when_due(store, pairs)
    except MachineryError as error:
        _say([f"older runs keep their samples for now: {error}"])
        return
    if found.files:
        print(f"{found.files} older runs keep quantiles instead of their samples now")


def compact(options: Namespace) -> ExitCode:
    """Keep quantiles instead of the samples of older runs."""
    store = store_of(options)
    try:
        found = compact_store(store, options.keep)
    finally:
        _say(store.notes)
    _say(found.problems)
    runs = "1 run is" if found.files == 1 else f"{found.files:,} runs are"
    print(f"{store.source}: {runs} smaller now, by {found.saved_bytes:,} bytes")
    return ExitCode.MACHINERY if found.problems else ExitCode.OK


def _run_to_keep(folder: Path) -> Iterator[Run]:
    """The run that a folder holds; none where its pair ended without one, as the report says.

    Raises:
        MachineryError: it cannot be read, or history does not keep it; the text says why.
    """
    path = folder / names.RUN
    if not path.exists() and not path.is_symlink():
        if (folder / names.ENDED).exists():
            return
        raise MachineryError(f"{folder}: the run left no run.json; its log.txt says why")
    check_readable(path, folder)
    run = read_run(path)
    if pair_named(folder) not in (None, run.pair):
        raise MachineryError(f"{path}: the run of another pair, {run.pair}")
    reason = reason_against(run, datetime.now(timezone.utc))
    if reason:
        raise MachineryError(f"{path}: not kept: {reason}")
    yield run


def import_(options: Namespace) -> ExitCode:
    """Take over what another tool has kept; what could not be taken is said, and the rest is kept."""
    from ttci.history.importing.reading import read_files, summaries
    from ttci.history.importing.source import Source

    store = store_of(options)
    pair = Pair.parse(f"{options.model}@{options.device}")
    source = Source(pair, _default_branch(options))  # tools keep its runs, and do not say so
    runs = read_files(options.format, options.paths, source, datetime.now(timezone.utc))
    for summary in summaries(runs):
        print(summary)
    left_out = source.problems
    if any(run.environment.git_branch is None for run in runs):
        _say(["which branch was measured is not known; name it with --default-branch"])
    _say(left_out[:_MOST_PROBLEMS])
    if len(left_out) > _MOST_PROBLEMS:
        _say([f"and {len(left_out) - _MOST_PROBLEMS:,} more of this kind"])
    try:
        found = add_runs(store, runs)
    finally:
        _say(store.notes)
    twice = len(runs) - len(found.added) - len(found.there) - len(found.repaired)
    others = {
        "there already": len(found.there),
        "repaired": len(found.repaired),
        "twice in what was read": twice,
        "mistake left out" if len(left_out) == 1 else "mistakes left out": len(left_out),
    }
    added = "1 run" if len(found.added) == 1 else f"{len(found.added):,} runs"
    said = [f"{count:,} {what}" for what, count in others.items() if count]
    print(", ".join([f"{added} added to {store.source}", *said]))
    return ExitCode.MACHINERY if left_out else ExitCode.OK


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        print(one_line(line), file=sys.stderr)


def site(options: Namespace) -> ExitCode:
    """Write a page of every series, the newest run of each pair judged, that works wherever it lies."""
    from ttci.report.html.trends import write_site
    from ttci.report.whole_history import view_of_history

    store = store_of(options)
    smallest = history_settings(options.manifest).smallest_change
    with updated_index(store) as index:
        view = view_of_history(store, index, Path.cwd(), _default_branch(options), smallest)
    try:
        write_site(view, options.out)
    except OSError as error:
        raise InputError(f"--out {options.out}: {error.strerror}") from None
    _say(view.notes)
    print(f"{options.out / 'index.html'}: {len(view.series):,} series of {store.source}")
    return ExitCode.OK


def log(options: Namespace) -> ExitCode:
    """The newest runs, newest first."""
    with updated_index(store_of(options)) as index:
        pairs = index.pairs(options.patterns) if options.patterns else None
        if pairs == []:
            known = index.pairs()
            what = f"{', '.join(options.patterns)}: {index.source} holds no run of such a pair"
            raise NothingMatchedError(f"{what}; {did_you_mean(options.patterns[0], known)}")
        runs = index.runs(pairs, options.most)
        _say(index.notes())
        if options.json:
            print(json.dumps({"source": index.source, "runs": list(map(text.run_json, runs))}, indent=2))
        else:
            print(text.log_text(runs) if runs else f"no history yet: {index.source} holds no run")
    return ExitCode.OK


def show(options: Namespace) -> ExitCode:
    """One run with its figures, or one check over its runs."""
    store = store_of(options)
    with updated_index(store) as index:
        _say(index.notes())
        lookup = _lookup(store, index, options)
        series = lookup.series()
        if series:
            points = {entry: index.points(entry, MOST_POINTS + 1) for entry in series}
            if options.json:
                print(text.checks_json(points))
            else:
                print(text.checks_text(points, MOST_POINTS, _change_points(lookup)))
        else:
            run = lookup.run()
            figures = index.figures(run)
            print(text.figures_json(run, figures) if options.json else text.run_text(run, figures))
    return ExitCode.OK


def explain(options: Namespace) -> ExitCode:
    """Why each figure of a check is called what it is called."""
    store = store_of(options)
    with updated_index(store) as index:
        _say(index.notes())
        lookup = _lookup(store, index, options)
        lookup.refuse_a_run()
        in_reports = options.reports is not None
        runs = [run_in_reports(options.reports, options.id)] if in_reports else lookup.newest_runs()
        found = lookup.judged(runs)
        if not found:
            raise lookup.not_measured(runs)
        print("\n\n".join(map(text.explanation, found)))
    return ExitCode.OK


def _lookup(store: Store, index: Index, options: Namespace) -> Lookup:
    settings = history_settings(options.manifest)
    return Lookup(store, index, options.id, settings, _default_branch(options))


def _change_points(lookup: Lookup) -> dict[Series, set[str]]:
    """None where what judges them is absent, which is said."""
    try:
        return lookup.change_points()
    except MachineryError as error:
        _say([f"change points are not shown: {error}"])
        return {}


def _default_branch(options: Namespace) -> str | None:
    stated = history_settings(options.manifest).default_branch
    return options.default_branch or stated or Commits(Path.cwd()).default_branch()


ACTIONS: dict[str, Callable[[Namespace], ExitCode]] = {
    "add": add,
    "compact": compact,
    "import": import_,
    "site": site,
    "log": log,
    "show": show,
    "explain": explain,
}
