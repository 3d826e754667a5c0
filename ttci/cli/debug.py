"""``ttci debug``: one check, operation by operation."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from ttci.errors import DeviceUnavailableError, ExitCode, InputError, MachineryError, did_you_mean, quoted
from ttci.manifest import Identity, Manifest, load_manifest
from ttci.text.terminal import terminal_width

if TYPE_CHECKING:
    from ttci.artifacts.operations_file import DebugRun
    from ttci.planning.plan import Job
    from ttci.results import Result

_CHECK = "correctness"
_FORM = "write it as ttci run prints it, like llama3@n150-mock/llama3_8b_ffn"


def debug(options: Namespace) -> ExitCode:
    """Judge the check alone with every operation recorded, print the table, and say where the page is."""
    from ttci.artifacts import names
    from ttci.artifacts.operations_file import debug_files, read_debug_run
    from ttci.report.operations_text import debug_text

    manifest = load_manifest(options.manifest)
    identity = identity_from(options.id, manifest)
    folder = options.report_dir.absolute() / str(identity.pair) / names.DEBUG
    file, page = debug_files(folder, identity.test)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in (file, page):
            old.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"--report-dir {options.report_dir}: {error.strerror}") from None
    result = _judged(manifest, identity, options)
    if not file.exists():
        raise MachineryError(f"{identity}: {result.outcome}: {result.message}")
    found: DebugRun = read_debug_run(file)
    if options.json:
        print(file.read_text(encoding="utf-8"), end="")
    else:
        print(f"{debug_text(found, terminal_width())}\n\nthe same as a page: {page}")
    return ExitCode.OK if result.outcome == "passed" else ExitCode.FAILED


def identity_from(text: str, manifest: Manifest) -> Identity:
    """The correctness of the test that is meant by what a user copied: an identity, or a node id of pytest.

    Raises:
        InputError: there is no such pair, or it is neither.
    """
    from ttci.catalog.checks import check_names

    name = text.strip().rpartition("::")[2]
    whole = name if name.endswith("]") else f"{name}[{_CHECK}]"
    try:
        found = Identity.parse(whole)
    except InputError:
        raise InputError(f"{quoted(text)} names no test; {_FORM}") from None
    if found.check not in check_names():
        raise InputError(f'unknown check "{found.check}"; {did_you_mean(found.check, check_names())}')
    pairs = [f"{model}@{device}" for model, entry in manifest.models.items() for device in entry.devices]
    if str(found.pair) not in pairs:
        raise InputError(f'there is no pair "{found.pair}"; {did_you_mean(str(found.pair), pairs)}')
    return Identity(found.pair, found.test, _CHECK)


def _judged(manifest: Manifest, identity: Identity, options: Namespace) -> Result:
    from ttci.artifacts import names
    from ttci.runner.pair import judge_alone
    from ttci.runner.settings import RunnerSettings

    job = _job(manifest, identity)
    python = None
    if options.isolated:
        from ttci.runner.environments import PairEnvironment

        python = PairEnvironment.of(manifest, job).make()
    folder = options.report_dir.absolute() / str(identity.pair) / names.DEBUG
    print(f"{identity}: every operation is recorded", file=sys.stderr)
    wanted = [f"--test-debug={folder}", "--ttci-debug-passed"]
    settings = RunnerSettings(python, is_quiet=True)
    return judge_alone(manifest, identity.pair, options.report_dir, str(identity), wanted, settings)


def _job(manifest: Manifest, identity: Identity) -> Job:
    """How the pair is run.

    Raises:
        DeviceUnavailableError: its device is not here.
    """
    from ttci.planning.plan import plan

    pair = identity.pair
    (job,) = plan(manifest, [pair.model], [pair.device]).jobs
    if job.missing:
        raise DeviceUnavailableError(f"{pair}: {job.missing}")
    return job
