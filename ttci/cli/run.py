"""``ttci run``: the chosen pairs that are here, one after the other."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ttci.cli.listing import models_of, warn
from ttci.errors import VERDICTS, ExitCode, InputError, NothingMatchedError, TtciError, worst
from ttci.manifest import Manifest, Pair, load_manifest
from ttci.planning.plan import Job, Plan, plan
from ttci.text.terminal import terminal_width

if TYPE_CHECKING:
    from ttci.cli.confirm import Confirming
    from ttci.report.collect import Report
    from ttci.results import Run
    from ttci.runner.result_cache import Wanted
    from ttci.runner.settings import RunnerSettings


def run(options: Namespace) -> ExitCode:
    """Run the chosen pairs that are here, one after the other, and print how each ended."""
    from ttci.planning.narrowed import NOTHING_LEFT, narrowed

    manifest = load_manifest(options.manifest)
    chosen = plan(manifest, options.models, options.devices)
    jobs = narrowed(chosen, manifest, options.report_dir, changed=options.changed, failed=options.failed)
    _make_folder(options.report_dir)
    print_left_out(jobs.not_run_here)
    if chosen.jobs and not jobs.jobs:
        print(NOTHING_LEFT)
        return ExitCode.OK
    warn(manifest.doubts(models_of(job.pair for job in jobs.here)))
    codes = [*_run_pairs(manifest, jobs, options), *_absent(jobs, options.devices)]
    return _summed_up(manifest, jobs, codes, options)


def _run_pairs(manifest: Manifest, jobs: Plan, options: Namespace) -> list[ExitCode]:
    """Run the pairs that are here, and confirm what looks slower where that is asked for."""
    from ttci.planning.begin import begin
    from ttci.runner.result_cache import Wanted

    begin(options.report_dir, jobs, options.devices)
    confirming = _confirming(options)
    settings = {job.pair: _settings(manifest, job, options) for job in jobs.here}
    pytest_args = [*(["-vv"] if options.verbose else []), *options.pytest_args]
    codes = [
        _run_or_take(Wanted(manifest, pair, [*pytest_args, *_left(pair, options)], own.python), own, options)
        for pair, own in settings.items()
    ]
    if confirming:
        for pair, own in settings.items():
            confirming.confirm(manifest, pair, options.report_dir, own)
    return codes


def _left(pair: Pair, options: Namespace) -> list[str]:
    """The arguments of pytest that have failed checks leave more than results in the folder of a pair."""
    from ttci.artifacts.names import DEBUG, TENSORS

    folder = (options.report_dir / str(pair)).resolve()
    asked = {
        f"--keep-tensors={folder / TENSORS}": options.keep_tensors,
        f"--test-debug={folder / DEBUG}": options.debug,
    }
    return [argument for argument, is_asked in asked.items() if is_asked]


def _run_or_take(wanted: Wanted, settings: RunnerSettings, options: Namespace) -> ExitCode:
    """Run a pair; with --cached, take its results from the cache where nothing of it has changed."""
    from ttci.artifacts.pair_folder import PairFolder
    from ttci.runner.pair import run_pair
    from ttci.runner.result_cache import ResultCache

    pair, folder = wanted.pair, PairFolder(options.report_dir / str(wanted.pair))
    digest = wanted.digest() if options.cached else None
    if digest and ResultCache().take(digest, folder):
        print(f"{pair}: cached, for nothing of it has changed since it was well")
        return ExitCode.OK
    code = run_pair(wanted.manifest, pair, options.report_dir, wanted.pytest_args, settings=settings)
    if digest and code is ExitCode.OK:
        ResultCache().keep(digest, folder)
    return code


def _settings(manifest: Manifest, job: Job, options: Namespace) -> RunnerSettings:
    """How a pair is run; its environment is made before anything runs."""
    from ttci.runner.settings import RunnerSettings

    if not options.isolated:
        return RunnerSettings(is_quiet=options.quiet)
    from ttci.runner.environments import PairEnvironment

    return RunnerSettings(PairEnvironment.of(manifest, job).make(), options.quiet)


def _summed_up(manifest: Manifest, jobs: Plan, codes: list[ExitCode], options: Namespace) -> ExitCode:
    """Print a line a pair, and last of all one line of everything; returns the exit code."""
    from ttci.artifacts.pair_folder import PairFolder
    from ttci.report.collect import report_of
    from ttci.report.conclusion import counts_text

    files = [PairFolder(options.report_dir / str(job.pair)).run for job in jobs.here]
    runs, unreadable = _read_runs(file for file in files if file.exists())
    code = worst([*codes, *unreadable])
    report = report_of(runs, manifest)
    if runs:
        _print_tables(report)
    print(f"\n{VERDICTS[code]}: {counts_text(report)}")
    return code


def _print_tables(report: Report) -> None:
    """How each pair ended, the limits, and the targets that no board can reach."""
    from ttci.report.findings import impossible_lines
    from ttci.report.pairs import limit_table, report_table

    tables = [report_table(report, terminal_width()), limit_table(report, terminal_width())]
    print("\n" + "\n\n".join(filter(None, tables)))
    for line in impossible_lines(report):
        print(line, file=sys.stderr)


def _confirming(options: Namespace) -> Confirming | None:
    """What is to be rerun where a history is given; a wrong one is said before anything runs."""
    if not options.confirm:
        if options.history is not None or options.default_branch is not None:
            raise InputError(
                "--history and --default-branch go with --confirm here; `ttci report` compares what was run"
            )
        return None
    from ttci.cli.confirm import Confirming

    return Confirming.of(options.history, options.default_branch, options.manifest)


def _read_runs(paths: Iterable[Path]) -> tuple[list[Run], list[ExitCode]]:
    """What can be read, and an exit code for each file that cannot, which is said at once."""
    from ttci.results import read_run

    runs, codes = [], []
    for path in paths:
        try:
            runs.append(read_run(path))
        except TtciError as error:
            print(error, file=sys.stderr)
            codes.append(error.exit_code)
    return runs, codes


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--report-dir {path}: {error.strerror}") from None


def print_left_out(left_out: Iterable[tuple[Pair, str | None]]) -> None:
    """Print the pairs that are not run, each with the reason."""
    for pair, reason in left_out:
        print(f"{pair} is not run: {reason}")


def _absent(jobs: Plan, devices: Sequence[str]) -> list[ExitCode]:
    """What the pairs that are not here add to the exit code."""
    absent = [job for job in jobs.jobs if job.missing]
    if absent and devices:
        names = ", ".join(dict.fromkeys(job.pair.device for job in absent))
        print(f"not available here: {names}", file=sys.stderr)
        return [ExitCode.UNAVAILABLE]
    if not jobs.here:
        raise NothingMatchedError(f"none of the {len(absent)} chosen pairs can run here")
    return []
