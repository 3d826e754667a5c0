"""Folders of run.json, as ``ttci run`` leaves them, and folders that a history was kept in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ttci.artifacts import names
from ttci.history import record
from ttci.history.importing.files import files_of, read_text
from ttci.history.importing.source import Source
from ttci.results import Run, parse_run

_PARTS_OF_A_NAME = 4  # runs/<pair>/<month>/<start>-<id>.json


def files(path: Path) -> list[Path]:
    """`path`, or every run.json and every run of a history below it, at any depth."""
    return files_of(path, _is_run)


def _is_run(file: Path) -> bool:
    return file.name == names.RUN or record.is_file_name("/".join(file.parts[-_PARTS_OF_A_NAME:]))


def read(path: Path, source: Source) -> Iterator[Run]:  # noqa: ARG001  # it says itself where it is from
    """The run that the file at `path` holds.

    Raises:
        MachineryError: it is torn, of a newer schema, or no run.json.
    """
    yield parse_run(read_text(path).encode(), str(path))
