"""The steps of a job, in this process."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.action.action_runner import Outputs, read_values
from tests.repositories import GIT, Repository
from ttci.action.__main__ import main


@dataclass
class Steps:
    """The steps of a job, in this process: they start the commands that the action starts."""

    repository: Repository
    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]
    inputs: dict[str, str] = field(default_factory=lambda: {"history": "branch"})

    def run(self, step: str, said: dict[str, str], **inputs: str) -> tuple[Outputs, str]:
        """What a step leaves: its outputs and its log."""
        outputs = self.repository.clone.parent / "outputs"
        outputs.write_text("")
        with self.monkeypatch.context() as patch:
            patch.chdir(self.repository.clone)
            told = {"annotations": "false", "summary": "false"} | self.inputs | inputs
            variables = {f"TTCI_INPUT_{name.upper()}": value for name, value in told.items()}
            for name, value in ({"GITHUB_OUTPUT": str(outputs)} | GIT | said | variables).items():
                patch.setenv(name, value)
            assert main([step]) == 0
        captured = self.capfd.readouterr()
        return read_values(outputs), captured.out + captured.err
