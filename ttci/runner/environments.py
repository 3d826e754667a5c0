"""The environments that pairs run in: one for all pairs that need the same, made once and kept.

They lie below ``.nox`` beside the manifest, whether nox makes them or ``ttci run --isolated``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import tomli
from filelock import FileLock

from ttci.environment import own_requirement
from ttci.errors import DeviceUnavailableError, InputError, MachineryError, Mistake
from ttci.manifest import Manifest
from ttci.manifest.requirements import as_pip_arguments, files_named, local_packages
from ttci.planning.needs import TTNN_PYTHONS
from ttci.planning.plan import Job

_MOST_ERROR_LINES = 12
# What of a pyproject.toml decides on what is installed.
_TABLES = ("build-system", "project", "dependency-groups")


@dataclass(frozen=True)
class PairEnvironment:
    """A virtual environment with ttci, what a backend needs and what the models need.

    Attributes:
        folder: where it is.
        extra: of ttci, which the backend needs.
        requirements: of the models, in lines as of a requirements file.
        manifest: which asks for them, and which their paths are relative to.
    """

    folder: Path
    extra: str
    requirements: tuple[str, ...]
    manifest: Manifest

    @classmethod
    def of(cls, manifest: Manifest, job: Job) -> PairEnvironment:
        """That of a job; a device with requirements of its own has an environment of its own."""
        is_shared = not manifest.devices[job.pair.device].requirements
        name = f"pair-{job.environment}" if is_shared else f"pair-{job.environment}-{job.pair.device}"
        return cls(manifest.folder.resolve() / ".nox" / name, job.environment, job.requirements, manifest)

    @property
    def python(self) -> Path:
        """Its Python."""
        return self.folder / "bin" / "python"

    def make(self) -> Path:
        """Make it where it is not there, or not as it would be made now; returns its Python.

        Raises:
            InputError: what the models need cannot be installed.
            DeviceUnavailableError: there is no Python that it could be made with.
            MachineryError: it could not be made.
        """
        stamp = self.folder / "installed.txt"
        self._make_parent()
        with FileLock(self.folder.with_suffix(".lock")):
            wanted = self.fingerprint()
            if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
                print(f"making {self.folder.name}, which is kept: ttci[{self.extra}]", *self.requirements)
                self._create()
                self._install()
                stamp.write_text(wanted, encoding="utf-8")
        return self.python

    def _make_parent(self) -> None:
        try:
            self.folder.parent.mkdir(exist_ok=True)
            ignore = self.folder.parent / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
        except OSError as error:
            what = f"{error.strerror}; the environments of pairs lie there"
            raise InputError(f"{self.folder.parent}: {what}") from None

    def _create(self) -> None:
        command = [sys.executable, "-m", "virtualenv", "--quiet", "--clear"]
        done = _run([*command, "--python", base_python(self.extra), str(self.folder)], self._root)
        if done.returncode:
            raise MachineryError(f"{self.folder} could not be made:\n{_last_lines(done.stderr)}")

    def _install(self) -> None:
        """With one call of pip, which then sees whether everything goes together."""
        command = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = _run([*command, *own_requirement(self.extra), *self._arguments], self._root)
        if done.returncode == 0:
            return
        wanted = ", ".join([f"ttci[{self.extra}]", *self.requirements])
        what = f"pip could not install {wanted}:\n{_last_lines(done.stderr)}"
        if not self.requirements:
            raise MachineryError(what)
        line = self.manifest.line_of("environment", "requirements")
        raise InputError(Mistake(str(self.manifest.path), line, f"environment.requirements: {what}"))

    @property
    def _root(self) -> Path:
        return self.manifest.folder

    @property
    def _arguments(self) -> list[str]:
        return as_pip_arguments(self.requirements)

    def fingerprint(self) -> str:
        """What tells this environment from one that would be made otherwise: a digest of what goes in."""
        own = own_requirement(self.extra)
        local = local_packages([*self.requirements, " ".join(own)], self._root)
        constraint = os.environ.get("PIP_CONSTRAINT", "")
        files = [*files_named(self.requirements, self._root), *map(Path, constraint.split())]
        parts = [
            base_python(self.extra),
            own,
            self.requirements,
            [_text_of(path) for path in files],
            [*_declared(local)],
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def base_python(extra: str) -> str:
    """A Python that an environment can be made with: for ttnn one of those it has wheels for.

    Raises:
        DeviceUnavailableError: there is none.
    """
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if extra != "ttnn" or here in TTNN_PYTHONS:
        return sys.executable
    preferred_first = TTNN_PYTHONS[::-1]
    found = next(filter(_runs, map("python{}".format, preferred_first)), None)
    if found is None:
        what = f"ttnn needs Python {' or '.join(preferred_first)}, and neither is on the PATH; install one"
        raise DeviceUnavailableError(what)
    return found


def _runs(python: str) -> bool:
    """Whether there is such a Python: a shim on the PATH may lead nowhere."""
    path = shutil.which(python)
    return path is not None and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, stderr=subprocess.PIPE, text=True, check=False)


def _last_lines(text: str) -> str:
    """What a program says last: pip's own errors, where there are some."""
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return "\n".join((errors or lines)[-_MOST_ERROR_LINES:])


def _declared(folders: Iterable[Path]) -> Iterator[str]:
    """What packages in these folders ask for."""
    for folder in folders:
        text = _text_of(folder / "pyproject.toml")
        try:
            project = tomli.loads(text)
        except tomli.TOMLDecodeError:  # which pip says
            yield text
        else:
            yield json.dumps({table: project.get(table) for table in _TABLES}, default=str)
        yield from (_text_of(folder / name) for name in ("setup.py", "setup.cfg"))


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
