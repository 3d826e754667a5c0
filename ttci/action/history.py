"""The history of a job: where it is, who may write it, and keeping the runs in it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from ttci.action.files import commands_stopped, print_warning
from ttci.action.inputs import Inputs
from ttci.action.install import install
from ttci.environment import github_event
from ttci.errors import MachineryError, TtciError
from ttci.manifest import load_manifest

_WRITING_EVENTS = ("push", "schedule", "workflow_dispatch")
_LONGEST_WARNING = 2000  # characters


def source_of(inputs: Inputs) -> str:
    """What is asked for, else what the manifest says, else ``off``; a wrong manifest is the tests' to say."""
    if inputs.history:
        return inputs.history
    try:
        return load_manifest(inputs.manifest).history.store or "off"
    except TtciError:
        return "off"


def options_of(inputs: Inputs) -> list[str]:
    """Of a command that reads a history; a path in the manifest is relative to that."""
    own = ["--history", inputs.history] if inputs.history else []
    return ["--manifest", str(inputs.manifest), *own]


def access(inputs: Inputs, environ: Mapping[str, str]) -> str:
    """``write`` where the runs are to be kept, ``read`` where they are only compared, else ``off``."""
    if source_of(inputs) == "off":
        return "off"
    return "write" if inputs.history_add and is_trusted(environ) else "read"


def is_trusted(environ: Mapping[str, str]) -> bool:
    """Whether this is a run of the repository's own default branch, and not of a pull request.

    A scheduled run always is one of the default branch, and its event does not always say which that is.
    """
    event = environ.get("GITHUB_EVENT_NAME")
    if event not in _WRITING_EVENTS:
        return False
    repository = github_event(environ).get("repository")
    if not isinstance(repository, dict):
        return event == "schedule"
    name, branch = repository.get("full_name"), repository.get("default_branch")
    is_own = isinstance(name, str) and name == environ.get("GITHUB_REPOSITORY")
    return is_own and isinstance(branch, str) and environ.get("GITHUB_REF") == f"refs/heads/{branch}"


def install_statistics() -> None:
    """Install what drift is judged with; without it the report says that it is not there."""
    try:
        install("history", "what drift is judged with")
    except MachineryError as error:
        print_warning(str(error))


def make_site(inputs: Inputs, environ: Mapping[str, str]) -> bool:
    """Make the site of the history in the report's folder; False where this run may not publish one.

    Raises:
        MachineryError: it could not be made; the log says why.
    """
    if not is_trusted(environ):
        print("not made: only a run of the repository's own default branch publishes its history")
        return False
    install_statistics()
    command = [sys.executable, "-m", "ttci", "history", "site", "--out", str(inputs.report_dir)]
    if subprocess.run([*command, *options_of(inputs)], check=False).returncode:
        raise MachineryError("the site of the history could not be made; the log says why")
    return True


def keep_runs(inputs: Inputs, environ: Mapping[str, str]) -> None:
    """Add the runs of the report's folder to the history; what goes wrong is a warning and no more."""
    if access(inputs, environ) != "write":
        print("not kept: only a run of the repository's own default branch adds to its history")
        return
    command = [sys.executable, "-m", "ttci", "history", "add", str(inputs.report_dir), *options_of(inputs)]
    with commands_stopped():
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
        print(done.stderr)
    if done.returncode:
        print_warning(f"not all runs were kept in the history: {done.stderr.strip()[-_LONGEST_WARNING:]}")
