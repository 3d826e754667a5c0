"""The built wheel, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from tests.conftest import clean_environment
from tests.root import ROOT


@dataclass(frozen=True)
class Installed:
    """What a release consists of, and an environment with nothing but the wheel and what it asks for."""

    folder: Path

    @property
    def wheel(self) -> Path:
        [wheel] = self.folder.glob("*.whl")
        return wheel

    @property
    def sdist(self) -> Path:
        [sdist] = self.folder.glob("*.tar.gz")
        return sdist

    @property
    def programs(self) -> Path:
        return self.folder / "environment" / "bin"

    def make(self) -> None:
        self.folder.mkdir()
        build = ("build", "--outdir", str(self.folder), str(ROOT))
        subprocess.run([sys.executable, "-m", *build], check=True)
        venv.create(self.folder / "environment", with_pip=True)
        subprocess.run([self.programs / "pip", "install", "--quiet", str(self.wheel)], check=True)

    def run(self, folder: Path, program: str, *arguments: str, **environment: str) -> str:
        """What a program of the environment prints."""
        return run(folder, self.programs / program, *arguments, **environment)


def run(folder: Path, *command: str | Path, **environment: str) -> str:
    """What a program prints, which sees nothing of the environment that the tests run in."""
    outer = {name: value for name, value in clean_environment().items() if name != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=outer | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Made once, though each worker has a session of its own."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    made = Installed(shared / "wheel")
    with FileLock(shared / "wheel.lock"):
        if not made.folder.exists():
            made.make()
    return made
