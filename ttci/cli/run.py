"""``ttci run``: the chosen pairs that are here, one after the other."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ttci.cli.listing import models_of, warn
from ttci.errors import ExitCode, InputError, NothingMatchedError, TtciError, worst
from ttci.manifest import Manifest, Pair, load_manifest
from ttci.planning.plan import Plan, plan

if TYPE_CHECKING:
    from ttci.cli.confirm import Confirming
    from ttci.results import Run


def run(options: Namespace) -> ExitCode:
    """Run the chosen pairs that are here, one after the other, and print how each ended."""
    from ttci.artifacts.pair_folder import PairFolder
    from ttci.planning.begin import begin
    from ttci.runner.pair import run_pair

    manifest = load_manifest(options.manifest)
    jobs = plan(manifest, options.models, options.devices)
    _make_folder(options.report_dir)
    print_left_out(jobs.not_run_here)
    warn(manifest.doubts(models_of(job.pair for job in jobs.here)))
    begin(options.report_dir, jobs, options.devices)
    confirming = _confirming(options)
    codes = [run_pair(manifest, job.pair, options.report_dir, options.pytest_args) for job in jobs.here]
    if confirming:
        for job in jobs.here:
            confirming.confirm(manifest, job.pair, options.report_dir)
    files = [PairFolder(options.report_dir / str(job.pair)).run for job in jobs.here]
    runs, unreadable = _read_runs(file for file in files if file.exists())
    if runs:
        _print_tables(runs, manifest)
    return worst(codes + unreadable + _absent(jobs, options.devices))


def _print_tables(runs: Sequence[Run], manifest: Manifest) -> None:
    """How each pair ended, the limits, and the targets that no board can reach."""
    from ttci.report.collect import report_of
    from ttci.report.findings import impossible_lines
    from ttci.report.pairs import limit_table, report_table

    report = report_of(runs, manifest)
    print("\n" + "\n\n".join(filter(None, [report_table(report), limit_table(report)])))
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
