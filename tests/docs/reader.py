"""A reader who does what a page says, in a project of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import clean_environment
from tests.docs.page import Block
from tests.docs.transcript import Command, commands_of
from tests.repositories import GIT

RUN_EACH = "import runpy, sys\nfor file in sys.argv[1:]: runpy.run_path(file)"
PROJECT, SHOWN_AS = "mymodel", "/home/you/mymodel"  # where pages have it
SHELL = """\
(exit {before})
{text}
status=$?
printf %s "$status" > {status}
"""


@dataclass
class Reader:
    """A folder in which the files of a page are written, and its commands typed.

    Attributes:
        environment: variables beside those of the tests.
        problems: what the page says and is not so.
    """

    folder: Path
    environment: Mapping[str, str]
    problems: list[str] = field(default_factory=list)
    _written: list[str] = field(default_factory=list)
    _status: int = 0

    @classmethod
    def begin(cls, folder: Path, environment: Mapping[str, str]) -> Reader:
        """A reader with an empty project in `folder`."""
        project = folder / PROJECT
        project.mkdir()
        # No page waits until a latency is steady.
        own = {"PYTEST_ADDOPTS": "--benchmark-max-time=0.2", "TTCI_CACHE": str(folder / "cache")}
        return cls(project, {**own, **environment})

    def read(self, blocks: Iterable[Block]) -> None:
        """Do what the blocks say, in their order."""
        for block in blocks:
            if block.file:
                self._write(block, block.file)
            elif block.language == "console":
                for command in commands_of(block):
                    self._type(command)
        self._run_python()

    def _write(self, block: Block, name: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        before = f"{file.read_text(encoding='utf-8')}\n" if block.is_added else ""
        file.write_text(before + block.text, encoding="utf-8")
        if name.endswith(".py") and name not in self._written:
            self._written.append(name)

    def _type(self, command: Command) -> None:
        if self._status and "$?" not in command.text:
            self.problems.append(f"{command.block}: what came before ended with {self._status}: type echo $?")
        status = self.folder.parent / "status"
        script = SHELL.format(before=self._status, text=command.text, status=status)
        done = self._start(["bash", "-c", script])
        self._status = int(status.read_text(encoding="utf-8"))
        printed = done.stdout.replace(str(self.folder), SHOWN_AS)
        difference = command.difference(printed)
        if difference:
            self.problems.append(difference)

    def _run_python(self) -> None:
        """Run each Python file of the page, in one process: what stands there has to work."""
        if self._status:
            self.problems.append(f"the last command ended with {self._status}: type echo $?")
        if self._written:
            done = self._start([sys.executable, "-c", RUN_EACH, *self._written])
            if done.returncode:
                self.problems.append(f"{', '.join(self._written)}\n{done.stdout}")

    def _start(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**clean_environment(), **GIT, "COLUMNS": "100", **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=500,
        )
