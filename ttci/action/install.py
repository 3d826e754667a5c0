"""Install into the environment of the action what its pairs need."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ttci import __version__
from ttci.errors import InputError, MachineryError, Mistake
from ttci.manifest import Manifest
from ttci.manifest.requirements import as_pip_arguments
from ttci.planning.plan import Job


def install(extra: str, what: str) -> None:
    """Install an extra of this ttci.

    Raises:
        MachineryError: where pip could not.
    """
    if not _pip(f"ttci[{extra}]=={__version__}"):
        raise MachineryError(f"{what} could not be installed; pip says why in the log")


def install_for(jobs: Sequence[Job], manifest: Manifest) -> None:
    """Install what the pairs need beside ttci itself; the environment of ttnn serves torch too.

    Raises:
        MachineryError: what the devices need could not be installed.
        InputError: nor what the models need.
    """
    if not jobs:
        return
    extra = "ttnn" if any(job.environment == "ttnn" for job in jobs) else "torch"
    requirements = list(dict.fromkeys(line for job in jobs for line in job.requirements))
    if not requirements:
        install(extra, f"what {extra} devices need")
    elif not _pip(f"ttci[{extra}]=={__version__}", *as_pip_arguments(requirements), folder=manifest.folder):
        line = manifest.line_of("environment", "requirements")
        wanted = ", ".join([f"ttci[{extra}]", *requirements])
        what = f"environment.requirements: pip could not install {wanted}; it says why in the log"
        raise InputError(Mistake(str(manifest.path), line, what))


def _pip(*arguments: str, folder: Path | None = None) -> bool:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return subprocess.run([*command, *arguments], cwd=folder, check=False).returncode == 0
