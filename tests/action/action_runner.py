"""Runs the steps of a composite action, or of a job, as GitHub's runner does.

Steps that run another action are recorded, and answered by a stand-in.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.action.github_expressions import Expressions

_SHELLS = {
    "bash": ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail"),
    None: ("bash", "-e"),  # of a workflow's step that names none; an action's must
}
_HEREDOC = re.compile(
    r"(?P<name>[^=<\n]+)<<(?P<end>.+)\n(?P<value>(?:.*\n)*?)(?P=end)\n|(?P<key>[^=\n]+)=(?P<text>.*)\n"
)

Outputs = dict[str, str]
StandIn = Callable[[Mapping[str, str]], Outputs]


class _WorkflowLoader(yaml.SafeLoader):
    """Only true and false are truths, as in YAML 1.2; elsewhere `on` would be one."""


_WorkflowLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_WorkflowLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


@dataclass(frozen=True)
class Used:
    """A step that ran another action, and what it was given."""

    action: str
    inputs: Outputs


@dataclass
class Job:
    """What the steps of a job have left so far."""

    expressions: Expressions
    workspace: Path
    temporary: Path
    environment: dict[str, str]
    context: dict[str, Any]
    stand_ins: Mapping[str, StandIn]
    job: dict[str, str] = field(default_factory=dict)
    status: str = "success"
    steps: dict[str, Any] = field(default_factory=dict)
    used: list[Used] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    log: str = ""
    summary: str = ""

    def run(self, steps: list[dict[str, Any]]) -> None:
        """Run every step whose condition holds."""
        for number, step in enumerate(steps):
            context = self.whole_context()
            if not self.expressions.condition(step.get("if", "success()"), context, self.status):
                self._record(step, "skipped", {})
                continue
            self.names.append(step.get("name", step.get("uses", "")))
            succeeded, outputs = self._use(step) if "uses" in step else self._script(step, number)
            self._record(step, "success" if succeeded else "failure", outputs)
            if not succeeded and not step.get("continue-on-error"):
                self.status = "failure"

    def whole_context(self) -> dict[str, Any]:
        """What expressions may name now."""
        runner = {"temp": str(self.temporary), "os": "Linux"}
        return {
            **self.context,
            "steps": self.steps,
            "runner": runner,
            "job": self.job | {"status": self.status},
        }

    def texts(self, texts: Mapping[str, object]) -> Outputs:
        """Values of a mapping in YAML, with their expressions evaluated."""
        as_text = {key: _as_text(value) for key, value in texts.items()}
        return self.expressions.texts(as_text, self.whole_context(), self.status)

    def _record(self, step: Mapping[str, Any], outcome: str, outputs: Outputs) -> None:
        if "id" in step:
            self.steps[step["id"]] = {"outcome": outcome, "conclusion": outcome, "outputs": outputs}

    def _use(self, step: Mapping[str, Any]) -> tuple[bool, Outputs]:
        action = step["uses"].partition("@")[0]
        inputs = self.texts(step.get("with", {}))
        self.used.append(Used(action, inputs))
        return True, self.stand_ins[action](inputs)

    def _script(self, step: Mapping[str, Any], number: int) -> tuple[bool, Outputs]:
        script = self.temporary / f"step_{number}.sh"
        script.write_text(self.texts({"run": step["run"]})["run"], encoding="utf-8")
        files = {name: self._empty(name, number) for name in ("OUTPUT", "ENV", "PATH", "STEP_SUMMARY")}
        environment = self.environment | self.texts(step.get("env", {}))
        environment |= {f"GITHUB_{name}": str(file) for name, file in files.items()}
        done = subprocess.run(
            [*_SHELLS[step.get("shell")], str(script)],
            cwd=self.workspace,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        self.log += done.stdout
        self.summary += files["STEP_SUMMARY"].read_text(encoding="utf-8")
        self.environment |= read_values(files["ENV"])
        paths = files["PATH"].read_text(encoding="utf-8").split()
        self.environment["PATH"] = os.pathsep.join([*reversed(paths), self.environment["PATH"]])
        return done.returncode == 0, read_values(files["OUTPUT"])

    def _empty(self, name: str, number: int) -> Path:
        file = self.temporary / f"{name}_{number}"
        file.write_bytes(b"")
        return file


def run_action(job: Job, action: Path, inputs: Mapping[str, str]) -> Outputs:
    """Run ``action.yml`` with `inputs`; returns its outputs, of a failed one too."""
    declared = read_yaml(action / "action.yml")
    assert set(inputs) <= set(declared["inputs"]), "unknown inputs"
    defaults = {name: _as_text(entry.get("default", "")) for name, entry in declared["inputs"].items()}
    job.context = job.context | {"inputs": defaults | dict(inputs)}
    job.context["github"] = job.context["github"] | {"action_path": str(action)}
    job.environment["GITHUB_ACTION_PATH"] = str(action)
    job.run(declared["runs"]["steps"])
    return job.texts({name: entry["value"] for name, entry in declared["outputs"].items()})


def read_yaml(path: Path) -> Any:
    """A workflow or an action; ``on`` stays the word that GitHub reads."""
    return yaml.load(path.read_text(encoding="utf-8"), _WorkflowLoader)


def read_values(file: Path) -> Outputs:
    """What a step appended to GITHUB_OUTPUT or GITHUB_ENV: ``name=value``, or with a delimiter."""
    text = file.read_text(encoding="utf-8")
    found = list(_HEREDOC.finditer(text))
    assert "".join(match[0] for match in found) == text, f"not what GitHub reads: {text!r}"
    return {m["name"]: m["value"][:-1] if m["value"] else "" for m in found if m["name"]} | {
        m["key"]: m["text"] for m in found if m["key"]
    }


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
