"""The inputs of a step, from its environment: all that is wrong with them in one go."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ttci.errors import InputError, did_you_mean, quoted
from ttci.history import SOURCE_HELP
from ttci.manifest import DEFAULT_PATH
from ttci.manifest.schema import STORE_PATTERN
from ttci.report import FAIL_ON

PUSHES = "push"  # of the input compare: pushes too, beside what their branch was at before
_PREFIX = "TTCI_INPUT_"
_UNFIT_FOR_AN_ARTIFACT = re.compile(r'[":<>|*?\\/\x00-\x1f\x7f]+')


@dataclass(frozen=True)
class Inputs:
    """What the user of the action asked for."""

    models: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    manifest: Path = DEFAULT_PATH
    pytest_args: tuple[str, ...] = ()
    report_dir: Path = Path("reports")
    fail_on: str = "failure"
    annotations: bool = True
    summary: bool = True
    artifact_name: str = "ttci-reports"
    history: str = ""  # what the manifest says where empty
    history_add: bool = True  # where the run is trusted
    confirm: bool = False
    compare: str = ""  # what is measured beside its base; nothing where empty
    compare_seconds: int = 60
    boards: int = 1  # how many runners there are of each kind that has a board
    python_version: str = ""
    board_python_version: str = ""
    container: str = ""


def read_inputs(environment: Mapping[str, str]) -> Inputs:
    """Read the inputs; an empty one means its default.

    Raises:
        InputError: with all that is wrong.
    """
    reader = _Reader(environment)
    inputs = Inputs(
        models=reader.words("models"),
        devices=reader.words("devices"),
        manifest=reader.path("manifest", DEFAULT_PATH),
        pytest_args=reader.command_line("pytest-args"),
        report_dir=reader.path("report-dir", Path("reports")),
        fail_on=reader.one_of("fail-on", FAIL_ON),
        annotations=reader.yes("annotations"),
        summary=reader.yes("summary"),
        artifact_name=reader.artifact_name("artifact-name", "ttci-reports"),
        history=reader.history("history"),
        history_add=reader.yes("history-add"),
        confirm=reader.yes("confirm", default="false"),
        compare=reader.one_of("compare", ("base", PUSHES)) if reader.text("compare") else "",
        compare_seconds=reader.count("compare-seconds", default="60"),
        boards=reader.count("boards"),
        python_version=reader.text("python-version"),
        board_python_version=reader.text("board-python-version"),
        container=reader.text("container"),
    )
    if reader.mistakes:
        raise InputError("\n".join(reader.mistakes))
    return inputs


class _Reader:
    """Reads values of the environment, and collects what is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.mistakes: list[str] = []

    def text(self, name: str) -> str:
        return self._environment.get(_PREFIX + name.upper().replace("-", "_"), "").strip()

    def words(self, name: str) -> tuple[str, ...]:
        words = tuple(self.text(name).replace(",", " ").split())
        for word in words:
            self._refuse_option(name, word)
        return words

    def path(self, name: str, default: Path) -> Path:
        self._refuse_option(name, self.text(name))
        return Path(self.text(name)) if self.text(name) else default

    def command_line(self, name: str) -> tuple[str, ...]:
        try:
            return tuple(shlex.split(self.text(name)))
        except ValueError as error:
            self.mistakes.append(f"{name}: {quoted(self.text(name))} is no command line: {error}")
            return ()

    def one_of(self, name: str, known: tuple[str, ...]) -> str:
        value = self.text(name) or known[0]
        if value not in known:
            self.mistakes.append(f"{name}: unknown value {quoted(value)}; {did_you_mean(value, known)}")
        return value

    def history(self, name: str) -> str:
        value = self.text(name)
        if value and not re.fullmatch(STORE_PATTERN, value):
            self.mistakes.append(f"{name}: {quoted(value)} is no place for a history; write {SOURCE_HELP}")
        return value

    def yes(self, name: str, default: str = "true") -> bool:
        value = self.text(name).lower() or default
        if value not in ("true", "false"):
            self.mistakes.append(f"{name}: {quoted(value)} is neither true nor false")
        return value == "true"

    def count(self, name: str, default: str = "1") -> int:
        value = self.text(name) or default
        if not re.fullmatch("[1-9][0-9]{0,3}", value):
            self.mistakes.append(f"{name}: {quoted(value)} is not a whole number from 1 to 9999")
            return 1
        return int(value)

    def artifact_name(self, name: str, default: str) -> str:
        """With what GitHub refuses in the name of an artifact replaced."""
        return _UNFIT_FOR_AN_ARTIFACT.sub("-", self.text(name)) or default

    def _refuse_option(self, name: str, word: str) -> None:
        if word.startswith("-"):
            self.mistakes.append(f"{name}: {quoted(word)} looks like an option; options go to pytest-args")
