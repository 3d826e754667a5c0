"""Where a run happened: the `environment` of run.json."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# Given to the processes of a pair: its log.txt, and the folder for why they came to no result.
LOG_VARIABLE, ENDED_VARIABLE = "TTCI_LOG", "TTCI_ENDED_FOLDER"


def add_to_log(text: str) -> None:
    """Keep what is too long to be shown in the pair's log.txt, where there is one."""
    path = os.environ.get(LOG_VARIABLE)
    if path:
        with Path(path).open("a", encoding="utf-8") as log:
            log.write(f"{text}\n")


def describe_environment(folder: Path) -> dict[str, Any]:
    """Host, processor, versions, and the git commit and branch of `folder`."""
    return {
        "host": socket.gethostname(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": installed_version("torch"),
        "ttnn": installed_version("ttnn"),
        "ttci": installed_version("ttci"),
        "git_commit": _git(folder, "rev-parse", "HEAD"),
        "git_branch": _git_branch(folder),
        "runner": os.environ.get("RUNNER_NAME"),
    }


def installed_version(package: str) -> str | None:
    """The installed version of `package`, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def _git_branch(folder: Path) -> str | None:
    """The branch; CI runners check out a bare commit and name the branch beside it."""
    branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD")
    if branch != "HEAD":
        return branch
    return os.environ.get("GITHUB_HEAD_REF") or os.environ.get("GITHUB_REF_NAME")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
