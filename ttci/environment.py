"""Where a run happened: the `environment` of run.json."""

from __future__ import annotations

import json
import os
import platform
import socket
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

from ttci.git import git_output

_MOST_EVENT_BYTES = 25 * 2**20  # GitHub's own bound of an event


def describe_environment(folder: Path) -> dict[str, Any]:
    """Host, processor, versions, and the git commit and branch of `folder`."""
    return {
        "host": socket.gethostname(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "python": platform.python_version(),
        "torch": installed_version("torch"),
        "ttnn": installed_version("ttnn"),
        "ttci": installed_version("ttci"),
        "git_commit": git_output(folder, "rev-parse", "HEAD") or _of_workflow(folder, "GITHUB_SHA"),
        "git_branch": _git_branch(folder),
        "runner": os.environ.get("RUNNER_NAME"),
        "event": os.environ.get("GITHUB_EVENT_NAME"),
        **boards_in(Path("/sys")),
    }


def installed_version(package: str) -> str | None:
    """The installed version of `package`, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def own_requirement(extra: str) -> list[str]:
    """What pip takes for the ttci that runs here, with one of its extras: the same, whichever way it came.

    Where it came from a file, a folder or a repository is said by ``direct_url.json`` (PEP 610).
    """
    source = Path(__file__).resolve().parent.parent
    try:
        found = distribution("ttci")
    except PackageNotFoundError:  # run from its source, which nothing has installed
        return ["-e", f"{source}[{extra}]"]
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        return ["-e", f"{source}[{extra}]"]
    if not origin:
        return [f"ttci[{extra}]=={found.version}"]
    vcs = origin.get("vcs_info")
    url = f"{vcs['vcs']}+{origin['url']}@{vcs['commit_id']}" if vcs else origin["url"]
    return [f"ttci[{extra}] @ {url}"]


def machine_facts() -> dict[str, str]:
    """The processor, the cores that this process may use, and the memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    facts = {"cpu": _cpu_model(), "cores": str(cores)}
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return facts
    kibibytes = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    total, free = (kibibytes.get(name, 0) * 1024 / 1e9 for name in ("MemTotal", "MemAvailable"))
    return facts | {"memory": f"{total:.1f} GB, {free:.1f} GB of it free"}


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def _git_branch(folder: Path) -> str | None:
    """The branch; CI runners check out a bare commit and name the branch beside it."""
    branch = git_output(folder, "rev-parse", "--abbrev-ref", "HEAD")
    if branch and branch != "HEAD":
        return branch
    if branch is None and not _of_workflow(folder, "GITHUB_SHA"):
        return None
    return os.environ.get("GITHUB_HEAD_REF") or os.environ.get("GITHUB_REF_NAME")


def _of_workflow(folder: Path, name: str) -> str | None:
    """What GitHub says of its checkout, where `folder` is in it: without git there is no repository."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    is_inside = workspace is not None and folder.resolve().is_relative_to(Path(workspace).resolve())
    return os.environ.get(name) or None if is_inside else None


def boards_in(sys_folder: Path) -> dict[str, str]:
    """The Tenstorrent boards below ``/sys``, their firmware and driver; nothing where there are none.

    The names of the files are those of tt-kmd, docs/sysfs-attributes.md.
    """
    chips = sorted(sys_folder.glob("class/tenstorrent/tenstorrent!*"))
    found = {
        "boards": ", ".join(filter(None, (_text_in(chip / "tt_card_type") for chip in chips))),
        "firmware": ", ".join(sorted({_text_in(chip / "tt_fw_bundle_ver") for chip in chips} - {""})),
        "driver": _text_in(sys_folder / "module/tenstorrent/version"),
    }
    return {key: text for key, text in found.items() if text}


def _text_in(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def github_event(environ: Mapping[str, str]) -> Mapping[str, Any]:
    """What GitHub says set off this run; empty where it does not, or that cannot be read."""
    try:
        with Path(environ.get("GITHUB_EVENT_PATH") or os.devnull).open("rb") as file:
            found = json.loads(file.read(_MOST_EVENT_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
