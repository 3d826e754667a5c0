"""The sessions that a noxfile gets from ttci: ``nox -s models -- llama3`` in anybody's repository.

A noxfile needs no more than this::

    # /// script
    # dependencies = ["nox", "ttci"]
    # ///
    from ttci.nox import model_sessions

    model_sessions()
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nox

from ttci.errors import TtciError
from ttci.manifest import DEFAULT_PATH, Manifest, load_manifest
from ttci.manifest.identity import model_and_device
from ttci.planning.begin import begin
from ttci.planning.narrowed import NOTHING_LEFT, narrowed
from ttci.planning.plan import Plan, plan
from ttci.runner.environments import PairEnvironment

_REPORTS = Path("reports")


def model_sessions(manifest: str | Path = DEFAULT_PATH) -> None:
    """Add the sessions `models` and `pair` to the noxfile that calls this.

    ``nox -s models -- MODEL… [--device NAME]… [-- PYTEST ARGS]`` tests models on those of their devices that
    are here and not on demand; ``nox -s "pair(llama3@cpu)"`` tests one. Each pair runs in the environment of
    its backend, which is made once and remade when what goes in changes.

    Args:
        manifest: its path, relative to the noxfile.
    """
    path = Path(manifest)

    @nox.session(venv_backend="none")
    def models(session: nox.Session) -> None:
        """Test models on their devices: -- MODEL… [--device NAME]… [-- PYTEST ARGS]."""
        _queue_pairs(session, path)

    @nox.session(venv_backend="none", default=False)
    @nox.parametrize("pair", [nox.param(name, id=name) for name in _declared_pairs(path)])
    def pair(session: nox.Session, pair: str) -> None:
        """Test one model on one device: "pair(llama3@cpu)" [-- PYTEST ARGS]."""
        _test_pair(session, path, pair)


def _declared_pairs(path: Path) -> list[str]:
    """Every pair of the manifest; none if it is wrong, which `models` then says."""
    try:
        jobs = plan(load_manifest(path), models=[], devices=["*"]).jobs
    except TtciError:
        return []
    return [str(job.pair) for job in jobs]


def _queue_pairs(session: nox.Session, path: Path) -> None:
    try:
        jobs, devices, pytest_args = _chosen(load_manifest(path), session.posargs)
    except TtciError as error:
        session.error(str(error))
    begin(_REPORTS, jobs, devices)
    for pair, reason in jobs.not_run_here:
        session.log(f"{pair} is not run: {reason}")
    for job in jobs.here:
        session.notify(f"pair({job.pair})", pytest_args)
    absent = [job for job in jobs.jobs if job.missing]
    if not jobs.jobs:
        session.log(NOTHING_LEFT)
    elif not jobs.here or (devices and absent):
        session.error("not available: " + "; ".join(f"{job.pair}: {job.missing}" for job in absent))


def _chosen(manifest: Manifest, arguments: list[str]) -> tuple[Plan, list[str], list[str]]:
    """The plan of a session's arguments, the devices they name, and what goes to pytest."""
    position = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser("nox -s models --", allow_abbrev=False)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--device", action="append", default=[], dest="devices", metavar="NAME")
    parser.add_argument("--changed", nargs="?", const="", metavar="BASE")
    parser.add_argument("--failed", action="store_true")
    options = parser.parse_intermixed_args(arguments[:position])
    jobs = plan(manifest, options.models, options.devices)
    jobs = narrowed(jobs, manifest, _REPORTS, changed=options.changed, failed=options.failed)
    return jobs, options.devices, arguments[position + 1 :]


def _test_pair(session: nox.Session, path: Path, name: str) -> None:
    model, device = model_and_device(name)
    python = pair_python(session, model, device, path)
    options = ["--manifest", str(path), "--report-dir", str(_REPORTS)]
    command = [python, "-m", "ttci", "run", model, "--device", device, *options]
    session.run(*command, "--", *session.posargs, external=True)


def pair_python(session: nox.Session, model: str, device: str, manifest: str | Path = DEFAULT_PATH) -> str:
    """The Python of the environment that a pair runs in, made where it is not there.

    Args:
        session: ends with what is wrong where it cannot be made.
        model: of the manifest.
        device: of the manifest.
        manifest: its path.
    """
    try:
        loaded = load_manifest(Path(manifest))
        [job] = plan(loaded, [model], [device]).jobs
        return str(PairEnvironment.of(loaded, job).make())
    except TtciError as error:
        session.error(str(error))
