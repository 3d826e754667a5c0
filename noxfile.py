# /// script
# dependencies = [
#   "filelock>=3.16",
#   "nox>=2025.2",
#   "pydantic>=2.11",
#   "tomli>=2.2",
#   "tree-sitter>=0.23",
#   "tree-sitter-toml>=0.7",
# ]
# ///
"""The sessions of ttci: ``nox -s models -- llama3`` tests models, ``nox -s tests`` tests ttci."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from ttci.catalog.backends import backend  # noqa: E402
from ttci.errors import TtciError  # noqa: E402
from ttci.manifest import load_manifest  # noqa: E402
from ttci.manifest.identity import model_and_device  # noqa: E402
from ttci.planning.begin import begin  # noqa: E402
from ttci.planning.needs import TTNN_PYTHONS  # noqa: E402
from ttci.planning.plan import Plan, plan  # noqa: E402

PYPROJECT = nox.project.load_toml("pyproject.toml")

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests"]

# What installs torch: uv reads no pip.conf, which is where a machine names the torch that it has at hand.
WITH_TORCH = "virtualenv"
# The tests share the cores, of which each worker's torch would otherwise take every one. They start Python
# over a thousand times: what it has compiled is kept, whatever the machine says.
TEST_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": None}


def declared_pairs() -> list[str]:
    """Every pair of the manifest; none if it is wrong, which `models` then says."""
    try:
        jobs = plan(load_manifest(), models=[], devices=["*"]).jobs
    except TtciError:
        return []
    return [str(job.pair) for job in jobs]


def environment(session: nox.Session, extra: str) -> str:
    """The Python of an environment that all pairs of one backend share; made when it is not there."""
    folder = ROOT / ".nox" / f"pair-{extra}"
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    requirements = ["-e", f".[{extra}]", *nox.project.dependency_groups(PYPROJECT, "pair")]
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        base = base_python(session, extra)
        session.run(
            sys.executable, "-m", "virtualenv", "--quiet", "--python", base, str(folder), external=True
        )
        session.run(str(python), "-m", "pip", "install", "--quiet", *requirements, external=True)
        stamp.write_text(wanted)
    return str(python)


def base_python(session: nox.Session, extra: str) -> str:
    """A Python that the environment can be made with: for ttnn one of those it has wheels for."""
    if extra != "ttnn":
        return sys.executable
    preferred_first = TTNN_PYTHONS[::-1]
    found = next(filter(runs, map("python{}".format, preferred_first)), None)
    if found is None:
        session.error(
            f"ttnn needs Python {' or '.join(preferred_first)}, and neither is on the PATH; install one"
        )
    return found


def runs(python: str) -> bool:
    """Whether there is such a Python: a shim on the PATH may lead nowhere."""
    path = shutil.which(python)
    return path is not None and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0


def chosen(arguments: list[str]) -> tuple[Plan, list[str], list[str]]:
    """The plan of a session's arguments, the devices they name, and what goes to pytest."""
    position = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser("nox -s models --", allow_abbrev=False)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--device", action="append", default=[], dest="devices", metavar="NAME")
    options = parser.parse_intermixed_args(arguments[:position])
    jobs = plan(load_manifest(), options.models, options.devices)
    return jobs, options.devices, arguments[position + 1 :]


@nox.session(venv_backend="none")
def models(session: nox.Session) -> None:
    """Test models on their devices: -- MODEL… [--device NAME]… [-- PYTEST ARGS]."""
    try:
        jobs, devices, pytest_args = chosen(session.posargs)
    except TtciError as error:
        session.error(str(error))
    begin(ROOT / "reports", jobs, devices)
    for pair, reason in jobs.not_run_here:
        session.log(f"{pair} is not run: {reason}")
    for job in jobs.here:
        session.notify(f"pair({job.pair})", pytest_args)
    absent = [job for job in jobs.jobs if job.missing]
    if not jobs.here or (devices and absent):
        session.error("not available: " + "; ".join(f"{job.pair}: {job.missing}" for job in absent))


@nox.session(venv_backend="none")
@nox.parametrize("pair", [nox.param(pair, id=pair) for pair in declared_pairs()])
def pair(session: nox.Session, pair: str) -> None:
    """Test one model on one device: "pair(llama3@cpu)" [-- PYTEST ARGS]."""
    model, device = model_and_device(pair)
    python = environment(session, backend(load_manifest().devices[device].backend).extra)
    command = [python, "-m", "ttci", "run", model, "--device", device, "--", *session.posargs]
    session.run(*command, external=True)


@nox.session(venv_backend=WITH_TORCH)
def tests(session: nox.Session) -> None:
    """Test ttci itself: [-- PYTEST ARGS]."""
    session.install("-e", ".[history,torch]", *nox.project.dependency_groups(PYPROJECT, "test"))
    session.run("pytest", "-n", "auto", "--durations=20", *session.posargs, env=TEST_ENVIRONMENT)


@nox.session
def tests_quick(session: nox.Session) -> None:
    """Test what needs no torch, browser, Node or ttnn, and how much of ttci that runs: [-- PYTEST ARGS]."""
    session.install("-e", ".[history]", *nox.project.dependency_groups(PYPROJECT, "quick"))
    options = ("-p", "tests.quick_lane", "-n", "auto", "--durations=20")
    # The floor is one for the whole lane: a chosen few of its tests are below it.
    coverage = () if session.posargs else ("--cov",)
    session.run("pytest", *options, *coverage, *session.posargs, env=TEST_ENVIRONMENT)


@nox.session(venv_backend="none")
def tests_on_ttnn(session: nox.Session) -> None:
    """Test ttci on real ttnn with mock boards: [-- PYTEST ARGS]."""
    python = environment(session, "ttnn")
    # A file's tests share a board that was opened once, and what a process found.
    options = ("-n", "auto", "--dist", "loadfile", "--durations=20", *session.posargs)
    session.run(python, "-m", "pytest", "tests/on_ttnn", *options, env=TEST_ENVIRONMENT, external=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Check and format every file: the hooks of pre-commit."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure", *session.posargs)


@nox.session(venv_backend=WITH_TORCH)
def types(session: nox.Session) -> None:
    """Check the types, strictly."""
    session.install("-e", ".[history,torch]", *nox.project.dependency_groups(PYPROJECT, "types"))
    session.run("mypy", "ttci", "models", "tests", "benchmarks", "noxfile.py", *session.posargs)


@nox.session
def dist(session: nox.Session) -> None:
    """Build what a release publishes into dist/, and check it."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "dist"))
    folder = ROOT / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(folder), str(ROOT))
    built = sorted(map(str, folder.iterdir()))
    session.run("twine", "check", "--strict", *built)
    session.run("check-wheel-contents", *(name for name in built if name.endswith(".whl")))


@nox.session(venv_backend=WITH_TORCH)
def bench(session: nox.Session) -> None:
    """Measure ttci against what people do by hand: -- NAME…, every benchmark where none is named."""
    session.install("-e", ".[history,torch]", *nox.project.dependency_groups(PYPROJECT, "test"))
    names = session.posargs or sorted(path.stem for path in Path("benchmarks").glob("[a-z]*.py"))
    for name in names:
        python = environment(session, "ttnn") if name == "mock" else "python"
        session.run(python, f"benchmarks/{name}.py", external=name == "mock")
