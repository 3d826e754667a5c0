"""Where the folders of pairs lie below a folder of reports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ttci.errors import InputError
from ttci.manifest import Pair
from ttci.report import ended, planned

_DEEPEST = 2  # reports/<artifact>/<pair>: downloaded artifacts lie in a folder each
_FILES_OF_A_PAIR = ("run.json", ended.FILE_NAME)


def pair_folders(folder: Path) -> list[Path]:
    """The folders of pairs in `folder`, which may itself be one."""
    return list(_pair_folders(folder, _DEEPEST)) if folder.is_dir() else []


def plan_files(folder: Path) -> list[Path]:
    """The plan.json of `folder`, and those of the artifacts in it."""
    return sorted((*folder.glob(planned.FILE_NAME), *folder.glob(f"*/{planned.FILE_NAME}")))


def is_pair_folder(folder: Path) -> bool:
    """Whether this is the folder of a pair, whatever is left of it."""
    return pair_named(folder) is not None or any((folder / name).exists() for name in _FILES_OF_A_PAIR)


def pair_named(folder: Path) -> str | None:
    """The pair that a folder is named after, if it is."""
    try:
        return str(Pair.parse(folder.name))
    except InputError:
        return None


def _pair_folders(folder: Path, depth: int) -> Iterator[Path]:
    is_inside = depth < _DEEPEST
    if is_pair_folder(folder) or (is_inside and (folder / "log.txt").exists()):
        yield folder
    elif depth and not (is_inside and folder.is_symlink()):  # a link may lead anywhere
        for inside in sorted(folder.iterdir()):
            if inside.is_dir() and not inside.name.startswith("."):
                yield from _pair_folders(inside, depth - 1)
