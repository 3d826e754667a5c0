# /// script
# dependencies = [
#   "filelock>=3.16",
#   "nox>=2025.2",
#   "pydantic>=2.11",
#   "tomli>=2.2",
#   "tree-sitter>=0.23",
#   "tree-sitter-toml>=0.7",
#   "virtualenv>=20.31",
# ]
# ///
"""The sessions of ttci: ``nox -s models -- llama3`` tests models, ``nox -s tests`` tests ttci."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from ttci.nox import model_sessions, pair_python  # noqa: E402

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


TESTS_ON_TTNN = Path("tests/on_ttnn")
# A pair in whose environment ttnn is.
ON_TTNN = ("llama3", "n150-mock")
ON_OLDER_TTNN = ("bert", "n150-mock-older-ttnn")

model_sessions()


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
    python = pair_python(session, *ON_TTNN)
    needed = nox.project.dependency_groups(PYPROJECT, "on-ttnn")
    session.run(python, "-m", "pip", "install", "--quiet", *needed, external=True)
    # A file's tests share a board that was opened once, and what a process found.
    options = ("-n", "auto", "--dist", "loadfile", "--durations=20", *session.posargs)
    session.run(python, "-m", "pytest", TESTS_ON_TTNN, *options, env=TEST_ENVIRONMENT, external=True)


@nox.session(venv_backend="none")
def tests_on_older_ttnn(session: nox.Session) -> None:
    """Test on the release of ttnn before the newest that its numbers are followed: [-- PYTEST ARGS]."""
    python = pair_python(session, *ON_OLDER_TTNN)
    parts = ("follow", "goldens", "releases")
    files = sorted(file for part in parts for file in TESTS_ON_TTNN.glob(f"test_{part}*.py"))
    options = ("-n", "auto", "--dist", "loadfile", *session.posargs)
    session.run(python, "-m", "pytest", *files, *options, env=TEST_ENVIRONMENT, external=True)


@nox.session(venv_backend="none")
def upstream(session: nox.Session) -> None:
    """Count how many of ttnn's own tests pass on a mock board: -- CHECKOUT [--board BOARD] [PATHS]."""
    python = pair_python(session, *ON_TTNN)
    session.run(python, "benchmarks/upstream/count.py", *session.posargs, external=True)


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
def docs(session: nox.Session) -> None:
    """Build the documentation into build/docs; a dead link or an undocumented name is an error."""
    session.install("-e", ".[torch]", *nox.project.dependency_groups(PYPROJECT, "docs"))
    options = ("--builder=html", "--nitpicky", "--fail-on-warning", "--keep-going", "--fresh-env")
    session.run("sphinx-build", *options, *session.posargs, "docs", "build/docs")


@nox.session(venv_backend=WITH_TORCH)
def bench(session: nox.Session) -> None:
    """Measure ttci against what people do by hand: -- NAME…, every benchmark where none is named."""
    session.install("-e", ".[history,torch]", *nox.project.dependency_groups(PYPROJECT, "bench"))
    names = session.posargs or sorted(path.stem for path in Path("benchmarks").glob("[a-z]*.py"))
    for name in names:
        python = pair_python(session, *ON_TTNN) if name == "mock" else "python"
        session.run(python, f"benchmarks/{name}.py", external=name == "mock")
