"""``ttci plan``: which pairs run, where, and which do not."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

from ttci.cli.run import print_left_out
from ttci.errors import ExitCode, InputError
from ttci.manifest import (
    load_manifest,
)
from ttci.planning.plan import Plan, plan
from ttci.text.table import align
from ttci.text.terminal import terminal_width


def plan_jobs(options: Namespace) -> ExitCode:
    """Print the jobs of a choice: for a person, or as a GitHub Actions matrix."""
    manifest = load_manifest(options.manifest)
    jobs = plan(manifest, options.models, options.devices)
    if options.changed is not None:
        from ttci.planning.narrowed import only_changed  # with what reads runs

        jobs = only_changed(jobs, manifest, options.changed or None)
    if (options.max_jobs and not options.json) or (options.seconds and not options.max_jobs):
        raise InputError("--seconds goes with --max-jobs, and that with --json: they shape a matrix")
    if options.json:
        print(json.dumps({"include": _matrix_entries(jobs, options)}))
        return ExitCode.OK
    rows = [
        (
            str(job.pair),
            job.environment,
            " ".join(job.runs_on),
            f"{job.timeout_minutes} min",
            job.missing or "here",
        )
        for job in jobs.jobs
    ]
    print(align([("pair", "environment", "runs on", "time-out", "here"), *rows], terminal_width()))
    print_left_out(jobs.left_out)
    return ExitCode.OK


def _matrix_entries(jobs: Plan, options: Namespace) -> list[dict[str, Any]]:
    """An entry a pair; with --max-jobs, an entry a job, of as many pairs as it takes."""
    from ttci.planning.packing import pack
    from ttci.report.seconds import read_seconds

    if options.max_jobs is None:
        return [job.as_matrix_entry() for job in jobs.jobs]
    seconds = read_seconds(options.seconds) if options.seconds else {}
    return [job.as_matrix_entry() for job in pack(jobs.jobs, options.max_jobs, seconds)]
