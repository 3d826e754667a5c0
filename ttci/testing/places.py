"""Which code is the user's own: the places that messages name."""

from __future__ import annotations

import inspect
import os
import sys
import sysconfig
import traceback
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

Place = tuple[str, int | None]  # a file and a line
UNKNOWN: Place = ("<unknown>", None)

_OWN_PACKAGE = __name__.partition(".")[0]
_PACKAGE = Path(__file__).parents[1]
_MODULES = f"{_PACKAGE / 'modules'}{os.sep}"
_LIBRARY_FOLDERS = tuple(
    f"{folder}{os.sep}"
    for folder in {
        str(_PACKAGE),
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")),
    }
)
_PACKAGE_FOLDERS = {"site-packages", "dist-packages"}


def caller_place() -> Place | None:
    """File and line of the nearest caller in the user's own code."""
    frame: FrameType | None = sys._getframe(1)
    while frame:
        if _is_users(frame):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def operation_place() -> str | None:
    """``file:line`` of who calls the operation that runs: the user's own code, else a module of ttci's."""
    frame: FrameType | None = sys._getframe(1)
    of_ttci = None
    while frame:
        if _is_users(frame):
            return place_text((frame.f_code.co_filename, frame.f_lineno))
        if of_ttci is None and frame.f_code.co_filename.startswith(_MODULES):
            of_ttci = frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None if of_ttci is None else f"{Path(of_ttci[0]).relative_to(_PACKAGE.parent)}:{of_ttci[1]}"


def user_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames of a traceback that lie in the user's own code."""
    walked = list(traceback.walk_tb(error.__traceback__))
    own = [(frame, line) for frame, line in walked if _is_users(frame)]
    in_files = [(frame, line) for frame, line in own if not _is_no_file(frame.f_code.co_filename)]
    return list(traceback.StackSummary.extract(iter(in_files or own)))


def definition_of(value: Any) -> Place | None:
    """Where a class or a function of the user's is defined."""
    try:
        file = inspect.getsourcefile(value)
        return (file, inspect.getsourcelines(value)[1]) if file and not _is_library(file) else None
    except (OSError, TypeError):
        return None


def place_text(place: Place) -> str:
    """``file:line``, relative to the repository (else the working directory) that holds the file."""
    file, line = place
    name = _name_in_repository(_without_dots(Path(file)), Path.cwd())
    return name if line is None else f"{name}:{line}"


def _without_dots(file: Path) -> Path:
    """The absolute path; ``..`` of a link is what it is to the file system, the folder above its target."""
    folder = file.parent.resolve() if ".." in file.parts else file.parent.absolute()
    return folder / file.name


@cache
def _name_in_repository(file: Path, working_directory: Path) -> str:
    root = next((folder for folder in file.parents if (folder / ".git").exists()), working_directory)
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name


def _is_users(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    if _is_no_file(file):  # typed in, or generated: a dataclass's __init__, say
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        return not file.startswith("<frozen") and package != _OWN_PACKAGE
    return not _is_library(file)


def _is_library(file: str) -> bool:
    return file.startswith(_LIBRARY_FOLDERS) or not _PACKAGE_FOLDERS.isdisjoint(Path(file).parts)


def _is_no_file(file: str) -> bool:
    return file.startswith("<")
