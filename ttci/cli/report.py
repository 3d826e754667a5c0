"""``ttci report``, ``ttci comment`` and ``ttci export``: what they read, print and write."""

from __future__ import annotations

import gc
import json
import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ttci.artifacts import names
from ttci.artifacts.find import is_pair_folder
from ttci.drift.judgement import HistoryView
from ttci.errors import ExitCode, InputError, NothingMatchedError
from ttci.export.buildkite import annotate_command
from ttci.export.gitlab import code_quality, metric_lines
from ttci.export.points import points
from ttci.export.write import export_report
from ttci.files import write_whole
from ttci.git import repository_above
from ttci.report.annotations import annotation_lines
from ttci.report.as_json import encode_report
from ttci.report.collect import Report, collect
from ttci.report.compared import with_comparisons
from ttci.report.conclusion import exit_code_of, fails_on_drift, slower_count, verdict_line
from ttci.report.drift_text import changed_lines, note_lines
from ttci.report.finding import Place
from ttci.report.findings import findings, impossible_lines
from ttci.report.html.comparison import write_comparison
from ttci.report.html.report import write_html
from ttci.report.limits import manifest_at
from ttci.report.merged import write_merged_benchmarks, write_merged_junit
from ttci.report.pairs import limit_table, report_table
from ttci.report.read_history import with_history
from ttci.report.summary.comment import render_comment
from ttci.report.summary.job import MOST_BYTES, render_summary
from ttci.text.one_line import one_line
from ttci.text.terminal import terminal_width


def report(options: Namespace) -> ExitCode:
    """Judge the pairs below the given folders; print a table, write the files, mark the pull request."""
    if options.annotations and options.format != "github":
        raise InputError(f"--annotations: --format {options.format} has none; they are GitHub's")
    with _no_garbage_collection():
        found = _judged(options)
        out = options.out or _default_out(options.folders[0])
        with _explained(f"--out {out}"):
            found = _write_files(found, out, options.fail_on)
            said = list(_write_for_service(found, out, options))
        if options.json:
            sys.stdout.writelines(encode_report(found, options.fail_on))
        else:
            _print(found, options)
        stream = sys.stderr if options.json else sys.stdout  # GitHub's runner reads both
        stream.writelines(f"{line}\n" for line in said)
        if options.summary:
            with _explained(f"--summary {options.summary}"):
                _append_summary(found, options.summary, options.fail_on)
        _say_of_history(found, options.fail_on)
        if not options.json:
            print(f"\n{verdict_line(found, options.fail_on)}")
        return exit_code_of(found, options.fail_on)


def comment(options: Namespace) -> ExitCode:
    """Print the comment on a pull request; it is well where there is one, whatever it says."""
    with _no_garbage_collection():
        found = _judged(options)
        sys.stdout.write(render_comment(found, options.name, _link(os.environ), options.fail_on))
    return ExitCode.OK


def export(options: Namespace) -> ExitCode:
    """Write the results below the given folders in a format of others."""
    found = _collected(options.folders, None)
    with _explained(f"--output {options.output}"):
        notes = export_report(
            found, options.format, options.output, better=options.better, environ=os.environ
        )
    for line in [*notes, *_problem_lines(found)]:
        print(one_line(line), file=sys.stderr)
    is_whole = not found.problems and not any(entry.problems for entry in found.pairs)
    return ExitCode.OK if is_whole else ExitCode.MACHINERY


def _judged(options: Namespace) -> Report:
    """What the folders hold, beside its history."""
    found = replace(_collected(options.folders, options.plan), manifest=manifest_at(options.manifest))
    beside = with_history(found, options.history, options.default_branch, options.manifest)
    own = with_comparisons(beside)
    if beside.comparisons and not own.comparisons:
        what = "is of another commit than these runs, or older than they are: it is not counted"
        print(f"{names.COMPARISON} {what}", file=sys.stderr)
    return own


def _collected(folders: list[Path], plan: Path | None) -> Report:
    found = collect(folders, plan)
    is_anywhere = any(folder.is_dir() for folder in folders)
    if not found.pairs and not (is_anywhere and found.problems):
        raise NothingMatchedError(f"there is no run.json in {', '.join(map(str, folders))}")
    return found


def _default_out(folder: Path) -> Path:
    """The first folder; where that is a pair's own, whose files stay as they are, the one above."""
    return folder.absolute().parent if is_pair_folder(folder.absolute()) else folder


def _write_files(found: Report, out: Path, fail_on: str) -> Report:
    """Write everything; the report comes back with what was wrong with the files that were merged."""
    if out.is_dir() and is_pair_folder(out.absolute()):
        raise InputError(f"--out {out}: the folder of a pair, whose files stay as they are; name another")
    out.mkdir(parents=True, exist_ok=True)
    found = write_merged_benchmarks(found, out / names.BENCHMARK)
    found = write_merged_junit(found, out / names.JUNIT)
    write_whole(out / names.REPORT, encode_report(found, fail_on))
    write_html(found, out / names.PAGE, fail_on)
    for comparison in found.comparisons[-1:]:
        write_comparison(comparison, out / names.COMPARISON_PAGE)
    write_whole(out / names.SUMMARY, [render_summary(found, fail_on=fail_on)])
    return found


def _write_for_service(found: Report, out: Path, options: Namespace) -> Iterator[str]:
    """Write what the service reads beside those files; the lines that it or its user reads in the output."""
    if options.format == "gitlab":
        entries = code_quality(findings(found), _manifest_place(options.manifest), options.fail_on)
        write_whole(out / names.CODE_QUALITY, [json.dumps(entries, indent=2), "\n"])
        write_whole(out / names.METRICS, metric_lines(points(found)))
    elif options.format == "buildkite":
        write_whole(out / names.BUILDKITE, [render_summary(found, fail_on=options.fail_on)])
        yield annotate_command(found, out / names.BUILDKITE, options.fail_on)
    elif options.annotations or (options.annotations is None and os.environ.get("GITHUB_ACTIONS") == "true"):
        yield from annotation_lines(findings(found), options.fail_on)


def _manifest_place(manifest: Path) -> Place:
    """The top of the manifest, by its path in the repository."""
    path = manifest.absolute()
    root = repository_above(Path.cwd()) or Path.cwd()
    return Place(path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name, 1)


def _link(environ: Mapping[str, str]) -> str | None:
    """The address of the workflow's run that this is part of, if it is."""
    server, repository, run = (
        environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None


def _print(found: Report, options: Namespace) -> None:
    tables = [report_table(found, terminal_width()), limit_table(found, terminal_width())]
    print("\n\n".join(filter(None, tables)))
    for entry in found.left_out:
        print(one_line(f"{entry.pair} is not run: {entry.reason}"))
    if found.history:
        _print_changed(found.history, options)
    for line in impossible_lines(found):
        print(line, file=sys.stderr)
    for line in _problem_lines(found):
        print(one_line(line), file=sys.stderr)


def _print_changed(history: HistoryView, options: Namespace) -> None:
    """What is slower or suspected, by name, and how to go on from there."""
    lines = changed_lines(history)
    if not lines:
        return
    explain = ["ttci", "history", "explain", "ID", "--reports", str(options.folders[0])]
    explain += ["--history", options.history] if options.history else []
    explain += ["--default-branch", options.default_branch] if options.default_branch else []
    hint = f"`{shlex.join(explain)}` says why"
    if any(entry.judgement.is_suspected for entry in history.series):
        hint += ", `ttci run --confirm` measures suspected ones again"
    print("\n".join(["", *lines, one_line(hint)]))


def _say_of_history(found: Report, fail_on: str) -> None:
    """What is to be said of the history itself, and that it is why the report fails."""
    for line in note_lines(found.history) if found.history else ():
        print(line, file=sys.stderr)
    if fail_on == "drift" and found.history is None and not found.comparisons:
        print("--fail-on drift: there is no history; name one with --history SOURCE", file=sys.stderr)
    if fails_on_drift(found, fail_on):
        what = f"{slower_count(found):,} slower than their history or base"
        print(f"--fail-on {fail_on}: {what}", file=sys.stderr)


def _problem_lines(found: Report) -> Iterator[str]:
    yield from (problem.text for problem in found.problems)
    for entry in found.pairs:
        for problem in entry.problems:
            is_said = entry.folder is not None and str(entry.folder) in problem.text
            yield problem.text if is_said else f"{entry.pair}: {problem.text}"


def _append_summary(found: Report, path: Path, fail_on: str) -> None:
    """GitHub's limit holds for the file of a step, whoever else wrote to it."""
    written = path.stat().st_size if path.exists() else 0
    with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(render_summary(found, MOST_BYTES - written, fail_on))


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{what}: {error.strerror}") from None


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Results hold no cycles, and looking for some takes a third of the time of a large report."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
