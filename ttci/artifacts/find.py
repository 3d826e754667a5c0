"""Where the folders of pairs, and the plans of their runs, lie below a folder of reports.

Downloaded artifacts lie in a folder each, and one of several paths keeps its folders, so that
pairs are looked for at every depth: one that is not found would make the report look better.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ttci.artifacts import names
from ttci.errors import InputError, MachineryError
from ttci.manifest import Pair

MOST_FOLDERS = 100_000  # that are looked into below one folder
_RESULTS = (names.RUN, names.ENDED)
_OTHER_FILES = (names.LOG, names.JUNIT, names.BENCHMARK)
_PARTS_OF_A_PAIR = (*names.PARTS, names.AGAIN)  # folders of a run that was killed: no pairs of their own


@dataclass
class Found:
    """What lies below a folder of reports.

    Attributes:
        pairs: the folders of pairs.
        plans: every plan.json.
        comparisons: every comparison.json.
        unread: folders that were not looked into, each with the reason.
    """

    pairs: list[Path] = field(default_factory=list)
    plans: list[Path] = field(default_factory=list)
    comparisons: list[Path] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def look_below(root: Path) -> Found:
    """The pairs and plans of `root`, which may itself be a pair's folder, and of all folders in it.

    Neither hidden folders nor links to folders are looked into.
    """
    found = Found()

    def note(error: OSError) -> None:
        found.unread.append(f"{error.filename}: cannot be read: {error.strerror}")

    if not root.is_dir():
        return found
    for count, (name, folders, files) in enumerate(os.walk(root, onerror=note)):
        if count == MOST_FOLDERS:
            found.unread.append(f"{root}: more than {MOST_FOLDERS:,} folders; name those of the reports")
            break
        folder = Path(name)
        is_only_debugged = folders == [names.DEBUG] and not files  # it has never run
        is_pair = _has_results(folder, files, folders) or (
            not is_only_debugged and _left_nothing_else(folder, root, files)
        )
        found.pairs += [folder] if is_pair else []
        found.pairs += [link for link in map(folder.joinpath, sorted(folders)) if _is_link_to_pair(link)]
        found.plans += [folder / names.PLAN] if names.PLAN in files else []
        found.comparisons += [folder / names.COMPARISON] if names.COMPARISON in files else []
        passed_over = _PARTS_OF_A_PAIR if is_pair else ()
        folders[:] = sorted(inside for inside in folders if inside[0] != "." and inside not in passed_over)
    found.pairs = _without_artifacts(found.pairs)
    return found


def pair_folders(folder: Path) -> list[Path]:
    """The folders of pairs in `folder`.

    Raises:
        MachineryError: where it cannot be looked into everywhere.
    """
    found = look_below(folder)
    if found.unread:
        raise MachineryError("; ".join(found.unread))
    return found.pairs


def _has_results(folder: Path, *inside: Collection[str]) -> bool:
    names = {name for some in inside for name in some}
    return not names.isdisjoint(_RESULTS) or (
        pair_named(folder) is not None and not names.isdisjoint(_OTHER_FILES)
    )


def _left_nothing_else(folder: Path, root: Path, files: Sequence[str]) -> bool:
    """Whether this is a pair's whose run left no result: by its name or its log, where `ttci run` writes."""
    is_near = folder == root or root in (folder.parent, folder.parent.parent)
    if not is_near and not (folder.parent / names.PLAN).exists():
        return False
    return pair_named(folder) is not None or (folder != root and names.LOG in files)


def _is_link_to_pair(folder: Path) -> bool:
    return folder.is_symlink() and is_pair_folder(folder)


def _without_artifacts(folders: Sequence[Path]) -> list[Path]:
    """Without folders that are named after a pair and hold nothing of it but, further down, its folder."""
    around = {above for folder in folders for above in folder.parents}
    return [folder for folder in folders if folder not in around or _holds_any_file(folder)]


def _holds_any_file(folder: Path) -> bool:
    return any((folder / name).exists() for name in (*_RESULTS, *_OTHER_FILES))


def is_pair_folder(folder: Path) -> bool:
    """Whether this is the folder of a pair, whatever is left of it."""
    return pair_named(folder) is not None or any((folder / name).exists() for name in _RESULTS)


def pair_named(folder: Path) -> str | None:
    """The pair that a folder is named after, if it is."""
    try:
        return str(Pair.parse(folder.name))
    except InputError:
        return None
