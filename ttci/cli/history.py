"""``ttci history``: what each action reads, prints and writes."""

from __future__ import annotations

import difflib
import json
import sys
from argparse import Namespace
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path

from ttci.artifacts import ended
from ttci.artifacts.bounded import check_readable
from ttci.artifacts.find import pair_folders, pair_named
from ttci.cli import history_text as text
from ttci.drift.judgement import SeriesDrift
from ttci.errors import ExitCode, InputError, MachineryError, NothingMatchedError, did_you_mean, quoted
from ttci.history import record
from ttci.history.add import add_runs, reason_against
from ttci.history.baseline import MOST_POINTS
from ttci.history.commits import Commits
from ttci.history.compact import compact as compact_store
from ttci.history.compact import compact_when_due
from ttci.history.index.index import Index, StoredRun, updated_index
from ttci.history.series import Series
from ttci.history.stores import chosen_store
from ttci.history.stores.protocol import Store
from ttci.manifest import Pair
from ttci.results import Outcome, Run, read_run
from ttci.text.one_line import one_line

_MOST_PROBLEMS = 200  # of a file that is imported: more say nothing new
_MOST_NAMED = 3  # checks, as an example
_ENDED = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "failed",
    Outcome.ERROR: "ended in an error",
    Outcome.UNAVAILABLE: "was unavailable",
}


def store_of(options: Namespace) -> Store:
    """The history that is asked for: the option's, else the manifest's.

    Raises:
        InputError: none is named, it is turned off, or it is no history.
    """
    from ttci.report.read_history import history_settings

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
    """Keep the runs below the given folders; what could not be kept is said, and the others are."""
    store = store_of(options)
    folders = [folder for root in options.folders for folder in pair_folders(root)]
    if not folders:
        raise NothingMatchedError(f"there is no run.json in {', '.join(map(str, options.folders))}")
    runs: list[Run] = []
    problems: list[str] = []
    for folder in folders:
        try:
            runs += _run_to_keep(folder)
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
    path = folder / "run.json"
    if not path.exists() and not path.is_symlink():
        if (folder / ended.FILE_NAME).exists():
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
    if any(run.environment.get("git_branch") is None for run in runs):
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
    from ttci.report.read_history import history_settings
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
        series = _series_of(index, options.id)
        if series:
            points = {entry: index.points(entry, MOST_POINTS + 1) for entry in series}
            if options.json:
                print(text.checks_json(points))
            else:
                print(text.checks_text(points, MOST_POINTS, _steps(store, index, options)))
        else:
            run = _run_with(index, options.id)
            figures = index.figures(run)
            print(text.figures_json(run, figures) if options.json else text.run_text(run, figures))
    return ExitCode.OK


def explain(options: Namespace) -> ExitCode:
    """Why each figure of a check is called what it is called."""
    store = store_of(options)
    branch = _default_branch(options)
    with updated_index(store) as index:
        _say(index.notes())
        _refuse_a_run(index, options.id)
        in_reports = options.reports is not None
        runs = _runs_in_reports(options) if in_reports else _newest_runs(store, index, options.id, branch)
        found = _judged(runs, index, options, branch)
        if not found:
            raise _not_measured(index, options.id, runs)
        print("\n\n".join(map(text.explanation, found)))
    return ExitCode.OK


def _default_branch(options: Namespace) -> str | None:
    from ttci.report.read_history import history_settings

    stated = history_settings(options.manifest).default_branch
    return options.default_branch or stated or Commits(Path.cwd()).default_branch()


def _judged(
    runs: Iterable[Run], index: Index, options: Namespace, branch: str | None
) -> tuple[SeriesDrift, ...]:
    """The figures of the check, judged in the first of the runs that is compared with any of them."""
    from ttci.drift.compare import view_of
    from ttci.report.read_history import history_settings

    smallest = history_settings(options.manifest).smallest_change
    views = (view_of([run], index, Path.cwd(), branch, smallest, only=[options.id]) for run in runs)
    return next((view.series for view in views if view.series), ())


def _steps(store: Store, index: Index, options: Namespace) -> dict[Series, set[str]]:
    """By series the ids of the runs at which the judge sees another level begin; none where it is absent."""
    branch = _default_branch(options)
    try:
        judged = _judged(_newest_runs(store, index, options.id, branch), index, options, branch)
    except MachineryError as error:
        _say([f"change points are not shown: {error}"])
        return {}
    return {
        entry.series: {entry.window[position].run_id for position in entry.judgement.change_points}
        for entry in judged
    }


def _refuse_a_run(index: Index, identity: str) -> None:
    """Say which checks a run has, where it is a run that is named."""
    runs = index.runs_with_id(identity) if identity else []
    if not runs:
        return
    checks = list(dict.fromkeys(series.identity for series, _ in index.figures(runs[0])))
    named = " or ".join(map(quoted, checks[:_MOST_NAMED])) or "none, as that run measured nothing"
    raise InputError(
        f"{quoted(identity)} is a run; explain takes the identity of a check, of that run {named}"
    )


def _not_measured(index: Index, identity: str, runs: Iterable[Run]) -> NothingMatchedError:
    """That a check of the runs has no figure, or that there is no such check."""
    for run in map(record.recorded, runs):
        result = next((result for result in run.results if result.id == identity), None)
        if result and not result.measurements:
            which = f"in the run of {run.started:%Y-%m-%d %H:%M} UTC it {_ENDED[result.outcome]}"
            return NothingMatchedError(
                f"{quoted(identity)} measures nothing that a history compares; {which}"
            )
    return _unknown(index, identity)


def _runs_in_reports(options: Namespace) -> list[Run]:
    """The run of the check's pair below the folder that is named."""
    pair = options.id.partition("/")[0]
    folders = [folder for folder in pair_folders(options.reports) if (folder / "run.json").exists()]
    runs = [read_run(folder / "run.json") for folder in folders]
    found = [run for run in runs if run.pair == pair]
    if not found:
        advice = did_you_mean(pair, {run.pair for run in runs})
        raise NothingMatchedError(f"{options.reports}: no run of {quoted(pair)} there; {advice}")
    return found[:1]


def _series_of(index: Index, identity: str) -> list[Series]:
    pair = identity.partition("/")[0]
    return [series for series in index.series([pair]) if series.identity == identity]


def _run_with(index: Index, prefix: str) -> StoredRun:
    runs = index.runs_with_id(prefix)
    if len(runs) > 1:
        ids = ", ".join(run.run_id for run in runs)
        raise InputError(f"{quoted(prefix)} is the begin of several runs: {ids} …; write more of it")
    if not runs:
        raise _unknown(index, prefix)
    return runs[0]


def _unknown(index: Index, identity: str) -> NothingMatchedError:
    if index.is_empty():
        return NothingMatchedError(f"no history yet: {index.source} holds no run")
    known = {series.identity for series in index.series(index.pairs())}
    what = f"{quoted(identity)}: {index.source} holds no such check, and no run of that id"
    return NothingMatchedError(f"{what}; {_near(identity, known) or '`ttci history log` lists the runs'}")


def _near(identity: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(identity, sorted(known), n=3)
    near = near or sorted(name for name in known if identity and identity in name)[:3]
    return f"did you mean {' or '.join(map(quoted, near))}?" if near else ""


def _newest_runs(store: Store, index: Index, identity: str, branch: str | None) -> list[Run]:
    """The newest run of the check's pair on the default branch, which may lack it; the newest that has it."""
    from ttci.report.whole_history import newest_run

    pair = identity.partition("/")[0]
    if pair not in index.pairs():
        raise _unknown(index, identity)
    names = [newest_run(index, pair, branch).file]
    points = [point for series in _series_of(index, identity) for point in index.points(series)]
    if points:
        of_check = max(points, key=lambda point: (point.branch == branch, point.started))
        names = list(dict.fromkeys((*names, _run_with(index, of_check.run_id).file)))
    return [record.decode(content, name) for name, content in store.read(names)]


ACTIONS: dict[str, Callable[[Namespace], ExitCode]] = {
    "add": add,
    "compact": compact,
    "import": import_,
    "site": site,
    "log": log,
    "show": show,
    "explain": explain,
}
